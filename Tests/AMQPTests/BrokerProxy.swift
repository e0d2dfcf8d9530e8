import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A TCP relay before the real broker, for cutting, silencing and encrypting connections.
final class BrokerProxy: Sendable {
    private struct State {
        var clients: [any Channel] = []
        var isSilent = false
        var accepted = 0
    }

    private let listener: any Channel
    private let state: SharedState

    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    static func start(
        to host: String, port: Int, on address: String = "127.0.0.1", tls: NIOSSLContext? = nil
    ) async throws -> BrokerProxy {
        let state = SharedState()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                state.value.withLock {
                    $0.clients.append(client)
                    $0.accepted += 1
                }
                return client.eventLoop.makeCompletedFuture {
                    if let tls { try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                }.flatMap {
                    ClientBootstrap(group: client.eventLoop).connect(host: host, port: port)
                }.flatMapThrowing { server in
                    try client.pipeline.syncOperations.addHandler(Relay(peer: server, state: nil))
                    try server.pipeline.syncOperations.addHandler(Relay(peer: client, state: state))
                }
            }
            .bind(host: address, port: 0).get()
        return BrokerProxy(listener: listener, state: state)
    }

    private init(listener: any Channel, state: SharedState) {
        self.listener = listener
        self.state = state
    }

    var port: Int { self.listener.localAddress?.port ?? 0 }
    var accepted: Int { self.state.value.withLock { $0.accepted } }

    /// Cuts every connection there is.
    func cut() {
        let clients = self.state.value.withLock { state in
            defer { state.clients = [] }
            return state.clients
        }
        for client in clients { client.close(promise: nil) }
    }

    /// From here on the clients hear nothing more, while the broker hears them still.
    func silence() { self.state.value.withLock { $0.isSilent = true } }

    /// From here on clients' bytes stay in their sockets.
    func stopReading() {
        for client in self.state.value.withLock({ $0.clients }) {
            client.setOption(.autoRead, value: false).whenFailure { _ in client.close(promise: nil) }
        }
    }

    func stop() async throws {
        self.cut()
        try await self.listener.close()
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel
        /// nil: never silent.
        private let state: SharedState?

        init(peer: any Channel, state: SharedState?) {
            self.peer = peer
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard self.state?.value.withLock({ $0.isSilent }) != true else { return }
            self.peer.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { self.peer.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
