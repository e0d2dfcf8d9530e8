package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// Keeps one connection to the broker, with full-jitter backoff between attempts.
package final class AMQPClient: Service {
    /// A connection that lived this long makes the next loss a first failure again.
    private static let stableAfter: Duration = .seconds(5)

    private struct State {
        var connection: AMQPConnection?
        var lastError: AMQPError?
        var isStopped = false
        var waiters: [UInt64: EventLoopPromise<AMQPConnection>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let configuration: AMQPConfiguration
    private let eventLoop: any EventLoop
    private let backoff: AMQPBackoff
    private let delegate: (any AMQPConnectionDelegate)?
    private let logger: Logger
    private let onConnection: @Sendable (AMQPConnection) async throws -> Void
    private let onLoss: @Sendable (AMQPError?) -> Void
    private let onFailedAttempt: @Sendable (AMQPError) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - onConnection: prepares each new connection, such as by declaring the topology, before others get it. When it
    ///     throws, the connection is closed and the next attempt comes after the backoff.
    ///   - onLoss: called once for each connection that `onConnection` has prepared. nil: closed by us.
    ///   - onFailedAttempt: called when an attempt gave no connection, or `onConnection` could not prepare it.
    package init(
        configuration: AMQPConfiguration,
        eventLoop: any EventLoop,
        backoff: AMQPBackoff = AMQPBackoff(),
        delegate: (any AMQPConnectionDelegate)? = nil,
        logger: Logger,
        onConnection: @escaping @Sendable (AMQPConnection) async throws -> Void = { _ in },
        onLoss: @escaping @Sendable (AMQPError?) -> Void = { _ in },
        onFailedAttempt: @escaping @Sendable (AMQPError) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.backoff = backoff
        self.delegate = delegate
        self.logger = logger
        self.onConnection = onConnection
        self.onLoss = onLoss
        self.onFailedAttempt = onFailedAttempt
    }

    /// The connection of now, nil while there is none. It may be lost by the time it is used.
    package var connection: AMQPConnection? { self.state.withLock { $0.connection } }

    /// Why there is no connection, for health checks and logs; nil while there is one or no attempt has failed.
    package var lastError: AMQPError? { self.state.withLock { $0.lastError } }

    /// Waits for a connection.
    ///
    /// - Throws: `.timedOut` with the last error as its cause; `.connectionClosed` once the client has stopped.
    package func connection(within timeout: Duration) async throws(AMQPError) -> AMQPConnection {
        let promise = self.eventLoop.makePromise(of: AMQPConnection.self)
        let waiter: UInt64? = self.state.withLock { state in
            if let connection = state.connection {
                promise.succeed(connection)
            } else if state.isStopped {
                promise.fail(AMQPError(.connectionClosed, "the AMQP client has stopped"))
            } else {
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = promise
                return state.nextWaiter
            }
            return nil
        }
        guard let waiter else { return try await promise.futureResult.outcome().get() }
        let timer = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            let error = self.state.withLock { state in
                state.waiters[waiter] = nil
                return state.lastError
            }
            promise.fail(AMQPError(.timedOut, "no connection to the broker in time", underlying: error))
        }
        defer { timer.cancel() }
        return try await promise.futureResult.outcome().get()
    }

    /// Connects and reconnects until graceful shutdown or cancellation, then closes the connection.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.keepConnected() }
        let waiters = self.state.withLock { state in
            state.isStopped = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.fail(AMQPError(.connectionClosed, "the AMQP client has stopped")) }
    }

    private func keepConnected() async {
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        while !Task.isCancelled {
            let start = ContinuousClock.now
            let error = await self.connectOnce()
            if Task.isCancelled { return }
            failures = start.duration(to: .now) >= Self.stableAfter ? 1 : failures + 1
            let delay = self.backoff.delay(attempt: failures, using: &generator)
            self.logger.warning(
                "No connection to the broker; trying again",
                metadata: [
                    "amqp.host": "\(self.configuration.host)", "amqp.port": "\(self.configuration.port)",
                    "amqp.error": "\(error.map(String.init(describing:)) ?? "closed by us")",
                    "retry.delay": "\(delay)",
                ])
            // Cancellation ends the loop by its condition.
            try? await Task.sleep(for: delay)
        }
    }

    /// Returns when the connection is gone again, or never came to be.
    private func connectOnce() async -> AMQPError? {
        let connection: AMQPConnection
        do {
            connection = try await AMQPConnection.connect(
                self.configuration, on: self.eventLoop, delegate: self.delegate, logger: self.logger)
        } catch {
            self.onFailedAttempt(error)
            return self.lost(error)
        }
        do {
            try await withTaskCancellationHandler {
                try await self.onConnection(connection)
            } onCancel: {
                connection.startClosing()
            }
        } catch {
            await connection.close(timeout: .seconds(1))
            let cause =
                error as? AMQPError
                ?? AMQPError(.connectionClosed, "preparing the connection failed", underlying: error)
            self.onFailedAttempt(cause)
            return self.lost(cause)
        }
        self.announce(connection)
        let error = await withTaskCancellationHandler {
            await connection.waitUntilClosed()
        } onCancel: {
            connection.startClosing()
        }
        _ = self.lost(error)
        self.onLoss(error)
        return error
    }

    private func announce(_ connection: AMQPConnection) {
        let waiters = self.state.withLock { state in
            state.connection = connection
            state.lastError = nil
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        self.logger.info(
            "Connected to the broker",
            metadata: ["amqp.host": "\(self.configuration.host)", "amqp.port": "\(self.configuration.port)"])
        for waiter in waiters { waiter.succeed(connection) }
    }

    private func lost(_ error: AMQPError?) -> AMQPError? {
        self.state.withLock { state in
            state.connection = nil
            state.lastError = error
        }
        return error
    }
}
