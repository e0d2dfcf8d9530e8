import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The HTTP side of a ``GatewayServer``: what is upgraded, and what is answered to everything else.
struct GatewayServerHandshake: Sendable {
    let limits: GatewayLimits
    let admission: @Sendable (GatewayRequest) -> GatewayAdmission
    let onConnection: @Sendable (GatewayConnection, GatewayRequest) -> (any GatewayConnectionDelegate)?

    /// Adds the HTTP handlers, which the upgrade replaces. Call it on the channel's event loop.
    func configure(_ channel: any Channel) throws {
        let refusal = NIOLoopBoundBox<HTTPRefusal?>(nil, eventLoop: channel.eventLoop)
        let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(self.limits.upgradeTimeout)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
        let brokenRequests = NIOLoopBound(BrokenRequestHandler(), eventLoop: channel.eventLoop)
        let upgrader = GatewayServerUpgrader(
            decide: { request in
                refusal.value = self.refusal(of: request, channel: channel)
                return refusal.value == nil
            },
            open: { request in
                deadline.cancel()
                channel.pipeline.syncOperations.removeHandler(brokenRequests.value, promise: nil)
                try self.open(channel, GatewayRequest(request, remoteAddress: channel.remoteAddress))
            }
        )
        let configuration = NIOUpgradableHTTPServerPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration<Void>(
                upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(HTTPRefusalHandler(refusal: refusal.value))
                    }
                }
            )
        )
        try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(configuration: configuration)
            .whenFailure { _ in channel.close(promise: nil) }
        try channel.pipeline.syncOperations.addHandler(brokenRequests.value)
    }

    private func refusal(of head: HTTPRequestHead, channel: any Channel) -> HTTPRefusal? {
        let request = GatewayRequest(head, remoteAddress: channel.remoteAddress)
        guard request.path == "/" else { return .notFound }
        guard head.method == .GET, head.headers["Sec-WebSocket-Key"].count == 1,
            head.headers["Sec-WebSocket-Key"][0].utf8.count == 24
        else { return HTTPRefusal(status: .badRequest, message: "The handshake needs GET and one Sec-WebSocket-Key.") }
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else { return .upgradeRequired }
        switch self.admission(request) {
        case .accept: return nil
        case .refuse(let status, let message):
            return HTTPRefusal(status: .init(statusCode: min(max(status, 400), 599)), message: message)
        }
    }

    private func open(_ channel: any Channel, _ request: GatewayRequest) throws {
        let handler = try GatewayChannelHandler(role: .server, compression: request.compression, limits: self.limits)
        let connection = GatewayConnection(channel: channel, handler: handler)
        guard let delegate = self.onConnection(connection, request) else {
            channel.close(promise: nil)
            return
        }
        handler.begin(connection, delegate: delegate)
        try channel.pipeline.syncOperations.addHandler(handler)
    }
}

/// An HTTP answer in place of the upgrade.
struct HTTPRefusal: Sendable {
    var status: HTTPResponseStatus
    var message: String

    static let notFound = HTTPRefusal(status: .notFound, message: "The gateway is at path /.")
    static let upgradeRequired = HTTPRefusal(status: .upgradeRequired, message: "This is a WebSocket, version 13.")
}

/// NIO's WebSocket handshake, without NIO's frame codecs behind it.
private struct GatewayServerUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []
    private let handshake: NIOTypedWebSocketServerUpgrader<Void>
    private let decide: @Sendable (HTTPRequestHead) -> Bool
    private let open: @Sendable (HTTPRequestHead) throws -> Void

    init(
        decide: @escaping @Sendable (HTTPRequestHead) -> Bool,
        open: @escaping @Sendable (HTTPRequestHead) throws -> Void
    ) {
        self.decide = decide
        self.open = open
        self.handshake = NIOTypedWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
    }

    func buildUpgradeResponse(
        channel: any Channel,
        upgradeRequest: HTTPRequestHead,
        initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        guard self.decide(upgradeRequest) else {
            return channel.eventLoop.makeFailedFuture(NIOWebSocketUpgradeError.unsupportedWebSocketTarget)
        }
        return self.handshake.buildUpgradeResponse(
            channel: channel,
            upgradeRequest: upgradeRequest,
            initialResponseHeaders: initialResponseHeaders
        )
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture { try self.open(upgradeRequest) }
    }
}

/// Ends the connection of a request that isn't HTTP, which NIO has answered with 400 but leaves open.
private final class BrokenRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A refused upgrade comes by here too; its answer is still to be written.
        if error is NIOWebSocketUpgradeError { return }
        context.close(promise: nil)
    }
}

/// Answers a request that is not upgraded, and ends the connection.
private final class HTTPRefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Nil when the request asked for no WebSocket.
    private var refusal: HTTPRefusal?

    init(refusal: HTTPRefusal?) { self.refusal = refusal }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            let path = head.uri.prefix { $0 != "?" }
            self.refusal = self.refusal ?? (path == "/" ? .upgradeRequired : .notFound)
        case .body:
            break
        case .end:
            if let refusal { self.answer(refusal, context: context) }
        }
    }

    private func answer(_ refusal: HTTPRefusal, context: ChannelHandlerContext) {
        let body = ByteBuffer(string: refusal.message + "\n")
        var headers: HTTPHeaders = [
            "Content-Type": "text/plain; charset=utf-8", "Content-Length": "\(body.readableBytes)",
            "Connection": "close",
        ]
        if refusal.status == .upgradeRequired {
            headers.replaceOrAdd(name: "Connection", value: "close, upgrade")
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Sec-WebSocket-Version", value: "13")
        }
        let head = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let loopBound = context.loopBound
        context.writeAndFlush(self.wrapOutboundOut(.end(nil))).whenComplete { _ in
            loopBound.value.close(promise: nil)
        }
    }
}
