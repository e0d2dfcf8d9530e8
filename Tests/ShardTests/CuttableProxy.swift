import NIOCore
import NIOPosix
import Synchronization

/// Carries TCP to a real server, until a test cuts it.
final class CuttableProxy: Sendable {
    private struct State {
        var channels: [any Channel] = []
        var isCut = false
    }

    private let state = Mutex(State())
    private let server = Mutex<(any Channel)?>(nil)
    private let host: String
    private let target: Int

    init(to host: String, port: Int) {
        self.host = host
        self.target = port
    }

    var port: Int { self.server.withLock { $0?.localAddress?.port ?? 0 } }

    func start() async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                guard self.admit(client) else { return client.close() }
                return ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { server in
                        server.eventLoop.makeCompletedFuture {
                            try server.pipeline.syncOperations.addHandler(Glue(to: client))
                        }
                    }
                    .connect(host: self.host, port: self.target)
                    .flatMapThrowing { server in
                        _ = self.admit(server)
                        try client.pipeline.syncOperations.addHandler(Glue(to: server))
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.server.withLock { $0 = channel }
    }

    private func admit(_ channel: any Channel) -> Bool {
        self.state.withLock { state in
            guard !state.isCut else { return false }
            state.channels.append(channel)
            return true
        }
    }

    /// Cuts what is open and refuses what comes.
    func cut() {
        let channels = self.state.withLock { state in
            state.isCut = true
            return state.channels
        }
        for channel in channels { channel.close(promise: nil) }
    }

    func mend() { self.state.withLock { $0 = State() } }

    func close() async {
        self.cut()
        // Closing what is closed is no failure of the test.
        try? await self.server.withLock { $0.take() }?.close()
    }
}

private final class Glue: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.other.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
