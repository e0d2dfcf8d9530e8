import CBaselines
import Foundation
import Gateway

/// Guards what a shard costs that has nothing to do: memory and CPU of 1,000 of them in one process. Each has had 512
/// events of 1 KB before, so that its stream's window is full, and keeps its heartbeat going at 41.25 s. The gateway
/// has a process of its own; events are discarded when they would leave for the broker.
struct IdleBenchmark {
    private static let shards = 1_000
    private static let events = 512
    private static let eventLoops = 2

    func run(_ rounds: Rounds) async throws {
        try Self.raiseFileLimit()
        let gateway = try ReplayProcess.start(events: Self.events)
        defer { gateway.stop() }
        for (compression, goal) in [(GatewayCompression.zlibStream, 200.0), (.zstdStream, 700)] {
            try await Self.measure(compression, goal: goal, url: gateway.url, for: rounds.length * rounds.count)
        }
    }

    private static func measure(
        _ compression: GatewayCompression, goal: Double, url: String, for length: Duration
    ) async throws {
        let before = try Memory.resident()
        let (memory, cpu) = try await ShardUnderLoad.run(
            slots: self.shards, gatewayURL: url, eventLoops: self.eventLoops,
            settings: ["FLOTILLA_GATEWAY_COMPRESSION": compression.rawValue]
        ) { shard in
            try await shard.waitUntilReady(self.shards)
            let expected = self.shards * (self.events + 1)
            while shard.count("flotilla_shard_events_total") < expected {
                try await Task.sleep(for: .milliseconds(50))
            }
            try await Task.sleep(for: .seconds(1))
            let used = process_cpu_seconds()
            try await Task.sleep(for: length)
            let cpu = (process_cpu_seconds() - used) / length.inSeconds * 100
            return (Double(try Memory.resident() - before) / Double(self.shards) / 1000, cpu)
        }
        Measurement(
            scenario: "idle", metric: "memory of a shard, \(compression.rawValue), of \(self.shards)", unit: "KB",
            ours: [memory], limit: [], goal: .valueAtMost(goal)
        ).report()
        Measurement(
            scenario: "idle", metric: "CPU of \(self.shards) shards, \(compression.rawValue)", unit: "% of a core",
            ours: [cpu], limit: [], goal: .none
        ).report()
    }

    /// A socket each, on a machine whose default may be 1,024.
    private static func raiseFileLimit() throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        guard limit.rlim_max > UInt(Self.shards + 200),
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        else { throw BenchmarkError("\(Self.shards + 200) open files are needed, \(limit.rlim_max) are allowed") }
    }
}
