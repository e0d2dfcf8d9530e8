import AMQP
import NIOCore
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct PublishContractTests {
    private static let persistent = AMQPProperties(deliveryMode: .persistent)

    private static func messages(_ count: Int, to queue: String, mandatory: Bool = false) -> [AMQPMessage] {
        (0..<count).map {
            AMQPMessage(
                exchange: "", routingKey: queue, properties: Self.persistent, body: ByteBuffer(string: "\($0)"),
                mandatory: mandatory)
        }
    }

    @Test func `A quorum queue confirms publishes and keeps them in order`() async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            let status = try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            #expect(status.name == queue && status.messageCount == 0 && status.consumerCount == 0)
            try await channel.publishConfirmed(Self.messages(500, to: queue, mandatory: true))
            for expected in 0..<500 {
                let delivery = try #require(try await channel.get(queue, noAck: true))
                #expect(String(buffer: delivery.body) == "\(expected)")
                #expect(delivery.properties.deliveryMode == .persistent)
            }
            #expect(try await channel.get(queue) == nil)
        }
    }

    @Test func `Settlements of one write cover every tag exactly once`() async throws {
        try await BrokerUnderTest.run { broker in
            let log = SettlementLog()
            let channel = try await broker.connect().openChannel(delegate: log)
            let queue = broker.queue()
            try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            try await channel.selectConfirms()
            #expect(try await channel.publishOnLoop(Self.messages(2_000, to: queue)) == 1)
            #expect(try await channel.publishOnLoop(Self.messages(1, to: queue)) == 2_001)
            var tracker = ConfirmTracker()
            _ = tracker.published(2_001)
            try await eventually("all confirms") {
                var current = tracker
                for case .ack(let tag, let multiple) in log.settlements {
                    try current.settle(tag, multiple: multiple, acked: true)
                }
                return current.confirmedThrough == 2_001
            }
        }
    }

    @Test func `A mandatory message that reaches no queue comes back, paired with its publish`() async throws {
        try await BrokerUnderTest.run { broker in
            let log = SettlementLog()
            let channel = try await broker.connect().openChannel(delegate: log)
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            try await channel.selectConfirms()
            let lost = AMQPMessage(
                exchange: "", routingKey: queue + ".nobody",
                properties: AMQPProperties(headers: ["kept": "header"], messageID: "lost"),
                body: ByteBuffer(string: "lost"), mandatory: true)
            try await channel.publishOnLoop(Self.messages(2, to: queue) + [lost] + Self.messages(2, to: queue))
            try await eventually("the return") { !log.returned.isEmpty }
            #expect(log.returned == [3])
            guard
                case .returned(_, let returned) = log.settlements.first(where: {
                    if case .returned = $0 { true } else { false }
                })
            else { return }
            #expect(returned.replyCode == 312)
            #expect(returned.properties == lost.properties)
            #expect(returned.body == lost.body)

            let error = try await amqpError { try await channel.publishConfirmed(lost) }
            #expect(error.code == .returned && error.replyCode == 312)
            try await channel.publishConfirmed(Self.messages(1, to: queue, mandatory: true))
        }
    }

    @Test(arguments: ["classic", "quorum"])
    func `A full queue with reject-publish nacks`(type: String) async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect().openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(
                queue, arguments: ["x-queue-type": .string(type), "x-max-length": 3, "x-overflow": "reject-publish"])
            var nacks = 0
            // A quorum queue learns of its length a little late.
            for _ in 0..<20 {
                do {
                    try await channel.publishConfirmed(Self.messages(1, to: queue))
                } catch let error as AMQPError {
                    #expect(error.code == .nacked)
                    nacks += 1
                }
            }
            #expect(nacks >= 10)
            #expect(channel.isOpen)
        }
    }

    @Test func `Publishing to a deleted exchange closes the channel with 404 and only the channel`() async throws {
        try await BrokerUnderTest.run { broker in
            let connection = try await broker.connect()
            let log = SettlementLog()
            let channel = try await connection.openChannel(delegate: log)
            let neighbour = try await connection.openChannel()
            let exchange = broker.exchange()
            let queue = broker.queue()
            try await channel.declareExchange(exchange, kind: .fanout)
            try await channel.declareQueue(queue)
            try await channel.bindQueue(queue, to: exchange)
            let message = AMQPMessage(exchange: exchange, routingKey: "", body: ByteBuffer(string: "x"))
            try await channel.publishConfirmed(message)

            try await neighbour.deleteExchange(exchange)
            let error = try await amqpError { try await channel.publishConfirmed(message) }
            #expect(error.code == .channelClosed && error.replyCode == 404)
            try await eventually("the channel's end") { !log.closed.isEmpty }
            #expect(log.closed.count == 1 && log.closed.first??.replyCode == 404)
            #expect(!channel.isOpen && connection.isOpen)
            let status = try await neighbour.declareQueue(queue, passive: true)
            #expect(status.messageCount == 1)
            #expect(try await amqpError { try await channel.publishConfirmed(message) }.replyCode == 404)
        }
    }

    @Test(arguments: [4_096, 131_072])
    func `A body of 1 MiB makes the round trip, whatever the frame size`(frameMax: Int) async throws {
        try await BrokerUnderTest.run { broker in
            let channel = try await broker.connect { $0.frameMax = frameMax }.openChannel()
            let queue = broker.queue()
            try await channel.declareQueue(queue)
            var generator = SeededGenerator(seed: 7)
            let body = ByteBuffer(bytes: (0..<131_072).flatMap { _ in BrokerBytes.bytes(generator.next()) })
            #expect(body.readableBytes == 1_048_576)
            try await channel.publishConfirmed(
                AMQPMessage(exchange: "", routingKey: queue, properties: Self.persistent, body: body))
            #expect(try await channel.get(queue, noAck: true)?.body == body)

            let deliveries = try await channel.deliveries(of: queue, prefetch: 1)
            try await channel.publishConfirmed(AMQPMessage(exchange: "", routingKey: queue, body: body))
            var iterator = deliveries.makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            #expect(delivery.body == body)
            channel.ack(delivery.deliveryTag)
        }
    }

    @Test func `Bytes that wait for a socket that takes none are bounded`() async throws {
        try await BrokerUnderTest.run { broker in
            let relay = try await broker.proxy()
            let log = SettlementLog()
            let connection = try await broker.connect {
                $0.host = "127.0.0.1"
                $0.port = relay.port
                $0.maximumPendingBytes = 1_000_000
            }
            let channel = try await connection.openChannel(delegate: log)
            relay.apply(.stall(milliseconds: 60_000))
            let message = AMQPMessage(exchange: "", routingKey: "", body: ByteBuffer(repeating: 1, count: 100_000))
            var sent = 0
            let error = try await amqpError {
                for _ in 0..<1_000 {
                    try await channel.eventLoop.submit { _ = try channel.publish([message]) }.get()
                    sent += 1
                }
            }
            #expect(error.code == .backpressure)
            #expect(sent < 500)
            #expect(channel.isOpen)
            connection.drop()
            #expect(await connection.waitUntilClosed() == nil)
            await relay.stop()
        }
    }
}
