import NIOCore
import NIOPosix

/// A TCP relay to a port of the loopback interface: a server that is away until the relay runs.
final class Relay: Sendable {
    private let listener: any Channel

    static func start(on port: Int, to target: Int) async throws -> Relay {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: target).flatMapThrowing {
                    server in
                    try client.pipeline.syncOperations.addHandler(Forwarder(to: server))
                    try server.pipeline.syncOperations.addHandler(Forwarder(to: client))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return Relay(listener: listener)
    }

    private init(listener: any Channel) { self.listener = listener }

    func stop() async throws { try await self.listener.close() }

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel

        init(to peer: any Channel) { self.peer = peer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.peer.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.peer.close(promise: nil)
            context.fireChannelInactive()
        }
    }
}
