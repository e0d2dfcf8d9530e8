import AMQP
import NIOCore
import NIOPosix
import Sandbox

/// Guards the way of an event from the gateway's socket through a shard and RabbitMQ's quorum lanes, with confirms, to
/// a consumer that counts: its rate against that of single messages of a plain librabbitmq loop, the CPU that the
/// shard's thread needs for an event, and at a low rate the time from socket to consumer. Gateway, shard, consumer and
/// broker share the machine's cores.
struct PipelineBenchmark {
    private struct Sample {
        let rate: Double
        /// Microseconds an event.
        let cpu: Double
        let eventsPerMessage: Double
    }

    private static let slowRate = 100

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let topology = try await LaneTopology(url: self.url, group: group)
        try await CountingConsumer.run(url: self.url, on: group.next()) { consumer in
            try await self.throughput(rounds, consumer, topology, group)
            try await consumer.waitUntilQuiet()
            // The broker still moves to its queues' files what came in.
            try await Task.sleep(for: .seconds(3))
            try await self.delay(rounds, consumer, group)
        }
        try await topology.close()
        try await group.shutdownGracefully()
    }

    private func throughput(
        _ rounds: Rounds, _ consumer: CountingConsumer, _ topology: LaneTopology, _ group: MultiThreadedEventLoopGroup
    ) async throws {
        let queue = "flotilla_bench_single"
        _ = try await topology.channel.deleteQueue(queue)
        try await topology.channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
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
            try await topology.channel.purgeQueue(queue)
            return try await SingleMessages.rate(url: url, queue: queue, for: length)
        }
        await gateway.close()
        _ = try await topology.channel.deleteQueue(queue)
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
        // As long as all rounds of the throughput together.
        let length = rounds.length * rounds.count
        let delays = try await ShardUnderLoad.run(
            slots: 1, gatewayURL: gateway.url, amqpURL: self.url, exchange: LaneTopology.memberExchange
        ) { shard in
            try await shard.waitUntilReady(1)
            try await Task.sleep(for: .milliseconds(500))
            _ = try await consumer.takeDelays()
            try await Task.sleep(for: length)
            return try await consumer.takeDelays()
        }
        await gateway.close()
        guard delays.count > 10 else { throw BenchmarkError("\(delays.count) events came through the lanes") }
        for (name, part, goal) in [
            ("p50", 0.5, Measurement.Goal.none), ("p99", 0.99, .valueAtMost(5)),
        ] {
            Measurement(
                scenario: "pipeline-delay",
                metric: "socket to consumer at \(Self.slowRate) events/s, \(name) of \(delays.count)",
                unit: "ms", ours: [delays[Int(Double(delays.count - 1) * part)]], limit: [], goal: goal
            ).report()
        }
    }
}
