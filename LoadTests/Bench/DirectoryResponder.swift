import NIOCore
import NIOHTTP1
import NIOPosix

/// What a coordinator asks of Discord's REST API: who the bot is, and how it may start sessions.
struct DirectoryResponder: Sendable {
    private let channel: any Channel

    var url: String { "http://127.0.0.1:\(self.channel.localAddress?.port ?? 0)" }

    static func start(shards: Int, group: MultiThreadedEventLoopGroup) async throws -> DirectoryResponder {
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(shards: shards))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return DirectoryResponder(channel: channel)
    }

    func close() async throws { try await self.channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let shards: Int
        private var isGateway = false

        init(shards: Int) { self.shards = shards }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.isGateway = head.uri.hasSuffix("/gateway/bot")
            case .body: break
            case .end: self.answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            let body = ByteBuffer(
                string: self.isGateway
                    ? #"{"url":"wss://127.0.0.1","shards":\#(self.shards),"session_start_limit":{"total":100000,"#
                        + #""remaining":100000,"reset_after":80000000,"max_concurrency":16}}"#
                    : #"{"id":"1100000000000000001","name":"bench"}"#)
            let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(body.readableBytes)"]
            context.write(
                self.wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
