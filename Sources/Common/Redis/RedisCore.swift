import Logging
import NIOCore
import NIOSSL

/// What a client has on its event loop: the nodes, and the connection of the subscriptions.
final class RedisCore {
    private enum Backend {
        case server(RedisNode)
        case cluster(ClusterRouter)
    }

    private let backend: Backend
    private let eventLoop: any EventLoop
    private let inbox: RequestInbox
    private var isStopped = false
    private var stopping: (() -> Void)?
    let subscriptions: RedisPubSub

    init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        inbox: RequestInbox,
        tls: NIOSSLContext?,
        statistics: RedisStatistics,
        logger: Logger
    ) {
        let connector = RedisConnector(configuration: configuration, eventLoop: eventLoop, inbox: inbox, tls: tls)
        if configuration.isCluster {
            self.backend = .cluster(ClusterRouter(connector: connector, statistics: statistics, logger: logger))
        } else {
            self.backend = .server(
                RedisNode(
                    endpoint: configuration.endpoints[0],
                    connector: connector,
                    statistics: statistics,
                    logger: logger
                ))
        }
        self.eventLoop = eventLoop
        self.inbox = inbox
        self.subscriptions = RedisPubSub(connector: connector, logger: logger)
    }

    func start() {
        guard !self.isStopped else { return }
        switch self.backend {
        case .server(let node): node.start()
        case .cluster(let router): router.start()
        }
    }

    func submit(_ request: RedisRequest) {
        switch self.backend {
        case .server(let node): node.submit(request)
        case .cluster(let router): router.submit(request)
        }
    }

    func flush() {
        switch self.backend {
        case .server(let node): node.flush()
        case .cluster(let router): router.flush()
        }
    }

    /// Stops at the deadline, or before it by `drained`.
    func shutDown(at deadline: NIODeadline, whenDone: @escaping @Sendable () -> Void) {
        guard !self.isStopped else { return whenDone() }
        let earlier = self.stopping
        self.stopping = {
            earlier?()
            whenDone()
        }
        guard deadline > .now(), self.inbox.outstanding.commands > 0 else { return self.stop() }
        self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.stop() }
    }

    /// The last answer outstanding has come.
    func drained() {
        if self.stopping != nil { self.stop() }
    }

    private func stop() {
        guard !self.isStopped else { return }
        self.isStopped = true
        switch self.backend {
        case .server(let node): node.stop()
        case .cluster(let router): router.stop()
        }
        self.subscriptions.stop()
        self.stopping?()
        self.stopping = nil
    }
}
