import AMQP
import CBaselines
import Foundation
import Logging
import NIOCore
import NIOPosix

/// Guards the path of every event to the broker: that our AMQP client costs the shard no throughput next to a plain
/// librabbitmq loop with the same window, and that gathering publishes into few writes keeps its CPU a message low. The
/// broker has the same cores, so what the client saves, the broker may use.
struct PublishBenchmark {
    private struct Sample {
        let rate: Double
        /// Microseconds.
        let cpu: Double

        init(messages: Int, seconds: Double, cpuSeconds: Double) {
            self.rate = Double(messages) / seconds
            self.cpu = cpuSeconds / Double(max(1, messages)) * 1e6
        }
    }

    private static let bodySize = 1024
    private static let window = 2048

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
                return try await self.limit(queue: queue, for: length)
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
            body: ByteBuffer(repeating: 0, count: Self.bodySize)
        )
        let finished = connection.eventLoop.makePromise(of: WindowedPublisher.Total.self)
        let publisher = WindowedPublisher(
            message, window: Self.window, until: .now() + TimeAmount(length), on: connection.eventLoop,
            finished: finished)
        let channel = try await connection.openChannel(delegate: publisher)
        try await channel.selectConfirms()
        let (cpu, start) = (process_cpu_seconds(), ContinuousClock.now)
        channel.eventLoop.execute { publisher.start(on: channel) }
        let total = try await finished.futureResult.get()
        let sample = Sample(
            messages: total.messages,
            seconds: (total.end - start).inSeconds,
            cpuSeconds: total.processCPU - cpu
        )
        await channel.close()
        return sample
    }

    /// On a thread of its own, since it blocks.
    private func limit(queue: String, for length: Duration) async throws -> Sample {
        let url = self.url
        let result: Result<Sample, BenchmarkError> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var total = baseline_publishing()
                var error = [CChar](repeating: 0, count: 256)
                let status = baseline_publish(
                    url, queue, Self.bodySize, UInt64(Self.window), length.inSeconds, &total, &error, error.count)
                let message = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                continuation.resume(
                    returning: status == 0
                        ? .success(
                            Sample(
                                messages: Int(total.messages), seconds: total.seconds, cpuSeconds: total.cpu_seconds))
                        : .failure(BenchmarkError("the C loop failed: \(message)")))
            }
        }
        return try result.get()
    }
}
