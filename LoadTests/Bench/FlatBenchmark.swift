import AMQP
import Foundation
import NIOCore
import NIOPosix

/// Guards the memory of a shard process: full rate through the broker, which stands still (SIGSTOP) in the middle. The
/// consumer is in the same process, and its memory is in the figures; the gateway is not. Fails where memory passes
/// its bounds or a session is lost.
struct FlatBenchmark {
    private static let slots = 4
    /// What the stall may add: the events that `shard.buffer` holds (64 MiB by default), and what waits for the
    /// broker's socket (16 MiB).
    private static let stallBytes = (64 + 16) << 20
    /// What may be left of it, as a part of what was there before: free memory that malloc keeps.
    private static let keptRatio = 1.2

    let url: String
    let minutes: Double
    /// nil: a tenth of the time.
    let stall: Duration?

    func run() async throws {
        let configuration = try AMQPConfiguration(url: self.url)
        guard let broker = ListeningProcess.id(port: configuration.port) else {
            throw BenchmarkError("no process of this machine listens on port \(configuration.port)")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let topology = try await LaneTopology(url: self.url, group: group)
        let gateway = try ReplayProcess.start()
        let url = self.url
        let phases = Phases(total: .seconds(self.minutes * 60), stall: self.stall)
        let samples = try await CountingConsumer.run(url: url, on: group.next()) { consumer in
            try await ShardUnderLoad.run(
                slots: Self.slots, gatewayURL: gateway.url, amqpURL: url, exchange: LaneTopology.memberExchange
            ) { shard in
                try await shard.waitUntilReady(Self.slots)
                return try await Self.sample(phases, broker: broker, shard: shard, consumer: consumer)
            }
        }
        gateway.stop()
        // What was left of the connections in the stall is gone by now; the lanes are deleted over a new one.
        await topology.connection.close()
        try await LaneTopology(url: self.url, group: group).close()
        try await group.shutdownGracefully()
        try self.report(samples, phases)
    }

    private struct Phases: Sendable {
        let total: Duration
        let stallFrom: Duration
        let stallTo: Duration

        init(total: Duration, stall: Duration?) {
            let stall = min(stall ?? total / 10, total / 2)
            self.total = total
            self.stallFrom = (total - stall) / 2
            self.stallTo = self.stallFrom + stall
        }
    }

    private struct Sample {
        let at: Duration
        let isStalled: Bool
        let bytes: Int
        let confirmed: Int
        let consumed: Int

        /// One line for whoever draws the curve.
        var line: String {
            #"{"scenario":"flat","at":\#(Int(self.at.inSeconds)),"stalled":\#(self.isStalled),"resident_mb":"#
                + #"\#(self.bytes / 1_000_000),"confirmed":\#(self.confirmed),"consumed":\#(self.consumed)}"# + "\n"
        }
    }

    private struct Samples {
        var memory: [Sample] = []
        var pauses = 0
        var sessionsLost = 0
    }

    private static func sample(
        _ phases: Phases, broker: pid_t, shard: ShardUnderLoad, consumer: CountingConsumer
    ) async throws -> Samples {
        var samples = Samples()
        let start = ContinuousClock.now
        var isStalled = false
        var told = Duration.seconds(-60)
        // However this ends, the broker goes on.
        defer { kill(broker, SIGCONT) }
        while true {
            let elapsed = ContinuousClock.now - start
            if elapsed >= phases.total { break }
            if !isStalled, elapsed >= phases.stallFrom, elapsed < phases.stallTo {
                isStalled = true
                kill(broker, SIGSTOP)
            } else if isStalled, elapsed >= phases.stallTo {
                isStalled = false
                kill(broker, SIGCONT)
            }
            let sample = Sample(
                at: elapsed, isStalled: isStalled, bytes: try Memory.resident(),
                confirmed: shard.count("flotilla_shard_events_confirmed_total"),
                consumed: try await consumer.counts.events)
            samples.memory.append(sample)
            if elapsed - told >= .seconds(5) {
                told = elapsed
                FileHandle.standardOutput.write(Data(sample.line.utf8))
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        samples.pauses = shard.count("flotilla_shard_pauses_total")
        samples.sessionsLost = shard.count("flotilla_shard_sessions_lost_total")
        return samples
    }

    private func report(_ samples: Samples, _ phases: Phases) throws {
        func mean(_ from: Duration, _ to: Duration) -> Double {
            let part = samples.memory.filter { $0.at >= from && $0.at < to }
            return Double(part.reduce(0) { $0 + $1.bytes }) / Double(max(1, part.count))
        }
        // Means over a twentieth of the time; in the first one caches and pools fill.
        let part = phases.total / 20
        let before = mean(phases.stallFrom - part, phases.stallFrom)
        // The tail belongs to the stall: what it held back leaves then.
        let peak = samples.memory.filter { $0.at >= phases.stallFrom && $0.at < phases.stallTo + part }.map(\.bytes)
            .max()
        let figures = [
            ("start", mean(part, part * 2), Measurement.Goal.none), ("before the stall", before, .none),
            (
                "peak in the stall of \(Int((phases.stallTo - phases.stallFrom).inSeconds)) s", Double(peak ?? 0),
                .valueAtMost(((before + Double(Self.stallBytes)) / 1e6).rounded())
            ),
            (
                "end", mean(phases.total - part, phases.total),
                .valueAtMost((before * Self.keptRatio / 1e6).rounded(.up))
            ),
        ].map { name, bytes, goal in
            Measurement(
                scenario: "flat", metric: "resident memory over \(self.minutes) min, \(name)", unit: "MB",
                ours: [bytes / 1e6], limit: [], goal: goal)
        }
        let events = samples.memory.last?.confirmed ?? 0
        let others = [
            Measurement(
                scenario: "flat", metric: "events confirmed", unit: "events/s",
                ours: [Double(events) / phases.total.inSeconds], limit: [], goal: .valueAtLeast(1)),
            Measurement(
                scenario: "flat", metric: "times that a socket was left unread", unit: "pauses",
                ours: [Double(samples.pauses)], limit: [], goal: .none),
            Measurement(
                scenario: "flat", metric: "sessions lost", unit: "sessions", ours: [Double(samples.sessionsLost)],
                limit: [], goal: .valueAtMost(0)),
        ]
        for measurement in figures + others { measurement.report() }
        let missed = (figures + others).filter { !$0.isMet }
        guard missed.isEmpty else {
            throw BenchmarkError("flat: out of bounds: \(missed.map(\.metric).joined(separator: "; "))")
        }
    }
}
