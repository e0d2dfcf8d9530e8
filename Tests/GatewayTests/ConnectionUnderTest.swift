import NIOCore
import NIOEmbedded
import NIOWebSocket

@testable import Gateway

/// A connection on a channel without a socket.
struct ConnectionUnderTest {
    let channel = EmbeddedChannel()
    let handler: GatewayChannelHandler
    let connection: GatewayConnection
    let recorder: Recorder

    init(
        _ role: GatewayRole,
        _ compression: GatewayCompression = .none,
        limits: GatewayLimits = .client,
        react: @escaping @Sendable (ByteBuffer, GatewayConnection) -> Void = { _, _ in }
    ) throws {
        self.handler = try GatewayChannelHandler(role: role, compression: compression, limits: limits)
        self.connection = GatewayConnection(channel: self.channel, handler: self.handler)
        self.recorder = Recorder(self.connection, react: react)
        self.handler.begin(self.connection, delegate: self.recorder)
        try self.channel.pipeline.syncOperations.addHandler(self.handler)
        try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    func receive(_ bytes: ByteBuffer) throws {
        try self.channel.writeInbound(bytes)
        self.channel.embeddedEventLoop.run()
    }

    /// The frames written since the last call, unmasked.
    func sentFrames() throws -> [WebSocketParser.Event] {
        self.channel.embeddedEventLoop.run()
        var parser = WebSocketParser(role: self.handler.role == .client ? .server : .client, limits: .client)
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { parser.append(bytes) }
        var frames: [WebSocketParser.Event] = []
        while let frame = try parser.next() { frames.append(frame) }
        return frames
    }
}

/// Frames as a peer may make them, right or wrong.
struct RawFrame {
    var final = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []
    var masked = false
    /// 0 takes the shortest form; 2 and 8 force a long one.
    var lengthBytes = 0

    var bytes: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger((self.final ? 0x80 : 0) | self.reserved << 4 | self.opcode)
        let mask: UInt8 = self.masked ? 0x80 : 0
        if self.lengthBytes == 8 || self.payload.count > 0xFFFF {
            buffer.writeInteger(mask | 127)
            buffer.writeInteger(UInt64(self.payload.count))
        } else if self.lengthBytes == 2 || self.payload.count > 125 {
            buffer.writeInteger(mask | 126)
            buffer.writeInteger(UInt16(self.payload.count))
        } else {
            buffer.writeInteger(mask | UInt8(self.payload.count))
        }
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        if self.masked { buffer.writeBytes(key) }
        buffer.writeBytes(self.payload.enumerated().map { self.masked ? $1 ^ key[$0 % 4] : $1 })
        return buffer
    }
}
