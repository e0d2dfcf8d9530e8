import AMQP
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Worker

@Suite("Queue consumer, on RabbitMQ", .timeLimit(.minutes(1)))
struct QueueConsumerTests {
    /// What runs at once, and how it ended.
    private final class Hands: Sendable {
        struct Count: Sendable {
            var begun = 0
            var running = 0
            var most = 0
            var cancelled = 0
            var done = 0
        }

        private let count = Mutex(Count())
        var now: Count { self.count.withLock { $0 } }

        func change(_ body: (inout Count) -> Void) { self.count.withLock { body(&$0) } }

        /// - Returns: which one this is, from 1.
        func begin() -> Int {
            self.count.withLock { count in
                count.begun += 1
                count.running += 1
                count.most = max(count.most, count.running)
                return count.begun
            }
        }
    }

    @Test(arguments: [QueueConsumer.Order.strict, .none])
    func `What is in hand is cancelled when its connection is lost, and comes again`(
        order: QueueConsumer.Order
    ) async throws {
        let logger = Logger(label: "consumer", factory: { _ in SwiftLogNoOpLogHandler() })
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var configuration = try AMQPConfiguration(url: TestEnvironment.amqpURL)
        let direct = try await AMQPConnection.connect(configuration, on: eventLoop, logger: logger)
        let channel = try await direct.openChannel()
        let queue = "worker-test.\(UUID().uuidString.prefix(8)).lane"
        try await channel.declareQueue(queue, arguments: ["x-expires": 60_000])
        try await channel.publishConfirmed(
            AMQPMessage(exchange: "", routingKey: queue, body: ByteBuffer(string: "x"), mandatory: true))
        let proxy = FaultProxy(to: configuration.host, port: configuration.port)
        try await proxy.start()
        (configuration.host, configuration.port) = ("127.0.0.1", proxy.port)
        let hands = Hands()
        let consumer = QueueConsumer(
            queue: queue, configuration: configuration, eventLoop: eventLoop, prefetch: 4, order: order, logger: logger
        ) { delivery, channel in
            let number = hands.begin()
            defer { hands.change { $0.running -= 1 } }
            if number == 1 {
                do {
                    try await Task.sleep(for: .seconds(50))
                } catch {
                    hands.change { $0.cancelled += 1 }
                    return false
                }
            }
            channel.ack(delivery.deliveryTag)
            hands.change { $0.done += 1 }
            return true
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await consumer.run() }
            defer { group.cancelAll() }
            try await eventually("a delivery in hand") { hands.now.begun == 1 }
            proxy.apply(.reset)
            try await eventually("the same delivery again") { hands.now.done == 1 }
            consumer.stop()
            try await group.waitForAll()
        }
        let end = hands.now
        #expect(end.cancelled == 1 && end.most == 1 && end.begun == 2)
        let left = try await channel.declareQueue(queue, passive: true)
        #expect(left.messageCount == 0)
        try await channel.deleteQueue(queue)
        await direct.close()
        await proxy.stop()
    }
}
