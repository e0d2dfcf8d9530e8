import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import AMQP

/// What a broker sends: frames, methods, content headers with their tables, and a whole connection that reads them.
///
/// Input: kind, cut, bytes. The kind says what the bytes are: 0 frames, 1 a method, 2 a content header, 3 frames for a
/// connection from its first byte on, 4 frames for a connection that is open and waits for answers.
enum AMQPFuzzing {
    static func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        var input = FuzzInput(bytes)
        let kind = input.choice()
        let cut = input.choice()
        switch kind % 5 {
        case 0: try self.frames(input, cut: cut)
        case 1: try self.method(input.whole)
        case 2: try self.header(input.whole)
        case 3: try BrokerScript(openFirst: false).run(input.pieces(cut))
        default: try BrokerScript(openFirst: true).run(input.pieces(cut))
        }
    }

    // MARK: Frames

    private struct Stream: Equatable {
        var frames: [AMQPFrame] = []
        var failed = false

        init(_ pieces: [ByteBuffer]) {
            var decoder = AMQPFrameDecoder(maximumFrameSize: AMQPFrame.minimumMaximum)
            do throws(AMQPError) {
                for piece in pieces {
                    decoder.append(piece)
                    while let frame = try decoder.next() { self.frames.append(frame) }
                }
            } catch {
                self.failed = true
            }
        }
    }

    private static func frames(_ input: FuzzInput, cut: UInt8) throws(FuzzFinding) {
        let whole = Stream([input.whole])
        let stream = Stream(input.pieces(cut))
        try expect(stream == whole, "cut into pieces \(stream) was read, in one piece \(whole)")
        for frame in whole.frames {
            try expect(
                frame.payload.readableBytes + AMQPFrame.overhead <= AMQPFrame.minimumMaximum, "a frame passes the limit"
            )
            let payload = ByteBuffer(exactly: frame.payload)
            switch frame.kind {
            case .method: try self.method(payload)
            case .header: try self.header(payload)
            case .body, .heartbeat: break
            }
        }
    }

    // MARK: Methods and headers

    private static func method(_ payload: ByteBuffer) throws(FuzzFinding) {
        do throws(AMQPError) {
            _ = try AMQPMethodDecoder(pool: AMQPCodecPool()).decode(payload)
        } catch {
            try expect(error.code == .protocolViolation, "a broken method is told as \(error)")
        }
    }

    /// A header that was taken is the same after it was written and read again.
    private static func header(_ payload: ByteBuffer) throws(FuzzFinding) {
        let pool = AMQPCodecPool()
        let header: AMQPContentHeader
        do throws(AMQPError) {
            header = try AMQPContentHeaderDecoder(pool: pool).decode(payload)
        } catch {
            return try expect(error.code == .protocolViolation, "a broken header is told as \(error)")
        }
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        do throws(AMQPError) {
            let encoder = AMQPFrameEncoder(maximumFrameSize: 1 << 20, pool: pool)
            try encoder.writeContent(
                header.properties, publishTag: nil, body: ByteBuffer(), channel: 1, into: &bytes)
        } catch {
            // Replacing what is not UTF-8 makes short strings longer than they may be.
            return try expect(error.code == .invalidArgument, "a header can't be written: \(error)")
        }
        var decoder = AMQPFrameDecoder(maximumFrameSize: 1 << 20)
        decoder.append(bytes.current)
        let again: AMQPProperties?
        do throws(AMQPError) {
            let frame = try decoder.next()
            again = try frame.map { (frame) throws(AMQPError) in
                try AMQPContentHeaderDecoder(pool: pool).decode(ByteBuffer(exactly: frame.payload)).properties
            }
        } catch {
            throw FuzzFinding("a header that we wrote is refused: \(error)")
        }
        try expect(
            again.map { self.isSame($0, header.properties) } == true,
            "\(header.properties) came back as \(String(describing: again))")
    }

    private static func isSame(_ one: AMQPProperties, _ other: AMQPProperties) -> Bool {
        var (bareOne, bareOther) = (one, other)
        bareOne.headers = [:]
        bareOther.headers = [:]
        return bareOne == bareOther && self.isSame(.table(one.headers), .table(other.headers))
    }

    /// As `==`, but what is no number is the same as itself.
    private static func isSame(_ one: AMQPValue, _ other: AMQPValue) -> Bool {
        switch (one, other) {
        case (.float(let one), .float(let other)): one.bitPattern == other.bitPattern
        case (.double(let one), .double(let other)): one.bitPattern == other.bitPattern
        case (.array(let one), .array(let other)): one.elementsEqual(other, by: self.isSame)
        case (.table(let one), .table(let other)):
            one.count == other.count
                && one.allSatisfy { entry in other[entry.key].map { self.isSame($0, entry.value) } == true }
        default: one == other
        }
    }
}

extension ByteBuffer {
    fileprivate init(exactly buffer: ByteBuffer) {
        self = buffer.withUnsafeReadableBytes { ByteBuffer(exactly: $0[...]) }
    }
}

/// A connection whose broker is the input. Whatever that sends, all that was asked is answered once the connection
/// ends.
private final class BrokerScript {
    private let channel = EmbeddedChannel()
    private let handler: AMQPConnectionHandler
    private let log: EndLog
    private let opened: EventLoopPromise<AMQPConnection>
    private var promises: [EventLoopFuture<Void>] = []

    /// start (0-9, no properties, PLAIN), tune (no limits), open-ok, and channel.open-ok on channel 1.
    private static let handshake: [UInt8] =
        [1, 0, 0, 0, 0, 0, 24, 0, 10, 0, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0x50, 0x4C, 0x41, 0x49, 0x4E]
        + [0, 0, 0, 1, 0x78, 0xCE]
        + [1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0xCE]
        + [1, 0, 0, 0, 0, 0, 5, 0, 10, 0, 41, 0, 0xCE]
    private static let channelOpenOk: [UInt8] = [1, 0, 1, 0, 0, 0, 8, 0, 20, 0, 11, 0, 0, 0, 0, 0xCE]

    init(openFirst: Bool) throws(FuzzFinding) {
        let loop = self.channel.embeddedEventLoop
        var configuration = AMQPConfiguration(host: "broker", user: "guest", password: "guest")
        configuration.heartbeat = .zero
        configuration.maximumMessageSize = 16_384
        self.log = EndLog()
        self.opened = loop.makePromise()
        self.handler = AMQPConnection.makeHandler(
            configuration, on: loop, delegate: nil, deadline: .distantFuture, opened: self.opened,
            logger: Logger(label: "fuzz", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            try self.channel.pipeline.syncOperations.addHandler(self.handler)
            self.channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 5_672), promise: nil)
        } catch {
            throw FuzzFinding("no connection: \(error)")
        }
        self.handler.start()
        self.promises.append(self.opened.futureResult.map { _ in })
        guard openFirst else { return }
        self.send(ByteBuffer(bytes: Self.handshake))
        self.openChannel()
        self.send(ByteBuffer(bytes: Self.channelOpenOk))
        try expect(self.handler.status.isOpen, "the handshake of this fuzzer opens no connection")
    }

    func run(_ pieces: [ByteBuffer]) throws(FuzzFinding) {
        for piece in pieces {
            self.send(piece)
            if self.handler.status.isOpen { self.openChannel() }
        }
        self.handler.drop()
        // Timers that go on after the end hold what they belong to: they are no leaks.
        self.channel.embeddedEventLoop.advanceTime(by: .minutes(1))
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
        let left = self.promises.count { !$0.isFulfilled }
        try expect(left == 0, "\(left) of \(self.promises.count) promises were never kept")
        try expect(self.log.isSound, "a channel or a consumer heard of its end more or less than once")
    }

    private func send(_ bytes: ByteBuffer) {
        // A closed channel refuses what still comes.
        _ = try? self.channel.writeInbound(bytes)
        self.channel.embeddedEventLoop.run()
        while let written = try? self.channel.readOutbound(as: ByteBuffer.self), written.readableBytes > 0 {}
    }

    /// Once; it asks for what the input may answer.
    private func openChannel() {
        guard self.promises.count == 1 else { return }
        let loop = self.channel.embeddedEventLoop
        let opened = loop.makePromise(of: AMQPChannel.self)
        self.promises.append(opened.futureResult.map { _ in })
        let confirmed = loop.makePromise(of: Void.self)
        self.promises.append(confirmed.futureResult)
        let answers = (0..<3).map { _ in loop.makePromise(of: AMQPChannelCore.Answer.self) }
        self.promises += answers.map { $0.futureResult.map { _ in } }
        let log = self.log
        opened.futureResult.assumeIsolated().whenComplete { result in
            guard case .success(let channel) = result else {
                let error = AMQPError(.channelClosed, "it never opened")
                confirmed.fail(error)
                for answer in answers { answer.fail(error) }
                return
            }
            log.channelOpened()
            let consumer = AMQPChannelCore.Consumer(onDelivery: { _ in }, onCancel: { _ in log.consumerEnded() })
            let core = channel.core.value
            core.request(
                .queueDeclare(
                    "q", passive: false, durable: true, exclusive: false, autoDelete: false, arguments: [:]),
                .queueDeclareOk, promise: answers[0])
            core.request(
                .basicConsume("q", consumerTag: "c", noAck: false, exclusive: false, arguments: [:]), .consumeOk,
                consumer: consumer, promise: answers[1])
            core.request(.basicGet("q", noAck: true), .get, promise: answers[2])
            let message = AMQPMessage(
                exchange: "e", routingKey: "k", body: ByteBuffer(string: "hello"), mandatory: true)
            core.publishConfirmed(Array(repeating: message, count: 20), timeout: nil, promise: confirmed)
        }
        self.handler.openChannel(delegate: self.log, promise: opened)
    }
}

private final class EndLog: AMQPChannelDelegate {
    private struct Counts {
        var opened = 0
        var closed = 0
        var consumerEnds = 0
    }

    private let counts = Mutex(Counts())

    /// The end of a channel that never opened is told as well, and a consumer may never have begun.
    var isSound: Bool {
        self.counts.withLock { $0.closed <= 1 && $0.closed >= $0.opened && $0.consumerEnds <= 1 }
    }

    func channelOpened() { self.counts.withLock { $0.opened += 1 } }
    func consumerEnded() { self.counts.withLock { $0.consumerEnds += 1 } }
    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {}
    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {}
    func closed(_ error: AMQPError?, on channel: AMQPChannel) { self.counts.withLock { $0.closed += 1 } }
}

extension EventLoopFuture where Value: Sendable {
    /// On an embedded loop a callback runs at once when the value is there.
    fileprivate var isFulfilled: Bool {
        let isFulfilled = Atomic(false)
        self.whenComplete { _ in isFulfilled.store(true, ordering: .relaxed) }
        return isFulfilled.load(ordering: .relaxed)
    }
}
