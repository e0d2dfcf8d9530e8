import NIOCore
import NIOEmbedded
import NIOWebSocket
import Synchronization

@testable import Gateway

/// What a WebSocket peer sends: the frames by themselves, and the handler that stands behind them.
///
/// Input: role and compression, how TCP cuts the bytes, what the connection's user does meanwhile (0: nothing), bytes.
enum WebSocketFuzzing {
    private static let limits = GatewayLimits(maxFrameBytes: 2_048, maxMessageBytes: 4_096, zstdWindowLogMax: 15)

    static func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        var input = FuzzInput(bytes)
        let kind = input.choice()
        let role: GatewayRole = kind & 1 == 0 ? .client : .server
        let compressions: [GatewayCompression] = [.none, .zlibStream, .zstdStream, .none]
        let compression = role == .client ? compressions[Int(kind >> 1 & 3)] : .none
        let cut = input.choice()
        let user = input.choice()
        let pieces = input.pieces(cut)

        let whole = Stream(role, limits: self.limits, pieces: [input.whole])
        let stream = Stream(role, limits: self.limits, pieces: pieces)
        try expect(stream == whole, "cut into pieces \(stream) was read, in one piece \(whole)")
        for event in whole.events { try self.check(event, role: role) }
        try self.checkUTF8(input.rest)

        let connection = try ScriptedConnection(role, compression: compression, limits: self.limits)
        try connection.receive(pieces, user: user)
        if user == 0, compression == .none { try connection.compare(with: whole, role: role) }
    }

    /// An event is within its bounds, and is read again from a frame of our own.
    private static func check(_ event: WebSocketParser.Event, role: GatewayRole) throws(FuzzFinding) {
        let mask: WebSocketMaskingKey? = role == .server ? .random() : nil
        var frame = ByteBuffer()
        switch event {
        case .text(let payload):
            try expect(payload.readableBytes <= self.limits.maxMessageBytes, "a text passes the limit")
            frame.writeFrame(.text, payload: payload, mask: mask)
        case .binary(let payload):
            try expect(payload.readableBytes <= self.limits.maxMessageBytes, "a message passes the limit")
            frame.writeFrame(.binary, payload: payload, mask: mask)
        case .ping(let payload):
            try expect(payload.readableBytes <= 125, "a ping passes the limit")
            frame.writeFrame(.ping, payload: payload, mask: mask)
        case .pong:
            frame.writeFrame(.pong, payload: ByteBuffer(), mask: mask)
        case .close(let code, let reason):
            frame.writeCloseFrame(code: code, reason: reason, mask: mask)
        }
        var limits = self.limits
        limits.maxFrameBytes = limits.maxMessageBytes
        let again = Stream(role, limits: limits, pieces: [frame])
        try expect(again.events == [event] && again.error == nil, "\(event) was written and read as \(again)")
    }

    private static func checkUTF8(_ bytes: [UInt8]) throws(FuzzFinding) {
        let isValid = bytes.withUnsafeBytes { $0.isValidUTF8 }
        try expect(isValid == (String(validating: bytes, as: UTF8.self) != nil), "UTF-8: \(isValid) for \(bytes)")
    }
}

/// All that the parser makes of some pieces.
private struct Stream: Equatable {
    var events: [WebSocketParser.Event] = []
    var error: GatewayError.Code?

    init(_ role: GatewayRole, limits: GatewayLimits, pieces: [ByteBuffer]) {
        var parser = WebSocketParser(role: role, limits: limits)
        do throws(GatewayError) {
            for piece in pieces {
                parser.append(piece)
                while let event = try parser.next() { self.events.append(event) }
            }
        } catch {
            self.error = error.code
        }
    }
}

/// A connection without a socket, whose user does what the input says.
private struct ScriptedConnection {
    private let channel = EmbeddedChannel()
    private let connection: GatewayConnection
    private let listener = Listener()

    init(_ role: GatewayRole, compression: GatewayCompression, limits: GatewayLimits) throws(FuzzFinding) {
        do {
            let handler = try GatewayChannelHandler(role: role, compression: compression, limits: limits)
            self.connection = GatewayConnection(channel: self.channel, handler: handler)
            handler.begin(self.connection, delegate: self.listener)
            try self.channel.pipeline.syncOperations.addHandler(handler)
            try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        } catch {
            throw FuzzFinding("no connection: \(error)")
        }
    }

    func receive(_ pieces: [ByteBuffer], user: UInt8) throws(FuzzFinding) {
        var choices = Choices(seed: user)
        for piece in pieces {
            if user != 0 { self.act(choices.next()) }
            // A closed channel refuses what still comes.
            _ = try? self.channel.writeInbound(piece)
            self.channel.embeddedEventLoop.run()
        }
        self.setReading(true)
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
        self.channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        let broken = self.listener.broken
        try expect(broken == nil, "the delegate heard \(broken ?? "")")
        try expect(self.listener.closed != nil, "the delegate was not told of the end")
    }

    private func act(_ choice: UInt64) {
        switch choice % 16 {
        case 0: self.setReading(false)
        case 1, 2: self.setReading(true)
        case 3: self.connection.send(ByteBuffer(repeating: 0x61, count: Int(choice >> 8 % 300)))
        case 4: if choice >> 8 % 16 == 0 { self.connection.close(code: 4_000, reason: "enough") }
        case 5: if choice >> 8 % 32 == 0 { self.connection.drop() }
        default: break
        }
    }

    private func setReading(_ reading: Bool) {
        self.listener.pause(!reading)
        self.connection.setReading(reading)
    }

    /// Uncompressed and undisturbed, what is delivered is what the frames hold, up to the end.
    func compare(with stream: Stream, role: GatewayRole) throws(FuzzFinding) {
        var expected: [ByteBuffer] = []
        loop: for event in stream.events {
            switch event {
            case .text(let message): expected.append(message)
            case .binary(let message) where role == .server: expected.append(message)
            case .binary, .close: break loop
            case .ping, .pong: break
            }
        }
        let messages = self.listener.messages
        try expect(messages == expected, "delivered were \(messages), the frames hold \(expected)")
    }
}

private final class Listener: GatewayConnectionDelegate {
    private struct State {
        var messages: [ByteBuffer] = []
        var closed: GatewayCloseReason?
        var isPaused = false
        var broken: String?
    }

    private let state = Mutex(State())

    var messages: [ByteBuffer] { self.state.withLock { $0.messages } }
    var closed: GatewayCloseReason? { self.state.withLock { $0.closed } }
    var broken: String? { self.state.withLock { $0.broken } }

    func pause(_ isPaused: Bool) { self.state.withLock { $0.isPaused = isPaused } }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        self.state.withLock { state in
            if state.closed != nil { state.broken = "a message after the end" }
            if state.isPaused { state.broken = "a message while paused" }
            state.messages.append(message)
        }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        self.state.withLock { state in
            if state.closed != nil { state.broken = "the end twice" }
            state.closed = reason
        }
    }
}
