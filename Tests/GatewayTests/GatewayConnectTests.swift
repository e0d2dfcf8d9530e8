import Gateway
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite("Connecting", .timeLimit(.minutes(1)))
struct GatewayConnectTests {
    /// Connects to something that should not let us in.
    static func failure(
        _ url: GatewayURL,
        tls: GatewayClientTLS? = nil,
        within limit: Duration = .seconds(10)
    ) async throws -> GatewayError {
        do throws(GatewayError) {
            _ = try await GatewayClient.connect(
                to: url, tls: tls, group: Loopback.group, deadline: .now + limit
            ) { Recorder($0) }
        } catch {
            return error
        }
        throw Recorder.Ended()
    }

    /// A TCP server that answers each connection's first bytes with `answer`, and then does nothing or closes.
    static func rawServer(answer: String?, closes: Bool = false) async throws -> any Channel {
        try await ServerBootstrap(group: Loopback.group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CannedAnswer(answer: answer, closes: closes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    static func url(_ server: any Channel, scheme: String = "ws") throws -> GatewayURL {
        try GatewayURL("\(scheme)://127.0.0.1:\(server.localAddress?.port ?? 0)")
    }

    @Test
    func `A closed port fails at once`() async throws {
        let error = try await Self.failure(GatewayURL("ws://127.0.0.1:\(quietPort())"))
        #expect(error.code == .connectFailed)
    }

    @Test
    func `An unknown name fails`() async throws {
        let error = try await Self.failure(GatewayURL("ws://gateway.invalid"), within: .seconds(20))
        #expect([.connectFailed, .timedOut].contains(error.code))
    }

    @Test(arguments: ["ws", "wss"])
    func `A server that never answers fails at the deadline`(scheme: String) async throws {
        let server = try await Self.rawServer(answer: nil)
        let error = try await Self.failure(Self.url(server, scheme: scheme), within: .milliseconds(300))
        #expect(error.code == .timedOut)
        try await server.close()
    }

    @Test
    func `A deadline in the past fails without connecting`() async throws {
        let error = try await Self.failure(GatewayURL("ws://127.0.0.1:1"), within: .seconds(-1))
        #expect(error.code == .timedOut)
    }

    @Test(arguments: [301, 401, 429, 500, 503])
    func `A refused upgrade tells its status`(status: Int) async throws {
        let server = try await Self.rawServer(answer: "HTTP/1.1 \(status) X\r\nContent-Length: 2\r\n\r\nno")
        let error = try await Self.failure(Self.url(server))
        #expect(error.code == .upgradeRefused && error.status == status)
        try await server.close()
    }

    @Test(arguments: [
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: bad\r\n\r\n",
        "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nabc",
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}", "SSH-2.0-OpenSSH\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
        "HTTP/1.1 200 OK", "HTTP/1.1 999999 X\r\n\r\n",
    ])
    func `An answer that breaks the handshake fails`(answer: String) async throws {
        let server = try await Self.rawServer(answer: answer, closes: true)
        let error = try await Self.failure(Self.url(server))
        #expect(error.code == .upgradeFailed, "\(error)")
        try await server.close()
    }

    @Test
    func `Random answers never trap`() async throws {
        var random = SeededGenerator(seed: 101)
        let head = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n"
        let valid = Array((head + "\u{1}A").utf8)
        for _ in 0..<60 {
            var bytes = valid
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0..<128, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            let server = try await Self.rawServer(answer: String(decoding: bytes, as: UTF8.self), closes: true)
            let error = try await Self.failure(Self.url(server))
            #expect([.upgradeFailed, .upgradeRefused].contains(error.code), "\(error)")
            try await server.close()
        }
    }

    @Test
    func `A cancelled task stops connecting`() async throws {
        let server = try await Self.rawServer(answer: nil)
        let url = try Self.url(server)
        let error = try await withThrowingTaskGroup(of: GatewayError.self) { group in
            group.addTask { try await Self.failure(url) }
            group.cancelAll()
            return try #require(try await group.next())
        }
        #expect(error.code == .cancelled)
        try await server.close()
    }

    @Test
    func `A certificate of an unknown authority is refused`() async throws {
        let loopback = try await Loopback(tls: true)
        let error = try await Self.failure(loopback.url(.none))
        #expect(error.code == .tlsFailed, "\(error)")
        await loopback.server.close()
    }

    @Test
    func `A certificate must fit the name`() async throws {
        // The certificate is for localhost and 127.0.0.1.
        let other = try await Loopback(tls: true, host: "127.0.0.2")
        let error = try await Self.failure(other.url(.none, host: "127.0.0.2"), tls: other.clientTLS)
        #expect(error.code == .tlsFailed, "\(error)")
        await other.server.close()
        let loopback = try await Loopback(tls: true)
        let byName = try await GatewayClient.connect(
            to: loopback.url(.none, host: "localhost"), tls: loopback.clientTLS, group: Loopback.group,
            deadline: .now + .seconds(10)
        ) { Recorder($0) }
        byName.drop()
        await loopback.server.close()
    }

    @Test
    func `A plain client of a TLS server and the other way round fail`() async throws {
        let secure = try await Loopback(tls: true)
        let plain = try await Loopback()
        let first = try await Self.failure(GatewayURL("ws://127.0.0.1:\(secure.server.port)"), within: .seconds(3))
        #expect([.upgradeFailed, .timedOut].contains(first.code), "\(first)")
        let second = try await Self.failure(GatewayURL("wss://127.0.0.1:\(plain.server.port)"))
        #expect(second.code == .tlsFailed, "\(second)")
        await secure.server.close()
        await plain.server.close()
    }

    @Test
    func `A missing CA file is an error with its name`() {
        let error = #expect(throws: GatewayError.self) { try GatewayClientTLS(caFile: "/nowhere/ca.pem") }
        #expect(error?.code == .invalidTLS && error?.message.contains("/nowhere/ca.pem") == true)
    }
}

/// Answers the first bytes, then nothing more.
private final class CannedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: String?
    private let closes: Bool
    private var isAnswered = false

    init(answer: String?, closes: Bool) {
        self.answer = answer
        self.closes = closes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let answer, !self.isAnswered else { return }
        self.isAnswered = true
        let bytes = self.wrapOutboundOut(ByteBuffer(string: answer))
        let written = context.writeAndFlush(bytes).assumeIsolated()
        if self.closes { written.whenComplete { _ in context.close(promise: nil) } }
    }
}
