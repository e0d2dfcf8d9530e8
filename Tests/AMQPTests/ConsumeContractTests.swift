import AMQP
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConsumeContractTests {
    private static func fill(_ queue: String, _ count: Int, on channel: AMQPChannel) async throws {
        try await channel.publishConfirmed(
            (0..<count).map { AMQPMessage(exchange: "", routingKey: queue, body: ByteBuffer(string: "\($0)")) })
    }

    @Test func `Prefetch bounds what a consumer holds, and acks let more come`() async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            try await Self.fill(queue, 20, on: channel)
            try await channel.setPrefetch(5)
            let received = Mutex<[AMQPDelivery]>([])
            try await channel.consume(queue) { delivery in received.withLock { $0.append(delivery) } }
            try await eventually("the first five") { received.withLock { $0.count } == 5 }
            #expect(try await channel.declareQueue(queue, passive: true).messageCount == 15)
            channel.ack(received.withLock { $0[4].deliveryTag }, multiple: true)
            try await eventually("five more") { received.withLock { $0.count } == 10 }
            #expect(received.withLock { $0.map { String(buffer: $0.body) } } == (0..<10).map(String.init))
            #expect(received.withLock { $0.map(\.deliveryTag) } == Array(1...10))
        }
    }

    @Test func `A sequence of deliveries ends when its consumer is cancelled`() async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            try await Self.fill(queue, 100, on: channel)
            let deliveries = try await channel.deliveries(of: queue, prefetch: 10, consumerTag: "reader")
            #expect(deliveries.consumerTag == "reader")
            var bodies: [String] = []
            for try await delivery in deliveries {
                bodies.append(String(buffer: delivery.body))
                channel.ack(delivery.deliveryTag)
                if bodies.count == 100 { try await channel.cancelConsumer("reader") }
            }
            #expect(bodies == (0..<100).map(String.init))
            #expect(try await channel.declareQueue(queue, passive: true).consumerCount == 0)
        }
    }

    @Test func `Nack requeues or drops, reject too`() async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            try await Self.fill(queue, 1, on: channel)
            let first = try #require(try await channel.get(queue))
            #expect(!first.redelivered)
            channel.nack(first.deliveryTag)
            let second = try #require(try await channel.get(queue))
            #expect(second.redelivered)
            channel.reject(second.deliveryTag, requeue: true)
            let third = try #require(try await channel.get(queue))
            channel.reject(third.deliveryTag, requeue: false)
            #expect(try await channel.get(queue) == nil)
        }
    }

    @Test func `What a dropped connection held comes again, in order, to the next consumer`() async throws {
        try await BrokerUnderTest.run { broker in
            let first = try await broker.connect()
            let channel = try await first.openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(
                queue, arguments: ["x-queue-type": "quorum", "x-single-active-consumer": true])
            try await Self.fill(queue, 6, on: channel)
            let ended = Mutex<[AMQPError?]>([])
            let held = Mutex(0)
            try await channel.setPrefetch(4)
            try await channel.consume(queue, onCancel: { error in ended.withLock { $0.append(error) } }) { _ in
                held.withLock { $0 += 1 }
            }
            try await eventually("four held") { held.withLock { $0 } == 4 }

            let second = try await broker.connect().openChannel()
            let deliveries = try await second.deliveries(of: queue, prefetch: 10)
            first.drop()
            #expect(await first.waitUntilClosed() == nil)
            #expect(ended.withLock { $0.count } == 1)
            var bodies: [String] = []
            var redelivered: [Bool] = []
            for try await delivery in deliveries {
                bodies.append(String(buffer: delivery.body))
                redelivered.append(delivery.redelivered)
                second.ack(delivery.deliveryTag)
                if bodies.count == 6 { break }
            }
            #expect(bodies == (0..<6).map(String.init))
            #expect(redelivered == [true, true, true, true, false, false])
        }
    }

    @Test func `The broker cancels the consumer of a deleted queue`() async throws {
        try await BrokerUnderTest.run { broker in
            let connection = try await broker.connect()
            let channel = try await connection.openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            let deliveries = try await channel.deliveries(of: queue, prefetch: 1)
            try await connection.openChannel().deleteQueue(queue)
            let error = try await amqpError { for try await _ in deliveries {} }
            #expect(error.code == .consumerCancelled)
            #expect(channel.isOpen)
        }
    }

    @Test func `Topology errors carry their reply codes and leave the connection open`() async throws {
        try await BrokerUnderTest.run { broker in
            let connection = try await broker.connect()
            let other = try await broker.connect()
            let queue = broker.queue()
            let exclusive = broker.queue("exclusive")
            let exchange = broker.exchange()
            let owner = try await other.openChannel()
            try await owner.declareQueue(exclusive, durable: false, exclusive: true)
            try await owner.declareQueue(queue)
            try await owner.declareExchange(exchange, kind: .direct)

            func code(_ body: (AMQPChannel) async throws -> Void) async throws -> UInt16? {
                let channel = try await connection.openChannel()
                let error = try await amqpError { try await body(channel) }
                #expect(error.code == .channelClosed)
                return error.replyCode
            }
            #expect(try await code { try await $0.declareQueue(queue + ".none", passive: true) } == 404)
            #expect(
                try await code { try await $0.declareExchange(exchange + ".none", kind: .direct, passive: true) } == 404
            )
            #expect(try await code { try await $0.declareQueue(exclusive, durable: false, exclusive: true) } == 405)
            #expect(try await code { try await $0.declareQueue(queue, durable: false) } == 406)
            #expect(try await code { try await $0.declareExchange(exchange, kind: .fanout) } == 406)
            #expect(try await code { try await $0.bindQueue(queue, to: exchange + ".none") } == 404)
            #expect(try await code { try await $0.consume(queue + ".none") { _ in } } == 404)
            #expect(
                try await code {
                    $0.ack(77); try await $0.setPrefetch(1)
                } == 406)
            #expect(connection.isOpen)
        }
    }

    @Test func `Bindings route until they are taken away`() async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            let (outer, inner) = (broker.exchange("outer"), broker.exchange("inner"))
            try await channel.declareExchange(outer, kind: .fanout)
            try await channel.declareExchange(inner, kind: .direct)
            try await channel.declareQueue(queue)
            try await channel.bindExchange(inner, to: outer)
            try await channel.bindQueue(queue, to: inner, routingKey: "lane.1")
            let message = AMQPMessage(exchange: outer, routingKey: "lane.1", body: ByteBuffer(), mandatory: true)
            try await channel.publishConfirmed(message)
            #expect(try await channel.get(queue, noAck: true)?.routingKey == "lane.1")
            try await channel.publishConfirmed([message, message])
            #expect(try await channel.purgeQueue(queue) == 2)
            try await channel.unbindQueue(queue, from: inner, routingKey: "lane.1")
            #expect(try await amqpError { try await channel.publishConfirmed(message) }.code == .returned)
            try await channel.bindQueue(queue, to: inner, routingKey: "lane.1")
            try await channel.unbindExchange(inner, from: outer)
            #expect(try await amqpError { try await channel.publishConfirmed(message) }.code == .returned)
            #expect(try await channel.deleteQueue(queue) == 0)
            #expect(try await channel.deleteQueue(queue) == 0)
        }
    }
}
