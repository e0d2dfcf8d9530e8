package import Logging
import ServiceLifecycle

/// Connections to one database, shared by any number of tasks.
///
/// Single statements go to an idle connection, or wait for a new one; where no more may be opened they join the
/// pipeline of a busy one. A transaction or a leased connection has a connection for itself. One thread drives them
/// all. It starts with the pool, and ends with `close` or the pool itself.
package final class PostgresPool: PostgresQuerying, Service {
    private let mailbox: PostgresMailbox
    package let configuration: PostgresConfiguration

    /// Connects in the background; a server that is away makes requests wait, not this.
    /// - Throws: `.invalidConfiguration` for limits out of range.
    package init(configuration: PostgresConfiguration, logger: Logger) throws(PostgresError) {
        let problems = configuration.problems
        guard problems.isEmpty else {
            throw PostgresError(.invalidConfiguration, problems.joined(separator: "; "))
        }
        self.configuration = configuration
        self.mailbox = try PostgresLoop.start(configuration: configuration, logger: logger)
    }

    deinit { self.mailbox.post(.close(deadline: .now, whenClosed: nil)) }

    /// Serves until graceful shutdown, then closes.
    package func run() async throws {
        // Cancellation is shutdown of the hurried kind: what is under way is not waited for.
        do { try await gracefulShutdown() } catch { return await self.close(within: .zero) }
        await self.close()
    }

    /// Refuses requests from now on, lets those under way end, and closes every connection. Returns when the thread
    /// ends.
    package func close(within patience: Duration = .seconds(5)) async {
        await withCheckedContinuation { continuation in
            self.mailbox.post(.close(deadline: .now + patience, whenClosed: continuation))
        }
    }

    package func run(_ sql: SQL, timeout: Duration?) async throws(PostgresError) -> PostgresResult {
        try await self.mailbox.run(sql, on: nil, timeout: timeout ?? self.configuration.statementTimeout)
    }

    package var statistics: PostgresStatistics {
        get async throws(PostgresError) { try await self.mailbox.statistics() }
    }

    /// Lends one connection for as long as `body` runs, such as for advisory locks.
    ///
    /// What a session keeps (locks, settings, temporary tables) stays with the connection, unless `discarding` closes
    /// it afterwards; a transaction left open is rolled back.
    @discardableResult
    package func withConnection<Value>(
        discarding: Bool = false,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = PostgresConnection(lease: try await self.mailbox.lease(), mailbox: self.mailbox, pool: self)
        do {
            let value = try await body(connection)
            await connection.release(discarding: discarding)
            return value
        } catch {
            await connection.release(discarding: discarding)
            throw error
        }
    }

    /// Runs `body` in a transaction: COMMIT when it returns, ROLLBACK when it throws or the task is cancelled.
    ///
    /// `body` runs again, in a transaction of its own, after a serialization failure or a deadlock (SQLSTATE 40001,
    /// 40P01), after a random pause, so it must have no effects but in the database.
    /// - Parameter attempts: how often it runs at most, from 1.
    @discardableResult
    package func transaction<Value>(
        isolation level: PostgresTransaction.Isolation = .readCommitted,
        readOnly: Bool = false,
        attempts: Int = 5,
        on actor: isolated (any Actor)? = #isolation,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await self.withConnection { connection in
                    try await connection.transaction(isolation: level, readOnly: readOnly, body)
                }
            } catch let error as PostgresError where error.isRetryableTransaction && attempt < attempts {
                let pause = PostgresTransaction.backoff.delay(afterAttempt: attempt, fraction: .random(in: 0...1))
                try await Task.sleep(for: pause)
                attempt += 1
            }
        }
    }
}
