package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization

/// A listener that speaks the gateway's WebSocket, plain or over TLS, at path `/`.
package final class GatewayServer: Sendable {
    /// The port listened on.
    package let port: Int
    private let listener: any Channel
    private let children: OpenChannels

    private init(listener: any Channel, port: Int, children: OpenChannels) {
        self.listener = listener
        self.port = port
        self.children = children
    }

    /// Listens.
    ///
    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - admission: asked before the upgrade, on an event loop.
    ///   - onConnection: called on the connection's event loop after the upgrade; nil drops the connection.
    /// - Throws: `listenFailed`.
    package static func start(
        host: String = "127.0.0.1",
        port: Int = 0,
        tls: GatewayServerTLS? = nil,
        limits: GatewayLimits = .server,
        group: any EventLoopGroup,
        admission: @escaping @Sendable (GatewayRequest) -> GatewayAdmission = { _ in .accept },
        onConnection: @escaping @Sendable (GatewayConnection, GatewayRequest) -> (any GatewayConnectionDelegate)?
    ) async throws(GatewayError) -> GatewayServer {
        let children = OpenChannels(limit: limits.maxConnections)
        let handshake = GatewayServerHandshake(limits: limits, admission: admission, onConnection: onConnection)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard children.insert(channel) else {
                        throw GatewayError(.connectFailed, "more than \(limits.maxConnections) connections")
                    }
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.context))
                    }
                    try handshake.configure(channel)
                }
            }
        do {
            let listener = try await bootstrap.bind(host: host, port: port).get()
            return GatewayServer(listener: listener, port: listener.localAddress?.port ?? port, children: children)
        } catch {
            throw GatewayError(.listenFailed, "cannot listen on \(host):\(port)", underlying: error)
        }
    }

    /// Stops listening and cuts every connection that is still open.
    package func close() async {
        // Closing fails only where the channel is closed already.
        try? await self.listener.close().get()
        for channel in self.children.closeAll() { try? await channel.closeFuture.get() }
    }
}

/// A server's accepted channels, so many at most.
private final class OpenChannels: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func insert(_ channel: any Channel) -> Bool {
        let isInserted = self.state.withLock { state in
            guard !state.isClosed, state.channels.count < self.limit else { return false }
            state.channels[ObjectIdentifier(channel)] = channel
            return true
        }
        if isInserted {
            channel.closeFuture.whenComplete { _ in
                self.state.withLock { $0.channels[ObjectIdentifier(channel)] = nil }
            }
        }
        return isInserted
    }

    func closeAll() -> [any Channel] {
        let channels = self.state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.close(promise: nil) }
        return channels
    }
}
