import CBaselines
import Foundation
import Gateway

/// Guards what a shard costs that has nothing to do: memory and CPU of 1,000 of them in one process. Each has had 512
/// events of 1 KB before, so that its stream's window is full, and keeps its heartbeat going at 41.25 s. Each
/// compression is measured in a process of its own, whose memory nothing else has used before, and so is the gateway;
/// events are discarded when they would leave for the broker.
struct IdleBenchmark {
    private static let shards = 1_000
    private static let events = 512
    private static let eventLoops = 2

    private struct Figures: Codable {
        /// 1,000 bytes.
        let kilobytesOfShard: Double
        let percentOfCore: Double
    }

    func run(_ rounds: Rounds) async throws {
        try Self.raiseFileLimit()
        let seconds = min((rounds.length * rounds.count).inSeconds, 60)
        for (compression, goal) in [(GatewayCompression.zlibStream, 200.0), (.zstdStream, 700)] {
            let output = try await OwnProcess.output(
                of: ["idle", "--only-here", compression.rawValue, "--seconds", "\(seconds)"])
            let figures = try JSONDecoder().decode(Figures.self, from: Data(output.utf8))
            Measurement(
                scenario: "idle", metric: "memory of a shard, \(compression.rawValue), of \(Self.shards)", unit: "KB",
                ours: [figures.kilobytesOfShard], limit: [], goal: .valueAtMost(goal)
            ).report()
            Measurement(
                scenario: "idle", metric: "CPU of \(Self.shards) shards, \(compression.rawValue)",
                unit: "% of a core", ours: [figures.percentOfCore], limit: [], goal: .none
            ).report()
        }
    }

    /// What the processes do: prints the figures.
    static func measure(_ compression: GatewayCompression, for length: Duration) async throws {
        try self.raiseFileLimit()
        let gateway = try ReplayProcess.start(events: self.events)
        defer { gateway.stop() }
        let before = try Memory.resident()
        let figures = try await ShardUnderLoad.run(
            slots: self.shards, gatewayURL: gateway.url, eventLoops: self.eventLoops,
            settings: ["FLOTILLA_GATEWAY_COMPRESSION": compression.rawValue]
        ) { shard in
            try await shard.waitUntilReady(self.shards)
            let expected = self.shards * (self.events + 1)
            let deadline = ContinuousClock.now + .seconds(60)
            while shard.count("flotilla_shard_events_total") < expected {
                guard ContinuousClock.now < deadline else { throw BenchmarkError("the events did not come") }
                try await Task.sleep(for: .milliseconds(50))
            }
            try await Task.sleep(for: .seconds(1))
            let used = process_cpu_seconds()
            try await Task.sleep(for: length)
            let cpu = (process_cpu_seconds() - used) / length.inSeconds
            return Figures(
                kilobytesOfShard: Double(try Memory.resident() - before) / Double(self.shards) / 1000,
                percentOfCore: cpu * 100)
        }
        FileHandle.standardOutput.write(try JSONEncoder().encode(figures))
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
