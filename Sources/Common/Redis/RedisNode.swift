import DequeModule
import Logging
import NIOCore
import Synchronization

/// One server with one connection that is made when it is first needed, and again when it is lost. Lives on its event
/// loop.
final class RedisNode {
    let endpoint: RedisConfiguration.Endpoint
    private let connector: RedisConnector
    private let statistics: RedisStatistics
    private let logger: Logger
    private let timer: DeadlineTimer
    private var machine = ReconnectStateMachine()
    private var connection: RedisConnection?
    private var connectedAt = NIODeadline.uptimeNanoseconds(0)
    /// Not sent yet.
    private var waiting = Deque<RedisRequest>()
    private var needsFlush = false

    init(endpoint: RedisConfiguration.Endpoint, connector: RedisConnector, statistics: RedisStatistics, logger: Logger)
    {
        self.endpoint = endpoint
        self.connector = connector
        self.statistics = statistics
        self.logger = logger
        self.timer = DeadlineTimer(eventLoop: connector.eventLoop)
        self.timer.fired = { [weak self] now in self?.expire(now: now) }
    }

    var isReady: Bool { self.connection != nil }
    /// Whether all that was given to it is answered.
    var isIdle: Bool { self.waiting.isEmpty && self.connection?.isIdle ?? true }

    /// Connects if that has not been tried.
    func start() {
        if self.machine.demanded(patience: true) == .connectAndWait { self.connect() }
    }

    /// Leaves with the next `flush`.
    func submit(_ request: RedisRequest) {
        switch self.machine.demanded(patience: request.waitsForConnection) {
        case .send:
            self.connection?.submit(request)
            self.needsFlush = true
        case .wait:
            self.wait(request)
        case .connectAndWait:
            self.wait(request)
            self.connect()
        case .fail(let error):
            request.fail(error)
        }
    }

    func flush() {
        guard self.needsFlush else { return }
        self.needsFlush = false
        self.connection?.flush()
    }

    /// Fails all that is outstanding and ends.
    func stop() {
        self.machine.stop()
        let error = RedisError(.closed, "the client is shut down")
        self.connection?.close(error)
        self.connection = nil
        self.failWaiting(error)
        self.timer.cancel()
    }

    private func wait(_ request: RedisRequest) {
        self.waiting.append(request)
        self.timer.arm(for: request.deadline)
    }

    private func expire(now: NIODeadline) -> NIODeadline? {
        let expired = self.waiting.filter { $0.deadline <= now }
        self.waiting.removeAll { $0.deadline <= now }
        for request in expired { request.fail(RedisError(.timedOut, "no connection before the deadline")) }
        return self.waiting.lazy.map(\.deadline).min()
    }

    private func failWaiting(_ error: RedisError, all: Bool = true) {
        let failed = self.waiting.filter { all || !$0.waitsForConnection }
        self.waiting.removeAll { all || !$0.waitsForConnection }
        for request in failed { request.fail(error) }
    }

    private func connect() {
        self.connector.connect(to: self.endpoint) { result in
            switch result {
            case .success(let connection): self.connected(connection)
            case .failure(let error): self.attemptFailed(error)
            }
        }
    }

    private func connected(_ connection: RedisConnection) {
        guard self.machine.connected() else {
            return connection.close(RedisError(.closed, "the client is shut down"))
        }
        self.connection = connection
        self.connectedAt = self.connector.eventLoop.now
        self.statistics.connections.add(1, ordering: .relaxed)
        connection.closed = { [weak self] error in self?.lost(error) }
        self.logger.debug("connected", metadata: ["redis.endpoint": "\(self.endpoint)"])
        let waiting = self.waiting
        self.waiting = []
        for request in waiting { self.submit(request) }
        self.flush()
    }

    private func attemptFailed(_ error: RedisError) {
        let retry = self.machine.attemptFailed(error)
        if case .after(failures: 1) = retry {
            self.logger.warning(
                "cannot connect", metadata: ["redis.endpoint": "\(self.endpoint)", "error": "\(error)"])
        }
        self.failWaiting(error.with(delivery: .notSent), all: false)
        self.schedule(retry)
    }

    private func lost(_ error: RedisError) {
        self.connection = nil
        let lifetime = self.connector.eventLoop.now - self.connectedAt
        let retry = self.machine.lost(error, proved: lifetime >= .seconds(5))
        if retry != .none {
            self.logger.warning(
                "connection lost", metadata: ["redis.endpoint": "\(self.endpoint)", "error": "\(error)"])
        }
        self.schedule(retry)
    }

    private func schedule(_ retry: ReconnectStateMachine.Retry) {
        guard case .after(let failures) = retry else { return }
        var generator = SystemRandomNumberGenerator()
        let delay = self.connector.configuration.backoff.delay(afterFailures: failures, using: &generator)
        self.connector.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            if self.machine.waited() { self.connect() }
        }
    }
}
