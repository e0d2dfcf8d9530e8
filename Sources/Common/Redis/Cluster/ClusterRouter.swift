import DequeModule
import Logging
import NIOCore
import Synchronization

/// Sends each command to the node that serves its hash slot, follows redirections and keeps the slot map. Lives on its
/// event loop.
final class ClusterRouter {
    private typealias Endpoint = RedisConfiguration.Endpoint

    private static let maximumAttempts = 10
    private static let maximumNodes = 2_000

    private let connector: RedisConnector
    private let statistics: RedisStatistics
    private let logger: Logger
    private let timer: DeadlineTimer
    private var nodes: [Endpoint: RedisNode] = [:]
    private var map: ClusterSlotMap?
    /// For the first map.
    private var waiting = Deque<RedisRequest>()
    private var isRefreshing = false
    private var mustRefreshAgain = false
    private var failedRefreshes = 0
    private var isStopped = false

    init(connector: RedisConnector, statistics: RedisStatistics, logger: Logger) {
        self.connector = connector
        self.statistics = statistics
        self.logger = logger
        self.timer = DeadlineTimer(eventLoop: connector.eventLoop)
        self.timer.fired = { [weak self] now in self?.expire(now: now) }
    }

    private var eventLoop: any EventLoop { self.connector.eventLoop }

    func start() {
        if self.map == nil { self.refresh() }
    }

    func flush() {
        for node in self.nodes.values { node.flush() }
    }

    func stop() {
        self.isStopped = true
        self.timer.cancel()
        let waiting = self.waiting
        self.waiting = []
        for request in waiting { request.fail(RedisError(.closed, "the client is shut down")) }
        for node in self.nodes.values { node.stop() }
    }

    func submit(_ request: RedisRequest) {
        guard !self.isStopped else { return request.fail(RedisError(.closed, "the client is shut down")) }
        guard self.map != nil else {
            if self.failedRefreshes > 0, !request.waitsForConnection {
                return request.fail(RedisError(.clusterUnavailable, "no node gave a slot map"))
            }
            self.waiting.append(request)
            self.timer.arm(for: request.deadline)
            return self.refresh()
        }
        let whole = ClusterRequest(request)
        self.send(whole.items(), of: whole)
    }

    private func expire(now: NIODeadline) -> NIODeadline? {
        let expired = self.waiting.filter { $0.deadline <= now }
        self.waiting.removeAll { $0.deadline <= now }
        for request in expired { request.fail(RedisError(.timedOut, "no slot map before the deadline")) }
        return self.waiting.lazy.map(\.deadline).min()
    }

    /// Sends the items to their nodes, those of one node in one request.
    private func send(_ items: [ClusterRequest.Item], of whole: ClusterRequest) {
        var batches: [Endpoint: [ClusterRequest.Item]] = [:]
        for item in items {
            switch item.route {
            case .refused(let reason):
                whole.settle(item.index, .error(RedisError(.crossSlot, reason)))
            case .slot(let slot):
                if let owner = self.map?.owner(of: slot) {
                    batches[owner, default: []].append(item)
                } else {
                    let error = RedisError(.clusterUnavailable, "hash slot \(slot) is served by no node")
                    self.retryLater([item], of: whole, because: [.error(error)])
                }
            case .anyNode:
                if let endpoint = self.anyEndpoint { batches[endpoint, default: []].append(item) }
            }
        }
        for (endpoint, batch) in batches { self.send(batch, of: whole, to: endpoint, asking: false) }
    }

    /// A node that is connected if there is one; the map has at least one master.
    private var anyEndpoint: Endpoint? {
        let masters = self.map?.masters ?? []
        return masters.first { self.nodes[$0]?.isReady == true } ?? masters.randomElement()
    }

    private func send(_ items: [ClusterRequest.Item], of whole: ClusterRequest, to endpoint: Endpoint, asking: Bool) {
        guard let node = self.node(endpoint) else {
            let error = RedisError(.clusterUnavailable, "the cluster names too many nodes")
            for item in items { whole.settle(item.index, .error(error)) }
            return
        }
        var pipeline = RedisPipeline(reservingBytes: items.reduce(0) { $0 + $1.bytes.readableBytes })
        for item in items {
            if asking { pipeline.append("ASKING") }
            pipeline.append(encoded: item.bytes)
        }
        let here = NIOLoopBound((router: self, whole: whole, items: items), eventLoop: self.eventLoop)
        node.submit(
            RedisRequest(
                bytes: pipeline.bytes,
                count: pipeline.count,
                deadline: whole.request.deadline,
                waitsForConnection: whole.request.waitsForConnection
            ) { results in
                let (router, whole, items) = here.value
                let own = asking ? stride(from: 1, to: results.count, by: 2).map { results[$0] } : results
                router.received(own, for: items, of: whole, from: endpoint)
            })
    }

    private func received(
        _ values: [RESPValue],
        for items: [ClusterRequest.Item],
        of whole: ClusterRequest,
        from endpoint: Endpoint
    ) {
        var moved: [ClusterRequest.Item] = []
        var asked: [Endpoint: [ClusterRequest.Item]] = [:]
        var later: [ClusterRequest.Item] = []
        var reasons: [RESPValue] = []
        for (item, value) in zip(items, values) {
            let verdict = ClusterVerdict(value, answeredBy: endpoint)
            guard verdict != .deliver, !self.isStopped, item.attempts < Self.maximumAttempts else {
                whole.settle(item.index, self.final(value, verdict))
                continue
            }
            let next = item.tried
            switch verdict {
            case .deliver: break
            case .moved(let slot, let owner):
                self.statistics.redirections.add(1, ordering: .relaxed)
                self.move(slot, to: owner)
                moved.append(next)
            case .ask(let target):
                self.statistics.redirections.add(1, ordering: .relaxed)
                asked[target, default: []].append(next)
            case .later:
                later.append(item)
                reasons.append(value)
            }
        }
        if !moved.isEmpty {
            self.refresh()
            self.send(moved, of: whole)
        }
        for (target, items) in asked { self.send(items, of: whole, to: target, asking: true) }
        if !later.isEmpty { self.retryLater(later, of: whole, because: reasons) }
        if values.contains(where: { $0.error?.code == .connectionLost }) { self.refresh() }
        self.flush()
    }

    private func final(_ value: RESPValue, _ verdict: ClusterVerdict) -> RESPValue {
        switch verdict {
        case .deliver, .later: value
        case .moved, .ask:
            .error(RedisError(.clusterUnavailable, "redirected too often: \(value.error?.message ?? "")"))
        }
    }

    /// Again after a pause with jitter, up to 25, 50, 100 … 800 ms, unless the deadline comes first.
    private func retryLater(_ items: [ClusterRequest.Item], of whole: ClusterRequest, because reasons: [RESPValue]) {
        var generator = SystemRandomNumberGenerator()
        let pause = ReconnectBackoff(base: .milliseconds(25), limit: .milliseconds(800))
        let attempts = items.map(\.attempts).max() ?? 0
        let delay = TimeAmount(pause.delay(afterFailures: attempts, using: &generator)) + .milliseconds(5)
        guard self.eventLoop.now + delay < whole.request.deadline, attempts < Self.maximumAttempts else {
            for (item, reason) in zip(items, reasons) { whole.settle(item.index, reason) }
            return
        }
        self.refresh()
        self.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.send(items.map(\.tried), of: whole)
            self.flush()
        }
    }

    private func move(_ slot: Int, to owner: Endpoint) {
        do throws(RedisError) {
            try self.map?.move(slot, to: owner)
        } catch {
            self.logger.warning("redirection ignored", metadata: ["error": "\(error)"])
        }
    }

    private func node(_ endpoint: Endpoint) -> RedisNode? {
        if let node = self.nodes[endpoint] { return node }
        guard !self.isStopped, self.nodes.count < Self.maximumNodes else { return nil }
        let node = RedisNode(
            endpoint: endpoint,
            connector: self.connector,
            statistics: self.statistics,
            logger: self.logger
        )
        self.nodes[endpoint] = node
        return node
    }

    /// Asks one node after the other for the slot map, connected ones first. One refresh at a time.
    private func refresh() {
        guard !self.isStopped else { return }
        guard !self.isRefreshing else {
            self.mustRefreshAgain = true
            return
        }
        self.isRefreshing = true
        self.mustRefreshAgain = false
        let connected = self.nodes.values.filter(\.isReady).map(\.endpoint)
        let seeds = self.connector.configuration.endpoints
        let candidates = connected + seeds.filter { !connected.contains($0) }
        self.ask(candidates[...])
    }

    private func ask(_ candidates: ArraySlice<Endpoint>) {
        guard let endpoint = candidates.first, let node = self.node(endpoint) else {
            return self.refreshFailed()
        }
        var pipeline = RedisPipeline()
        pipeline.append("CLUSTER", "SLOTS")
        let here = NIOLoopBound(self, eventLoop: self.eventLoop)
        node.submit(
            RedisRequest(
                bytes: pipeline.bytes,
                count: 1,
                deadline: .now() + TimeAmount(self.connector.configuration.commandTimeout)
            ) { results in
                let router = here.value
                do throws(RedisError) {
                    let reply = try (results.first ?? .null).get()
                    router.adopt(try ClusterSlotMap(reply: reply, asked: endpoint))
                } catch {
                    router.logger.debug(
                        "no slot map", metadata: ["redis.endpoint": "\(endpoint)", "error": "\(error)"])
                    router.ask(candidates.dropFirst())
                }
            })
        node.flush()
    }

    private func adopt(_ map: ClusterSlotMap) {
        self.map = map
        self.failedRefreshes = 0
        let wanted = Set(map.masters).union(self.connector.configuration.endpoints)
        for (endpoint, node) in self.nodes where !wanted.contains(endpoint) && node.isIdle {
            self.nodes[endpoint] = nil
            node.stop()
        }
        let waiting = self.waiting
        self.waiting = []
        self.refreshEnded(pause: .milliseconds(100))
        for request in waiting { self.submit(request) }
        self.flush()
    }

    private func refreshFailed() {
        self.failedRefreshes += 1
        if self.failedRefreshes == 1 { self.logger.warning("no node gave a slot map") }
        if self.map == nil {
            let failed = self.waiting.filter { !$0.waitsForConnection }
            self.waiting.removeAll { !$0.waitsForConnection }
            for request in failed { request.fail(RedisError(.clusterUnavailable, "no node gave a slot map")) }
            self.mustRefreshAgain = true
        }
        var generator = SystemRandomNumberGenerator()
        let backoff = self.connector.configuration.backoff
        let delay = backoff.delay(afterFailures: self.failedRefreshes, using: &generator)
        self.refreshEnded(pause: TimeAmount(delay) + .milliseconds(20))
    }

    /// The next one comes after the pause at the earliest.
    private func refreshEnded(pause: TimeAmount) {
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            self.isRefreshing = false
            if self.mustRefreshAgain { self.refresh() }
        }
    }
}
