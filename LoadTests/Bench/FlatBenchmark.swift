import AMQP
import Foundation
import NIOCore
import NIOPosix
import Sandbox

/// Guards the memory of a shard process: full rate through the broker, which stands still (SIGSTOP) for a tenth of the
/// time in the middle. Gateway and consumer are in the same process, and their memory is in the figures.
struct FlatBenchmark {
    let url: String
    let minutes: Double

    func run() async throws {
        let configuration = try AMQPConfiguration(url: self.url)
        guard let broker = ListeningProcess.id(port: configuration.port) else {
            throw BenchmarkError("no process of this machine listens on port \(configuration.port)")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let topology = try await LaneTopology(url: self.url, group: group)
        let consumer = try await CountingConsumer(url: self.url, on: group.next())
        let gateway = try await ReplayGateway.start(group: group)
        let length = Duration.seconds(self.minutes * 60)
        let samples = try await ShardUnderLoad.run(
            slots: 4, gatewayURL: gateway.url, amqpURL: self.url, exchange: LaneTopology.memberExchange
        ) { shard in
            try await shard.waitUntilReady(4)
            return try await Self.sample(for: length, broker: broker, shard: shard)
        }
        await gateway.close()
        await consumer.close()
        // What was left of the connections in the stall is gone by now; the lanes are deleted over a new one.
        await topology.connection.close()
        try await LaneTopology(url: self.url, group: group).close()
        try await group.shutdownGracefully()
        self.report(samples)
    }

    private struct Samples {
        /// Bytes, each half second.
        var memory: [Int] = []
        var events = 0
        var pauses = 0
        var lost = 0
        var endOfStall = 0
    }

    private static func sample(
        for length: Duration, broker: pid_t, shard: ShardUnderLoad
    ) async throws -> Samples {
        var samples = Samples()
        let start = ContinuousClock.now
        let (stallFrom, stallTo) = (length * 0.45, length * 0.55)
        var isStalled = false
        // However this ends, the broker goes on.
        defer { kill(broker, SIGCONT) }
        while true {
            let elapsed = ContinuousClock.now - start
            if elapsed >= length { break }
            if !isStalled, elapsed >= stallFrom, elapsed < stallTo {
                isStalled = true
                kill(broker, SIGSTOP)
            } else if isStalled, elapsed >= stallTo {
                isStalled = false
                kill(broker, SIGCONT)
                samples.endOfStall = samples.memory.count
            }
            samples.memory.append(try Memory.resident())
            try await Task.sleep(for: .milliseconds(500))
        }
        samples.events = shard.count("flotilla_shard_events_confirmed_total")
        samples.pauses = shard.count("flotilla_shard_pauses_total")
        samples.lost = shard.count("flotilla_shard_sessions_lost_total")
        return samples
    }

    private func report(_ samples: Samples) {
        let memory = samples.memory.map { Double($0) / 1e6 }
        guard memory.count >= 20 else { return }
        func mean(_ range: Range<Int>) -> Double {
            memory[range].reduce(0, +) / Double(max(1, range.count))
        }
        // The first twentieth is the start: caches and pools fill.
        let part = max(1, memory.count / 20)
        let start = mean(part..<(2 * part))
        let figures = [
            ("start", start), ("middle, at the stall's end", memory[min(samples.endOfStall, memory.count - 1)]),
            ("end", mean((memory.count - part)..<memory.count)), ("maximum", memory.max() ?? 0),
        ]
        for (name, value) in figures {
            Measurement(
                scenario: "flat", metric: "resident memory over \(self.minutes) min, \(name)", unit: "MB",
                ours: [value], limit: [start], goal: name == "end" ? .atMost(1.3) : .none
            ).report()
        }
        Measurement(
            scenario: "flat", metric: "events confirmed", unit: "events/s",
            ours: [Double(samples.events) / (self.minutes * 60)], limit: [], goal: .valueAtLeast(1)
        ).report()
        Measurement(
            scenario: "flat", metric: "sessions lost", unit: "sessions", ours: [Double(samples.lost)], limit: [],
            goal: .valueAtMost(0)
        ).report()
    }
}
