import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server whose every answer a test decides.
final class LoopbackServer: Sendable {
    struct Received: Sendable {
        let head: HTTPRequestHead
        let body: String
    }

    enum Answer: Sendable {
        case status(Int, String)
        case redirect(Int, location: String?)
        /// Head and a part of the announced body, then the connection is cut.
        case truncated
        /// Nothing, for as long as the client cares to wait.
        case silence
    }

    private let listener: any Channel
    private let log: Log

    private final class Log: Sendable {
        let received = Mutex<[Received]>([])
    }

    /// Runs one for the length of `body`, which is told its address.
    static func run(_ answer: Answer, _ body: (String, LoopbackServer) async throws -> Void) async throws {
        try await self.run({ _ in answer }, body)
    }

    /// - Parameter answer: told each request in turn.
    static func run(
        _ answer: @escaping @Sendable (Received) -> Answer, _ body: (String, LoopbackServer) async throws -> Void
    ) async throws {
        let log = Log()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(answer: answer, log: log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = LoopbackServer(listener: listener, log: log)
        do {
            try await body("http://127.0.0.1:\(listener.localAddress?.port ?? 0)", server)
        } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    private init(listener: any Channel, log: Log) {
        self.listener = listener
        self.log = log
    }

    var received: [Received] { self.log.received.withLock { $0 } }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: @Sendable (Received) -> Answer
        private let log: Log
        private var head: HTTPRequestHead?
        private var body = ByteBuffer()

        init(answer: @escaping @Sendable (Received) -> Answer, log: Log) {
            self.answer = answer
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(var part): self.body.writeBuffer(&part)
            case .end:
                guard let head = self.head else { return }
                let received = Received(head: head, body: String(buffer: self.body))
                self.log.received.withLock { $0.append(received) }
                self.body.clear()
                self.respond(context, self.answer(received))
            }
        }

        private func respond(_ context: ChannelHandlerContext, _ answer: Answer) {
            let status: Int
            let text: String
            var length: Int
            var location: String?
            switch answer {
            case .silence: return
            case .truncated: (status, text, length) = (200, "{", 100)
            case .status(let code, let body): (status, text, length) = (code, body, body.utf8.count)
            case .redirect(let code, let leader): (status, text, length, location) = (code, "", 0, leader)
            }
            if status == 204 { length = 0 }
            var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
            if status != 204 { head.headers.add(name: "content-length", value: "\(length)") }
            if let location { head.headers.add(name: "location", value: location) }
            context.write(self.wrapOutboundOut(.head(head)), promise: nil)
            if status != 204 {
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            }
            if case .truncated = answer {
                context.flush()
                context.close(promise: nil)
            } else {
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
