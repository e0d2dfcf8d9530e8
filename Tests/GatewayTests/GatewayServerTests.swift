import Gateway
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite("Server", .timeLimit(.minutes(1)))
struct GatewayServerTests {
    static let upgrade = """
        Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
        """

    /// Sends bytes and returns all that comes back until the server closes.
    static func exchange(_ port: Int, _ bytes: ByteBuffer) async throws -> ByteBuffer {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        let channel = try await ClientBootstrap(group: Loopback.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation: continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        // A server that has closed already is seen by the end of the stream.
        channel.writeAndFlush(bytes, promise: nil)
        var answer = ByteBuffer()
        for await part in stream { answer.writeImmutableBuffer(part) }
        return answer
    }

    static func http(_ port: Int, _ request: String) async throws -> String {
        String(buffer: try await self.exchange(port, ByteBuffer(string: request)))
    }

    @Test
    func `What is no upgrade at / gets its status`() async throws {
        let loopback = try await Loopback(admission: { request in
            request.query["refuse"].flatMap { Int($0) }.map { .refuse(status: $0, message: "later") } ?? .accept
        })
        let port = loopback.server.port
        let plain = try await Self.http(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(plain.hasPrefix("HTTP/1.1 426 ") && plain.lowercased().contains("upgrade: websocket"))
        #expect(try await Self.http(port, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        #expect(try await Self.http(port, "GET /other HTTP/1.1\r\n\(Self.upgrade)").hasPrefix("HTTP/1.1 404 "))
        #expect(try await Self.http(port, "GET /?refuse=503 HTTP/1.1\r\n\(Self.upgrade)").hasPrefix("HTTP/1.1 503 "))
        #expect(try await Self.http(port, "GET /?refuse=7 HTTP/1.1\r\n\(Self.upgrade)").hasPrefix("HTTP/1.1 400 "))
        let old = Self.upgrade.replacing("Version: 13", with: "Version: 8")
        #expect(try await Self.http(port, "GET / HTTP/1.1\r\n\(old)").hasPrefix("HTTP/1.1 426 "))
        let keyless = Self.upgrade.replacing("dGhlIHNhbXBsZSBub25jZQ==", with: "short")
        #expect(try await Self.http(port, "GET / HTTP/1.1\r\n\(keyless)").hasPrefix("HTTP/1.1 400 "))
        #expect(try await Self.http(port, "\u{1}\u{2}\u{3}\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
        await loopback.server.close()
    }

    @Test
    func `The handshake answers the RFC's sample key`() async throws {
        let loopback = try await Loopback()
        var bytes = ByteBuffer(string: "GET / HTTP/1.1\r\n\(Self.upgrade)")
        bytes.writeImmutableBuffer(RawFrame(opcode: 8, payload: [0x03, 0xE8], masked: true).bytes)
        let answer = try await Self.exchange(loopback.server.port, bytes)
        let text = String(buffer: answer)
        #expect(text.hasPrefix("HTTP/1.1 101 ") && text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(Array(answer.readableBytesView.suffix(4)) == [0x88, 2, 0x03, 0xE8], "the close is echoed")
        await loopback.server.close()
    }

    @Test
    func `A frame without a mask is answered with 1002`() async throws {
        let loopback = try await Loopback()
        var bytes = ByteBuffer(string: "GET /?v=10&compress=zlib-stream HTTP/1.1\r\n\(Self.upgrade)")
        bytes.writeImmutableBuffer(RawFrame(opcode: 1, payload: [0x61]).bytes)
        let answer = try await Self.exchange(loopback.server.port, bytes)
        let close = Array(answer.readableBytesView.split(separator: 0x88, maxSplits: 1).last ?? [])
        #expect(close.dropFirst().prefix(2) == [0x03, 0xEA])
        for await (server, request) in loopback.accepted {
            #expect(request.compression == .zlibStream)
            #expect(try await server.close().summary == "failed protocolViolation")
            break
        }
        await loopback.server.close()
    }

    @Test
    func `The query is decoded`() async throws {
        let loopback = try await Loopback()
        let target = "/?v=x&encoding=etf&compress=br&a=%41%zz+b&a%3D=1&&e"
        var bytes = ByteBuffer(string: "GET \(target) HTTP/1.1\r\nOrigin: http://o\r\n\(Self.upgrade)")
        bytes.writeImmutableBuffer(RawFrame(opcode: 8, masked: true).bytes)
        _ = try await Self.exchange(loopback.server.port, bytes)
        for await (_, request) in loopback.accepted {
            #expect(request.version == nil && request.encoding == "etf" && request.compression == .none)
            #expect(request.query["compress"] == "br" && request.query["a"] == "A%zz b" && request.query["a="] == "1")
            #expect(request.query["e"] == "" && request.origin == "http://o")
            break
        }
        await loopback.server.close()
    }

    @Test
    func `Who does not finish the upgrade is cut`() async throws {
        var limits = GatewayLimits.server
        limits.upgradeTimeout = .seconds(1)
        let loopback = try await Loopback(limits: limits)
        var ends: (client: Recorder, server: Recorder, request: GatewayRequest)?
        try await eventually("an upgrade in time") {
            ends = try? await loopback.connect()
            return ends != nil
        }
        let (client, server, _) = try #require(ends)
        // When the later one is cut, the time of the one that did upgrade is over as well.
        #expect(try await Self.http(loopback.server.port, "GET / HTTP/1.1\r\nHost:") == "")
        server.connection.send(ByteBuffer(string: "still here"))
        #expect(try await client.nextText() == "still here")
        await loopback.server.close()
    }

    @Test
    func `Connections above the limit are cut and places come free again`() async throws {
        var limits = GatewayLimits.server
        limits.maxConnections = 2
        let loopback = try await Loopback(limits: limits)
        let first = try await loopback.connect()
        _ = try await loopback.connect()
        let error = try await GatewayConnectTests.failure(loopback.url(.none))
        #expect([.upgradeFailed, .connectFailed].contains(error.code), "\(error)")
        first.client.connection.close(code: 1000)
        _ = try await first.server.close()
        try await eventually("a place is free") { (try? await loopback.connect()) != nil }
        await loopback.server.close()
    }

    @Test
    func `A connection may be turned away after the upgrade`() async throws {
        let server = try await GatewayServer.start(group: Loopback.group) { _, _ in nil }
        let connection = try await GatewayClient.connect(
            to: GatewayURL("ws://127.0.0.1:\(server.port)"), group: Loopback.group, deadline: .now + .seconds(10)
        ) { Recorder($0) }
        try await eventually("the connection is gone") { !connection.isWritable }
        await server.close()
    }

    @Test
    func `A taken port is a clear error`() async throws {
        let loopback = try await Loopback()
        let error = await #expect(throws: GatewayError.self) {
            try await GatewayServer.start(port: loopback.server.port, group: Loopback.group) { _, _ in nil }
        }
        #expect(error?.code == .listenFailed && error?.message.contains("\(loopback.server.port)") == true)
        await loopback.server.close()
    }
}

/// Passes on what comes, and its end.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(continuation: AsyncStream<ByteBuffer>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.continuation.yield(self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) { self.continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
