import Gateway
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// A server and the connections it took.
struct Loopback {
    let server: GatewayServer
    let accepted: AsyncStream<(Recorder, GatewayRequest)>
    let scheme: String
    let clientTLS: GatewayClientTLS?
    private let certificates: TestCertificates?

    static var group: any EventLoopGroup { NIOSingletons.posixEventLoopGroup }

    init(
        tls: Bool = false,
        host: String = "127.0.0.1",
        limits: GatewayLimits = .server,
        admission: @escaping @Sendable (GatewayRequest) -> GatewayAdmission = { _ in .accept },
        react: @escaping @Sendable (ByteBuffer, GatewayConnection) -> Void = { _, _ in }
    ) async throws {
        self.certificates = tls ? try await TestCertificates() : nil
        let (accepted, continuation) = AsyncStream.makeStream(of: (Recorder, GatewayRequest).self)
        self.accepted = accepted
        self.scheme = tls ? "wss" : "ws"
        self.clientTLS = try self.certificates.map { try GatewayClientTLS(caFile: $0.authority) }
        self.server = try await GatewayServer.start(
            host: host,
            tls: self.certificates.map {
                try GatewayServerTLS(certificateFile: $0.certificate, privateKeyFile: $0.key)
            },
            limits: limits,
            group: Self.group,
            admission: admission
        ) { connection, request in
            let recorder = Recorder(connection, react: react)
            continuation.yield((recorder, request))
            return recorder
        }
    }

    func url(_ compression: GatewayCompression, host: String = "127.0.0.1") throws -> GatewayURL {
        try GatewayURL("\(self.scheme)://\(host):\(self.server.port)", compression: compression)
    }

    /// Both ends of one connection.
    func connect(
        _ compression: GatewayCompression = .none,
        limits: GatewayLimits = .client,
        react: @escaping @Sendable (ByteBuffer, GatewayConnection) -> Void = { _, _ in }
    ) async throws -> (client: Recorder, server: Recorder, request: GatewayRequest) {
        let recorder = Mutex<Recorder?>(nil)
        _ = try await GatewayClient.connect(
            to: self.url(compression),
            tls: self.clientTLS,
            limits: limits,
            group: Self.group,
            deadline: .now + .seconds(10)
        ) { connection in
            let made = Recorder(connection, react: react)
            recorder.withLock { $0 = made }
            return made
        }
        let client = try #require(recorder.withLock { $0 })
        for await (server, request) in self.accepted { return (client, server, request) }
        throw Recorder.Ended()
    }
}

@Suite("Gateway contract", .timeLimit(.minutes(1)))
struct GatewayContractTests {
    struct Kind: CustomTestStringConvertible, Sendable {
        var tls: Bool
        var compression: GatewayCompression
        var testDescription: String { "\(self.tls ? "TLS" : "plain") \(self.compression.rawValue)" }
    }

    static let kinds = [false, true].flatMap { tls in
        GatewayCompression.allCases.map { Kind(tls: tls, compression: $0) }
    }

    @Test(arguments: kinds)
    func `Messages go both ways in order, then a close`(_ kind: Kind) async throws {
        let loopback = try await Loopback(tls: kind.tls)
        let (client, server, request) = try await loopback.connect(kind.compression)
        #expect(request.version == 10 && request.encoding == "json" && request.compression == kind.compression)
        #expect(request.path == "/" && request.remoteAddress?.ipAddress == "127.0.0.1")

        let texts = (0..<500).map { #"{"op":0,"s":\#($0),"t":"MESSAGE_CREATE","d":{"content":"grüß dich"}}"# }
        for text in texts { server.connection.send(ByteBuffer(string: text)) }
        for text in texts { #expect(try await client.nextText() == text) }
        for text in texts.prefix(50) { client.connection.send(ByteBuffer(string: text)) }
        for text in texts.prefix(50) { #expect(try await server.nextText() == text) }

        server.connection.close(code: 4009, reason: "session timed out")
        #expect(try await client.close().summary == "peer 4009 session timed out")
        #expect(try await server.close().summary == "local 4009")
        #expect(client.endedOnce && server.endedOnce)
        await loopback.server.close()
    }

    @Test(arguments: kinds)
    func `A message of 8 MiB arrives whole`(_ kind: Kind) async throws {
        let loopback = try await Loopback(tls: kind.tls)
        let (client, server, _) = try await loopback.connect(kind.compression)
        var random = SeededGenerator(seed: 8)
        var message = ByteBuffer()
        while message.readableBytes < 8 << 20 {
            message.writeInteger(UInt64.random(in: .min ... .max, using: &random) & 0x3F3F_3F3F_3F3F_3F3F)
        }
        server.connection.send(ByteBuffer(string: "before"))
        server.connection.send(message)
        server.connection.send(ByteBuffer(string: "after"))
        #expect(try await client.nextText() == "before")
        #expect(try await client.nextMessage() == message)
        #expect(try await client.nextText() == "after")
        client.connection.close(code: 4000, reason: "")
        #expect(try await client.close().summary == "local 4000")
        #expect(try await server.close().summary == "peer 4000 ")
        await loopback.server.close()
    }

    @Test(arguments: kinds)
    func `A dropped socket is told at both ends`(_ kind: Kind) async throws {
        let loopback = try await Loopback(tls: kind.tls)
        let (client, server, _) = try await loopback.connect(kind.compression)
        server.connection.drop()
        #expect(try await server.close().summary == "dropped")
        #expect(try await client.close().summary == "dropped")
        await loopback.server.close()
    }

    @Test(arguments: [1000, 1001, 4000, 4014])
    func `Close codes pass both ways`(code: UInt16) async throws {
        let loopback = try await Loopback()
        let first = try await loopback.connect()
        first.client.connection.close(code: code, reason: "over")
        #expect(try await first.server.close().summary == "peer \(code) over")
        #expect(try await first.client.close().summary == "local \(code)")
        let second = try await loopback.connect()
        second.server.connection.close(code: code, reason: "over")
        #expect(try await second.client.close().summary == "peer \(code) over")
        #expect(try await second.server.close().summary == "local \(code)")
        await loopback.server.close()
    }

    @Test
    func `A server's first messages may come with the upgrade`() async throws {
        let (hellos, continuation) = AsyncStream.makeStream(of: Recorder.self)
        let server = try await GatewayServer.start(group: Loopback.group) { connection, _ in
            connection.send(ByteBuffer(string: "hello"))
            return Recorder(connection)
        }
        for _ in 0..<50 {
            _ = try await GatewayClient.connect(
                to: GatewayURL("ws://127.0.0.1:\(server.port)", compression: .none),
                group: Loopback.group,
                deadline: .now + .seconds(10)
            ) { connection in
                let recorder = Recorder(connection)
                continuation.yield(recorder)
                return recorder
            }
        }
        continuation.finish()
        for await recorder in hellos { #expect(try await recorder.nextText() == "hello") }
        await server.close()
    }

    @Test
    func `Bytes that are frames already pass as they are`() async throws {
        let loopback = try await Loopback()
        let (client, server, _) = try await loopback.connect(.zstdStream)
        let encoder = try MessageEncoder(.zstdStream)
        var frames = ByteBuffer()
        for index in 0..<100 { try encoder.encode(ByteBuffer(string: "event \(index)"), into: &frames) }
        server.connection.sendPrecompressed(frames)
        for index in 0..<100 { #expect(try await client.nextText() == "event \(index)") }
        await loopback.server.close()
    }

    @Test
    func `A slow reader is cut at the limit and others are not`() async throws {
        var limits = GatewayLimits.server
        limits.maxUnsentBytes = 1 << 20
        let loopback = try await Loopback(limits: limits)
        let slow = try await loopback.connect()
        let quick = try await loopback.connect()
        slow.client.connection.setReading(false)
        let chunk = ByteBuffer(repeating: 0x61, count: 64 << 10)
        // The kernel's buffers take some megabytes before the server's own fill up.
        try await eventually(within: .seconds(30), "the slow reader is cut") {
            for _ in 0..<16 { slow.server.connection.send(chunk) }
            return !slow.server.closes.isEmpty
        }
        #expect(slow.server.closes.map(\.summary) == ["failed slowReader"])
        quick.server.connection.send(chunk)
        #expect(try await quick.client.nextMessage() == chunk)
        await loopback.server.close()
    }

    @Test(arguments: [false, true])
    func `A paused client stops the server's socket and loses nothing`(tls: Bool) async throws {
        let loopback = try await Loopback(tls: tls)
        let (client, server, _) = try await loopback.connect(.none)
        client.connection.setReading(false)
        // What was handed to the event loop before this has happened when it returns.
        try await client.connection.eventLoop.submit {}.get()
        let chunk = ByteBuffer(repeating: 0x61, count: 64 << 10)
        var sent = 0
        // The kernel's buffers take some megabytes first.
        try await eventually(within: .seconds(30), "the server's socket is full") {
            for _ in 0..<16 { server.connection.send(chunk) }
            sent += 16
            try await server.connection.eventLoop.submit {}.get()
            return !server.connection.isWritable
        }
        #expect(client.messages.isEmpty)
        client.connection.setReading(true)
        for _ in 0..<sent { #expect(try await client.nextMessage() == chunk) }
        try await eventually("the server's socket takes bytes again") { server.connection.isWritable }
        await loopback.server.close()
    }

    @Test
    func `A client message above the server's limit is answered with 1009`() async throws {
        let loopback = try await Loopback()
        let (client, server, _) = try await loopback.connect()
        client.connection.send(ByteBuffer(repeating: 0x61, count: 5_000))
        #expect(try await server.nextMessage().readableBytes == 5_000)
        client.connection.send(ByteBuffer(repeating: 0x61, count: (64 << 10) + 1))
        #expect(try await server.close().summary == "failed messageTooBig")
        let reason = try await client.close()
        #expect(reason.summary.hasPrefix("peer 1009"), "\(reason)")
        await loopback.server.close()
    }

    @Test
    func `A server's bomb ends only that connection`() async throws {
        let loopback = try await Loopback()
        let limits = GatewayLimits(maxFrameBytes: 1 << 20, maxMessageBytes: 1 << 20)
        let (client, server, _) = try await loopback.connect(.zstdStream, limits: limits)
        server.connection.send(ByteBuffer(repeating: 0x20, count: 8 << 20))
        #expect(try await client.close().summary == "failed messageTooBig")
        let reason = try await server.close()
        #expect(reason.summary.hasPrefix("peer 1009"), "\(reason)")
        await loopback.server.close()
    }

    @Test
    func `Closing the server drops its connections`() async throws {
        let loopback = try await Loopback()
        let (client, server, _) = try await loopback.connect()
        await loopback.server.close()
        #expect(try await server.close().summary == "dropped")
        #expect(try await client.close().summary == "dropped")
    }
}
