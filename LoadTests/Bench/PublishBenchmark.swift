import AMQP
import CBaselines
import Logging
import NIOCore
import NIOPosix

/// Guards the path of every event to the broker: that our AMQP client costs the shard no throughput next to a plain
/// librabbitmq loop with the same window, and that gathering publishes into few writes keeps its CPU a message low. The
/// broker has the same cores, so what the client saves, the broker may use.
struct PublishBenchmark {
    private typealias Sample = SingleMessages.Sample

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: self.url), on: group.next(), logger: Logger(label: "bench.amqp"))
        for kind in ["quorum", "classic"] {
            let queue = "flotilla_bench_\(kind)"
            let channel = try await connection.openChannel()
            try await channel.deleteQueue(queue)
            try await channel.declareQueue(queue, arguments: ["x-queue-type": .string(kind)])
            let samples = try await rounds.compare { length in
                try await channel.purgeQueue(queue)
                return try await Self.ours(connection, queue: queue, for: length)
            } limit: { length in
                try await channel.purgeQueue(queue)
                return try await SingleMessages.rate(url: self.url, queue: queue, for: length)
            }
            _ = try await channel.deleteQueue(queue)
            await channel.close()
            Self.report("amqp-publish-\(kind)", samples)
        }
        await connection.close()
        try await group.shutdownGracefully()
    }

    private static func report(_ scenario: String, _ samples: (ours: [Sample], limit: [Sample])) {
        Measurement(
            scenario: scenario, metric: "confirmed publishes", unit: "messages/s", ours: samples.ours.map(\.rate),
            limit: samples.limit.map(\.rate), goal: .atLeast(1)
        ).report()
        Measurement(
            scenario: scenario, metric: "client CPU", unit: "us/message", ours: samples.ours.map(\.cpu),
            limit: samples.limit.map(\.cpu), goal: .atMost(0.5)
        ).report()
    }

    private static func ours(
        _ connection: AMQPConnection, queue: String, for length: Duration
    ) async throws -> Sample {
        let message = AMQPMessage(
            exchange: "",
            routingKey: queue,
            properties: AMQPProperties(deliveryMode: .persistent),
            body: ByteBuffer(repeating: 0, count: SingleMessages.bodySize)
        )
        let finished = connection.eventLoop.makePromise(of: WindowedPublisher.Total.self)
        let publisher = WindowedPublisher(
            message, window: SingleMessages.window, until: .now() + TimeAmount(length), on: connection.eventLoop,
            finished: finished)
        let channel = try await connection.openChannel(delegate: publisher)
        try await channel.selectConfirms()
        let (cpu, start) = (process_cpu_seconds(), ContinuousClock.now)
        channel.eventLoop.execute { publisher.start(on: channel) }
        let total = try await finished.futureResult.get()
        let sample = Sample(
            rate: Double(total.messages) / (total.end - start).inSeconds,
            cpu: (total.processCPU - cpu) / Double(max(1, total.messages)) * 1e6)
        await channel.close()
        return sample
    }
}
