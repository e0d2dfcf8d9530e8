package import NIOCore
import NIOPosix
import Synchronization

/// Carries TCP to a server, and harms it when told to. It holds no more than one read of each direction back.
package final class FaultProxy: Sendable {
    package enum Fault: Sendable, Equatable, Codable {
        /// Both sides see a reset.
        case reset
        /// Both sides see a proper end.
        case finish
        /// Nothing passes, in either direction, until `mend` or for so long.
        case stall(milliseconds: Int)
        /// What the server says is lost; the client is heard.
        case silence
        /// One bit of what the server says next is turned over: the `offset`th byte, counted round in what comes.
        case corrupt(offset: Int)
        /// The server says no more than this in a second.
        case slow(bytesPerSecond: Int)
        /// The server's side ends, and the client is not told: its bytes go nowhere.
        case halfOpen
    }

    private struct State {
        var links: [Int: NIOLoopBound<ProxyLink>] = [:]
        var nextLink = 0
        var isCut = false
        var isMuted = false
    }

    private let host: String
    private let target: Int
    private let prepare: @Sendable (any Channel) throws -> Void
    private let state = Mutex(State())
    private let listener = Mutex<(any Channel)?>(nil)

    /// - Parameter prepare: adds handlers before ours to a client's channel, such as those of TLS.
    package init(
        to host: String = "127.0.0.1", port: Int, prepare: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) {
        self.host = host
        self.target = port
        self.prepare = prepare
    }

    /// - Parameter port: 0 takes a free one.
    package func start(on address: String = "127.0.0.1", port: Int = 0) async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in self.connect(client) }
            .bind(host: address, port: port).get()
        self.listener.withLock { $0 = channel }
    }

    package var port: Int { self.listener.withLock { $0?.localAddress?.port ?? 0 } }
    /// Connections taken so far.
    package var accepted: Int { self.state.withLock { $0.nextLink } }
    /// The connections of now, the oldest first.
    package var connections: [Int] { self.state.withLock { $0.links.keys.sorted() } }

    private func connect(_ client: any Channel) -> EventLoopFuture<Void> {
        guard !self.state.withLock({ $0.isCut }) else { return client.close() }
        return ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: self.host, port: self.target)
            .flatMapThrowing { server in
                try self.prepare(client)
                let link = ProxyLink(client: client, server: server)
                try link.begin()
                guard let number = self.admit(link) else { return link.apply(.finish) }
                if self.state.withLock({ $0.isMuted }) { link.apply(.silence) }
                link.whenOver { self.state.withLock { $0.links[number] = nil } }
            }
    }

    private func admit(_ link: ProxyLink) -> Int? {
        self.state.withLock { state in
            guard !state.isCut else { return nil }
            state.nextLink += 1
            state.links[state.nextLink] = NIOLoopBound(link, eventLoop: link.eventLoop)
            return state.nextLink
        }
    }

    /// - Parameter connections: numbers that `connections` told; nil: all there are. Those that are gone are left out.
    package func apply(_ fault: Fault, to connections: [Int]? = nil) {
        self.each(connections) { $0.apply(fault) }
    }

    /// Ends stalls, silence and slowness.
    package func mend(_ connections: [Int]? = nil) { self.each(connections) { $0.mend() } }

    /// Ends what is open, and refuses what comes until `reopen`.
    package func cut() {
        self.state.withLock { $0.isCut = true }
        self.apply(.finish)
    }

    package func reopen() { self.state.withLock { $0.isCut = false } }

    /// What servers say is lost from here on, on new connections too.
    package func mute() {
        self.state.withLock { $0.isMuted = true }
        self.apply(.silence)
    }

    package func unmute() {
        self.state.withLock { $0.isMuted = false }
        self.mend()
    }

    /// Has all clients hear this from their servers.
    package func inject(_ bytes: [UInt8]) { self.each(nil) { $0.inject(bytes) } }

    package func stop() async {
        self.cut()
        // Closing what is closed is no failure.
        try? await self.listener.withLock { $0.take() }?.close()
    }

    private func each(_ connections: [Int]?, _ body: @escaping @Sendable (ProxyLink) -> Void) {
        let links = self.state.withLock { state in
            connections.map { $0.compactMap { state.links[$0] } } ?? Array(state.links.values)
        }
        for link in links { link.eventLoop.execute { body(link.value) } }
    }
}
