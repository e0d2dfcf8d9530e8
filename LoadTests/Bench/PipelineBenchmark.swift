import AMQP
import NIOCore
import NIOPosix
import Sandbox

/// Guards the way of an event from the gateway's socket through a shard and RabbitMQ's quorum lanes, with confirms, to
/// a consumer that counts: its rate against that of single messages of a plain librabbitmq loop, the CPU that the
/// shard's thread needs for an event, and at a low rate the time from socket to consumer, against that which a plain
/// loop needs from publish to delivery. Gateway, shard, consumer and broker share the machine's cores.
struct PipelineBenchmark {
    private struct Sample {
        let rate: Double
        /// Microseconds an event.
        let cpu: Double
        let eventsPerMessage: Double
    }

    private static let slowRate = 100
    private static let singleQueue = "flotilla_bench_single"

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let topology = try await LaneTopology(url: self.url, group: group)
        _ = try await topology.channel.deleteQueue(Self.singleQueue)
        try await topology.channel.declareQueue(Self.singleQueue, arguments: ["x-queue-type": "quorum"])
        try await CountingConsumer.run(url: self.url, on: group.next()) { consumer in
            try await self.throughput(rounds, consumer, topology, group)
            try await consumer.waitUntilQuiet()
            // The broker still moves to its queues' files what came in.
            try await Task.sleep(for: .seconds(3))
            try await topology.channel.purgeQueue(Self.singleQueue)
            try await self.delay(rounds, consumer, group)
        }
        _ = try await topology.channel.deleteQueue(Self.singleQueue)
        try await topology.close()
        try await group.shutdownGracefully()
    }

    private func throughput(
        _ rounds: Rounds, _ consumer: CountingConsumer, _ topology: LaneTopology, _ group: MultiThreadedEventLoopGroup
    ) async throws {
        let gateway = try await ReplayGateway.start(group: group)
        let url = self.url
        let samples = try await rounds.compare { length in
            try await ShardUnderLoad.run(
                slots: 1, gatewayURL: gateway.url, amqpURL: url, exchange: LaneTopology.memberExchange
            ) { shard in
                try await shard.waitUntilReady(1)
                try await Task.sleep(for: .milliseconds(500))
                return try await Self.sample(shard, consumer, for: length)
            }
        } limit: { length in
            try await topology.channel.purgeQueue(Self.singleQueue)
            return try await SingleMessages.rate(url: url, queue: Self.singleQueue, for: length)
        }
        await gateway.close()
        Measurement(
            scenario: "pipeline", metric: "events of 1 KB through quorum lanes to a consumer", unit: "events/s",
            ours: samples.ours.map(\.rate), limit: samples.limit.map(\.rate), goal: .atLeast(4)
        ).report()
        Measurement(
            scenario: "pipeline", metric: "CPU of the shard's thread at full rate", unit: "us/event",
            ours: samples.ours.map(\.cpu), limit: [], goal: .valueAtMost(6)
        ).report()
        Measurement(
            scenario: "pipeline", metric: "events a message at full rate", unit: "events",
            ours: samples.ours.map(\.eventsPerMessage), limit: [], goal: .none
        ).report()
    }

    private static func sample(
        _ shard: ShardUnderLoad, _ consumer: CountingConsumer, for length: Duration
    ) async throws -> Sample {
        let start = ContinuousClock.now
        let (before, cpu, sent) = (
            try await consumer.counts, try await shard.cpuSeconds(), shard.count("flotilla_shard_events_total")
        )
        try await Task.sleep(for: length)
        let (after, used) = (try await consumer.counts, try await shard.cpuSeconds() - cpu)
        let events = after.events - before.events
        let taken = shard.count("flotilla_shard_events_total") - sent
        guard events > 0, taken > 0 else { throw BenchmarkError("no events came through the lanes") }
        return Sample(
            rate: Double(events) / (ContinuousClock.now - start).inSeconds, cpu: used / Double(taken) * 1e6,
            eventsPerMessage: Double(events) / Double(max(1, after.messages - before.messages)))
    }

    private func delay(
        _ rounds: Rounds, _ consumer: CountingConsumer, _ group: MultiThreadedEventLoopGroup
    ) async throws {
        let gateway = try await ReplayGateway.start(
            options: .init(eventsPerSecond: Self.slowRate), group: group)
        try await consumer.startTiming()
        let url = self.url
        let samples = try await rounds.compare { length in
            try await ShardUnderLoad.run(
                slots: 1, gatewayURL: gateway.url, amqpURL: url, exchange: LaneTopology.memberExchange
            ) { shard in
                try await shard.waitUntilReady(1)
                try await Task.sleep(for: .milliseconds(500))
                _ = try await consumer.takeDelays()
                try await Task.sleep(for: length)
                return try await consumer.takeDelays()
            }
        } limit: { length in
            try await SingleMessages.delays(
                url: url, queue: Self.singleQueue, perSecond: Self.slowRate, for: length)
        }
        await gateway.close()
        // Of all rounds together: one alone has too few for a p99.
        let (ours, limit) = (samples.ours.joined().sorted(), samples.limit.joined().sorted())
        guard ours.count > 10, limit.count > 10 else {
            throw BenchmarkError("\(ours.count) events came through the lanes, and \(limit.count) single messages")
        }
        for (name, part, goal) in [
            ("p50", 0.5, Measurement.Goal.none), ("p99", 0.99, .valueAtMost(5)),
        ] {
            Measurement(
                scenario: "pipeline-delay",
                metric: "socket to consumer at \(Self.slowRate) events/s, \(name) of \(ours.count)",
                unit: "ms", ours: [ours[Int(Double(ours.count - 1) * part)]],
                limit: [limit[Int(Double(limit.count - 1) * part)]], goal: goal
            ).report()
        }
    }
}
