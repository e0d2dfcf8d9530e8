import NIOCore
import NIOEmbedded
import Synchronization
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(1))) struct HostileBrokerTests {
    private static func message(_ text: String = "hello") -> AMQPMessage {
        AMQPMessage(exchange: "exchange", routingKey: "key", body: ByteBuffer(string: text), mandatory: true)
    }

    @Test func `Many publishes leave in one write`() throws {
        let broker = try EmbeddedBroker()
        broker.send { $0.handshake() }
        let channel = try broker.openChannel()
        _ = try broker.sent()
        #expect(try channel.publish(Array(repeating: Self.message(), count: 50)) == 0)
        try channel.publish([Self.message()])
        broker.channel.embeddedEventLoop.run()
        let first = try #require(try broker.channel.readOutbound(as: ByteBuffer.self))
        #expect(try broker.channel.readOutbound(as: ByteBuffer.self) == nil)

        var decoder = AMQPFrameDecoder(maximumFrameSize: 131_072)
        decoder.append(first)
        var kinds: [AMQPFrame.Kind] = []
        while let frame = try decoder.next() { kinds.append(frame.kind) }
        #expect(kinds == Array(repeating: [.method, .header, .body], count: 51).flatMap { $0 })
    }

    @Test func `A return finds its publish, and its confirm comes after it`() async throws {
        let broker = try EmbeddedBroker()
        broker.send { $0.handshake() }
        let log = SettlementLog()
        let channel = try broker.openChannel(log)
        let core = channel.core.value
        let promises = (0..<3).map { _ in broker.channel.embeddedEventLoop.makePromise(of: Void.self) }
        for promise in promises { core.publishConfirmed([Self.message()], timeout: nil, promise: promise) }
        broker.send {
            $0.method(85, 11)
            $0.returned(tag: 2, body: Array("hello".utf8))
            $0.ack(3)
            $0.ack(2, multiple: true)
        }
        let results = promises.map { promise in Result { try promise.futureResult.wait() } }
        #expect(throws: Never.self) { try results[0].get() }
        #expect(throws: Never.self) { try results[2].get() }
        let error = #expect(throws: AMQPError.self) { try results[1].get() }
        #expect(error?.code == .returned && error?.replyCode == 312)
        #expect(log.returned == [2])
        #expect(log.acked == [3, 2])
        guard case .returned(_, let returned) = log.settlements.first else { return }
        #expect(returned.properties.headers.isEmpty)
        #expect(returned.body == ByteBuffer(string: "hello"))
    }

    @Test func `A channel that the broker closes leaves the connection and its neighbours alone`() throws {
        let broker = try EmbeddedBroker()
        broker.send { $0.handshake() }
        let log = SettlementLog()
        let first = try broker.openChannel(log)
        let promise = broker.channel.embeddedEventLoop.makePromise(of: AMQPChannel.self)
        broker.handler.openChannel(delegate: nil, promise: promise)
        broker.send { $0.channelOpenOk(2) }
        let second = try promise.futureResult.wait()
        broker.send {
            $0.method(20, 40, [0x01, 0x94] + BrokerBytes.short("NOT_FOUND") + [0, 60, 0, 40])
        }
        #expect(log.closed == [AMQPError(.channelClosed, "NOT_FOUND", replyCode: 404)])
        #expect(!first.isOpen && second.isOpen && broker.handler.status.isOpen)
        let error = #expect(throws: AMQPError.self) { try first.publish([Self.message()]) }
        #expect(error?.replyCode == 404)
        #expect(throws: Never.self) { try second.publish([Self.message()]) }
        // The number is free again.
        #expect(try broker.openChannelNumber() == 3)
    }

    @Test func `Publishing past the bounds is refused as a whole`() throws {
        let broker = try EmbeddedBroker {
            $0.maximumUnconfirmed = 10
            $0.maximumPendingBytes = 1_000
        }
        broker.send { $0.handshake() }
        let channel = try broker.openChannel()
        channel.core.value.request(.confirmSelect, .done(.confirmSelect), promise: broker.answerPromise())
        broker.send { $0.method(85, 11) }
        _ = try broker.sent()
        #expect(try channel.publish(Array(repeating: Self.message(), count: 10)) == 1)
        #expect(#expect(throws: AMQPError.self) { try channel.publish([Self.message()]) }?.code == .backpressure)
        let sent = try broker.sent()
        broker.send { $0.ack(4, multiple: true) }
        let large = Self.message(String(repeating: "x", count: 900))
        #expect(try channel.publish([large]) == 11)
        #expect(#expect(throws: AMQPError.self) { try channel.publish([large]) }?.code == .backpressure)
        #expect(try broker.sent().count < sent.count + 1_100)
    }

    @Test func `Whoever is refused for what waits below the bound hears when there is room`() throws {
        let broker = try EmbeddedBroker { $0.maximumPendingBytes = 1_000 }
        broker.send { $0.handshake() }
        let log = SettlementLog()
        let channel = try broker.openChannel(log)
        _ = try broker.sent()
        let message = Self.message(String(repeating: "x", count: 600))
        _ = try channel.publish([message])
        #expect(#expect(throws: AMQPError.self) { try channel.publish([message]) }?.code == .backpressure)
        #expect(log.writability == [false] && !broker.handler.status.isWritable)
        _ = try broker.sent()
        #expect(log.writability == [false, true] && broker.handler.status.isWritable)
        #expect(throws: Never.self) { try channel.publish([message]) }
    }

    @Test func `Blocking is told, and the end of the connection last`() throws {
        let log = ConnectionLog()
        let broker = try EmbeddedBroker(delegate: log)
        broker.send { $0.handshake() }
        broker.send { $0.method(10, 60, channel: 0, BrokerBytes.short("low on memory")) }
        #expect(broker.handler.status.isBlocked)
        broker.send {
            $0.method(10, 61, channel: 0)
            $0.method(10, 50, channel: 0, [0x01, 0x40] + BrokerBytes.short("CONNECTION_FORCED") + [0, 0, 0, 0])
        }
        #expect(!broker.handler.status.isBlocked)
        #expect(log.lines == ["blocked: low on memory", "unblocked", "closed: 320"])
    }

    @Test(arguments: Violation.all)
    func `It is a protocol violation and ends the connection`(violation: Violation) throws {
        let broker = try EmbeddedBroker()
        broker.send { $0.handshake() }
        let log = SettlementLog()
        _ = try broker.openChannel(log)
        broker.send(violation.write)
        #expect(log.closed.count == 1)
        #expect(log.closed.first??.code == .protocolViolation, "\(log.closed)")
        #expect(!broker.channel.isActive)
    }

    @Test func `A message larger than the cap is refused before it is read`() throws {
        let broker = try EmbeddedBroker { $0.maximumMessageSize = 1_000 }
        broker.send { $0.handshake() }
        let log = SettlementLog()
        let channel = try broker.openChannel(log)
        channel.core.value.request(.basicGet("q", noAck: true), .get, promise: broker.answerPromise())
        broker.send {
            $0.method(60, 71, BrokerBytes.bytes(UInt64(1)) + [0, 0, 0] + BrokerBytes.bytes(UInt32(0)))
            $0.frame(2, channel: 1, payload: [0, 60, 0, 0] + BrokerBytes.bytes(UInt64.max) + [0, 0])
        }
        #expect(log.closed.first??.code == .protocolViolation)
    }

    @Test func `A silent broker fails operations by their deadline, then the connection by its heartbeats`() throws {
        let broker = try EmbeddedBroker { $0.operationTimeout = .seconds(3) }
        broker.send { $0.handshake() }
        let channel = try broker.openChannel()
        let answer = broker.answerPromise()
        channel.core.value.request(.queuePurge("q"), .queuePurgeOk, promise: answer)
        let late = broker.answerPromise()
        broker.channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        channel.core.value.request(.queuePurge("p"), .queuePurgeOk, promise: late)
        broker.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(#expect(throws: AMQPError.self) { try answer.futureResult.wait() }?.code == .timedOut)
        // The late answer to the first belongs to the first.
        broker.send {
            $0.method(50, 31, [0, 0, 0, 1])
            $0.method(50, 31, [0, 0, 0, 2])
        }
        guard case .method(.queuePurgeOk(2)) = try late.futureResult.wait() else {
            Issue.record("the second purge got another answer")
            return
        }
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `Mutated broker bytes never trap, and every promise is kept`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let script = Self.script()
        let broker = try EmbeddedBroker { $0.maximumMessageSize = 100_000 }
        let log = SettlementLog()
        let deliveries = Atomic(0)
        let cancels = Atomic(0)
        let loop = broker.channel.embeddedEventLoop
        let opened = loop.makePromise(of: AMQPChannel.self)
        var answers: [EventLoopFuture<AMQPChannelCore.Answer>] = []
        let confirmed = loop.makePromise(of: Void.self)
        for (index, step) in script.enumerated() {
            broker.send(Self.mutated(step, using: &generator))
            if index == 0 {
                broker.handler.openChannel(delegate: log, promise: opened)
            } else if index == 1 {
                opened.futureResult.assumeIsolated().whenSuccess { channel in
                    let core = channel.core.value
                    let consumer = AMQPChannelCore.Consumer(
                        onDelivery: { _ in deliveries.add(1, ordering: .relaxed) },
                        onCancel: { _ in cancels.add(1, ordering: .relaxed) })
                    let requests: [(ClientMethod, AMQPChannelState.Reply)] = [
                        (
                            Self.declare,
                            .queueDeclareOk
                        ),
                        (
                            .basicConsume("q", consumerTag: "c", noAck: false, exclusive: false, arguments: [:]),
                            .consumeOk
                        ),
                        (.basicGet("q", noAck: true), .get),
                    ]
                    for (method, reply) in requests {
                        let promise = broker.answerPromise()
                        answers.append(promise.futureResult)
                        core.request(method, reply, consumer: reply == .consumeOk ? consumer : nil, promise: promise)
                    }
                    core.publishConfirmed(Array(repeating: Self.message(), count: 20), timeout: nil, promise: confirmed)
                }
                opened.futureResult.whenFailure { confirmed.fail($0) }
            }
        }
        broker.handler.drop()
        loop.run()
        #expect(log.closed.count <= 1)
        #expect(cancels.load(ordering: .relaxed) <= 1)
        #expect(opened.futureResult.isFulfilledOnLoop)
        #expect(confirmed.futureResult.isFulfilledOnLoop)
        #expect(answers.allSatisfy { $0.isFulfilledOnLoop })
        #expect(!broker.channel.isActive)
    }

    @Test func `The unmutated bytes reach their end`() throws {
        let broker = try EmbeddedBroker()
        let log = SettlementLog()
        let script = Self.script()
        let received = Mutex<[Int]>([])
        let opened = broker.channel.embeddedEventLoop.makePromise(of: AMQPChannel.self)
        broker.send(script[0])
        broker.handler.openChannel(delegate: log, promise: opened)
        broker.send(script[1])
        let core = try opened.futureResult.wait().core.value
        let consumer = AMQPChannelCore.Consumer(
            onDelivery: { delivery in received.withLock { $0.append(delivery.body.readableBytes) } }, onCancel: { _ in }
        )
        core.request(
            Self.declare,
            .queueDeclareOk, promise: broker.answerPromise())
        core.request(
            .basicConsume("q", consumerTag: "c", noAck: false, exclusive: false, arguments: [:]), .consumeOk,
            consumer: consumer, promise: broker.answerPromise())
        core.request(.basicGet("q", noAck: true), .get, promise: broker.answerPromise())
        let confirmed = broker.channel.embeddedEventLoop.makePromise(of: Void.self)
        core.publishConfirmed(Array(repeating: Self.message(), count: 20), timeout: nil, promise: confirmed)
        for step in script.dropFirst(2) { broker.send(step) }
        #expect(received.withLock { $0 } == [0, 3, 900])
        #expect(log.returned == [4])
        #expect(log.acked == [1, 3, 20])
        #expect(log.nacked == [2])
        #expect(log.closed == [AMQPError(.channelClosed, "NOT_FOUND", replyCode: 404)])
    }

    private static let declare = ClientMethod.queueDeclare(
        "q", passive: false, durable: true, exclusive: false, autoDelete: false, arguments: [:])

    /// Handshake, answers, deliveries, confirms, returns, blocking and the ends, as a broker would send them.
    private static func script() -> [[UInt8]] {
        var steps: [[UInt8]] = []
        func step(_ write: (inout BrokerBytes) -> Void) {
            var bytes = BrokerBytes()
            write(&bytes)
            steps.append(bytes.all)
        }
        step { $0.handshake() }
        step { $0.channelOpenOk() }
        step {
            $0.method(50, 11, BrokerBytes.short("q") + BrokerBytes.bytes(UInt32(1)) + BrokerBytes.bytes(UInt32(0)))
            $0.method(60, 21, BrokerBytes.short("c"))
            $0.deliver(1, to: "c", body: [])
            $0.method(
                60, 71,
                BrokerBytes.bytes(UInt64(9)) + [1] + BrokerBytes.short("e") + BrokerBytes.short("k") + [0, 0, 0, 0])
            $0.content(
                header: [0xFF, 0xF8, 1, 0x61, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
                body: [1])
            $0.deliver(2, to: "c", body: [1, 2, 3])
            $0.heartbeat()
        }
        step {
            $0.method(85, 11)
            $0.ack(1)
            $0.method(60, 120, BrokerBytes.bytes(UInt64(2)) + [0])
            $0.returned(tag: 4, body: Array("hello".utf8))
            $0.ack(3, multiple: true)
            $0.method(10, 60, channel: 0, BrokerBytes.short("low on memory"))
            $0.deliver(3, to: "c", body: Array(repeating: 5, count: 900), pieces: 7)
            $0.method(10, 61, channel: 0)
            $0.ack(20, multiple: true)
        }
        step {
            $0.method(20, 20, [1])
            $0.method(60, 30, BrokerBytes.short("c") + [1])
            $0.method(20, 40, [0x01, 0x94] + BrokerBytes.short("NOT_FOUND") + [0, 60, 0, 40])
            $0.method(10, 50, channel: 0, [0x01, 0x40] + BrokerBytes.short("CONNECTION_FORCED") + [0, 0, 0, 0])
        }
        return steps
    }

    private static func mutated(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes[index] = [0, 0x7F, 0x80, 0xFF, 0xCE].randomElement(using: &generator) ?? 0
            case 3: bytes.remove(at: index)
            case 4: bytes.insert(UInt8.random(in: .min ... .max, using: &generator), at: index)
            default:
                let end = min(bytes.count, index + Int.random(in: 1...40, using: &generator))
                let piece = Array(bytes[index..<end])
                bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &generator))
            }
        }
        return bytes
    }
}

/// What no broker may send on an open connection with one open channel.
struct Violation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let write: @Sendable (inout BrokerBytes) -> Void

    init(_ name: String, _ write: @escaping @Sendable (inout BrokerBytes) -> Void) {
        self.testDescription = name
        self.write = write
    }

    static let all: [Violation] = [
        Violation("a frame on a channel that is not open") {
            $0.method(60, 80, channel: 9, [0, 0, 0, 0, 0, 0, 0, 1, 0])
        },
        Violation("an unknown method") { $0.method(60, 999) },
        Violation("a client's method") { $0.method(60, 20, Array(repeating: 0, count: 20)) },
        Violation("a header before its method") { $0.content(header: [0, 0], body: []) },
        Violation("a body before its header") { $0.frame(3, channel: 1, payload: [1]) },
        Violation("a method within a message") {
            $0.method(60, 60, BrokerBytes.short("c") + BrokerBytes.bytes(UInt64(1)) + [0, 0, 0])
            $0.ack(1)
        },
        Violation("an answer to nothing") { $0.method(50, 31, [0, 0, 0, 1]) },
        Violation("an ack without a publish") { $0.ack(1) },
        Violation("an ack without confirms, of all") { $0.ack(.max, multiple: true) },
        Violation("a truncated ack") { $0.method(60, 80, [0, 0]) },
        Violation("a delivery for nobody") { $0.deliver(1, to: "nobody", body: [1]) },
        Violation("a heartbeat on a channel") { $0.frame(8, channel: 1, payload: []) },
        Violation("content on channel 0") { $0.frame(2, channel: 0, payload: Array(repeating: 0, count: 14)) },
        Violation("a connection method on a channel") { $0.method(10, 61, channel: 1) },
        Violation("a second start") {
            $0.method(10, 10, channel: 0, [0, 9, 0, 0, 0, 0] + BrokerBytes.long(Array("PLAIN".utf8)) + [0, 0, 0, 0])
        },
        Violation("a bad end octet") { $0.frame(8, channel: 0, payload: [], end: 0) },
    ]
}

extension EmbeddedBroker {
    func answerPromise() -> EventLoopPromise<AMQPChannelCore.Answer> {
        self.channel.embeddedEventLoop.makePromise(of: AMQPChannelCore.Answer.self)
    }

    func openChannelNumber() throws -> UInt16 {
        let promise = self.channel.embeddedEventLoop.makePromise(of: AMQPChannel.self)
        self.handler.openChannel(delegate: nil, promise: promise)
        self.send { $0.channelOpenOk(3) }
        return try promise.futureResult.wait().id
    }
}

extension EventLoopFuture where Value: Sendable {
    /// On the embedded loop a callback runs at once when the value is there.
    var isFulfilledOnLoop: Bool {
        let fulfilled = Atomic(false)
        self.whenComplete { _ in fulfilled.store(true, ordering: .relaxed) }
        return fulfilled.load(ordering: .relaxed)
    }
}
