package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// Opens connections to a gateway.
package enum GatewayClient {
    /// Connects, upgrades and returns once the WebSocket is open.
    ///
    /// Messages may reach the delegate before this returns. When it throws after the delegate was made, the delegate
    /// hears `closed`.
    ///
    /// - Parameters:
    ///   - tls: for `wss`; nil trusts the system's certificates.
    ///   - deadline: for DNS, TCP, TLS and upgrade together.
    ///   - delegate: called on the connection's event loop before any message is.
    /// - Throws: `connectFailed`, `tlsFailed`, `upgradeRefused` (with the HTTP status), `upgradeFailed`, `timedOut`
    ///   or `cancelled`.
    package static func connect(
        to url: GatewayURL,
        tls: GatewayClientTLS? = nil,
        limits: GatewayLimits = .client,
        group: any EventLoopGroup,
        deadline: ContinuousClock.Instant,
        delegate: @escaping @Sendable (GatewayConnection) -> any GatewayConnectionDelegate
    ) async throws(GatewayError) -> GatewayConnection {
        let remaining = TimeAmount(deadline - .now)
        guard remaining > .zero else { throw Self.timedOut(url) }
        let trust: GatewayClientTLS?
        if url.isTLS { trust = if let tls { tls } else { try GatewayClientTLS.system.get() } } else { trust = nil }
        let eventLoop = group.next()
        let attempt = ConnectAttempt(eventLoop: eventLoop)
        let timeout = eventLoop.scheduleTask(in: remaining) { attempt.fail(Self.timedOut(url)) }
        defer { timeout.cancel() }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(remaining)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard attempt.opened(channel) else { throw GatewayError(.cancelled, "the attempt is over") }
                }
            }
        do {
            return try await withTaskCancellationHandler {
                // Only the socket that won is given handlers: of a name's addresses several are tried at once.
                bootstrap.connect(host: url.host, port: url.port).flatMapThrowing { channel in
                    try Self.configure(
                        channel, url: url, tls: trust, limits: limits, attempt: attempt, delegate: delegate
                    )
                }.whenFailure { error in
                    attempt.fail(GatewayError(.connectFailed, "cannot connect to \(url)", underlying: error))
                }
                return try await attempt.result.get()
            } onCancel: {
                attempt.fail(GatewayError(.cancelled, "connecting to \(url) was cancelled"))
            }
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.connectFailed, "cannot connect to \(url)", underlying: error)
        }
    }

    private static func configure(
        _ channel: any Channel,
        url: GatewayURL,
        tls: GatewayClientTLS?,
        limits: GatewayLimits,
        attempt: ConnectAttempt,
        delegate: @escaping @Sendable (GatewayConnection) -> any GatewayConnectionDelegate
    ) throws {
        guard channel.isActive else { throw ChannelError.eof }
        let pipeline = channel.pipeline.syncOperations
        if let tls {
            // SNI is for names only (RFC 6066, section 3); an address is checked against the certificate all the same.
            let isAddress = (try? SocketAddress(ipAddress: url.host, port: 0)) != nil
            try pipeline.addHandler(
                NIOSSLClientHandler(context: tls.context, serverHostname: isAddress ? nil : url.host)
            )
        }
        let headers: HTTPHeaders = ["Host": url.hostHeader, "User-Agent": "DiscordBot (flotilla, 1.0)"]
        let upgrader = GatewayClientUpgrader { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = try GatewayChannelHandler(role: .client, compression: url.compression, limits: limits)
                let connection = GatewayConnection(channel: channel, handler: handler)
                handler.begin(connection, delegate: delegate(connection))
                try channel.pipeline.syncOperations.addHandler(handler)
                return connection
            }
        }
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<GatewayConnection?>(
                upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: url.target, headers: headers),
                upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = RefusedUpgradeHandler(url: url, attempt: attempt)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        return nil
                    }
                }
            )
        )
        // The server's Hello may come together with the end of the upgrade.
        configuration.leftOverBytesStrategy = .forwardBytes
        try pipeline.configureUpgradableHTTPClientPipeline(configuration: configuration).whenComplete { result in
            switch result {
            case .success(let connection?): attempt.succeed(connection)
            case .success(nil): break
            case .failure(let error): attempt.fail(Self.upgradeError(error, url: url))
            }
        }
    }

    private static func timedOut(_ url: GatewayURL) -> GatewayError {
        GatewayError(.timedOut, "connecting to \(url) took longer than its deadline")
    }

    private static func upgradeError(_ error: any Error, url: GatewayURL) -> GatewayError {
        switch error {
        case let error as GatewayError:
            error
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            GatewayError(.tlsFailed, "TLS with \(url.host) failed", underlying: error)
        case let error as ChannelError where error == .inappropriateOperationForState:
            GatewayError(.upgradeFailed, "\(url.host) closed the connection before the upgrade was through")
        default:
            GatewayError(.upgradeFailed, "\(url.host) did not answer the upgrade as RFC 6455 asks", underlying: error)
        }
    }
}

/// NIO's WebSocket handshake, without NIO's frame codecs behind it.
private struct GatewayClientUpgrader: NIOTypedHTTPClientProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []
    private let handshake: NIOTypedWebSocketClientUpgrader<GatewayConnection?>
    private let open: @Sendable (any Channel) -> EventLoopFuture<GatewayConnection?>

    init(open: @escaping @Sendable (any Channel) -> EventLoopFuture<GatewayConnection?>) {
        self.open = open
        self.handshake = NIOTypedWebSocketClientUpgrader { channel, _ in open(channel) }
    }

    func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
        self.handshake.addCustom(upgradeRequestHeaders: &upgradeRequestHeaders)
    }

    func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
        // We ask for neither, so the server must not choose any (RFC 6455, section 4.1).
        upgradeResponse.headers["Sec-WebSocket-Extensions"].isEmpty
            && upgradeResponse.headers["Sec-WebSocket-Protocol"].isEmpty
            && self.handshake.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
    }

    func upgrade(channel: any Channel, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<GatewayConnection?> {
        self.open(channel)
    }
}

/// Tells the status of an answer that is not 101.
private final class RefusedUpgradeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let url: GatewayURL
    private let attempt: ConnectAttempt

    init(url: GatewayURL, attempt: ConnectAttempt) {
        self.url = url
        self.attempt = attempt
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = self.unwrapInboundIn(data) else { return }
        let status = Int(head.status.code)
        self.attempt.fail(
            GatewayError(.upgradeRefused, "\(self.url.host) answered the upgrade with HTTP \(status)", status: status)
        )
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.attempt.fail(GatewayError(.upgradeFailed, "\(self.url.host) closed the connection during the upgrade"))
    }
}
