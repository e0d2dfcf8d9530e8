import Synchronization

/// A connection lent by a pool. Usable only inside the closure that it was given to.
package final class PostgresConnection: PostgresQuerying {
    private let lease: PostgresLease
    private let mailbox: PostgresMailbox
    private let statementTimeout: Duration
    private let released = Atomic<Bool>(false)

    init(lease: PostgresLease, mailbox: PostgresMailbox, pool: PostgresPool) {
        self.lease = lease
        self.mailbox = mailbox
        self.statementTimeout = pool.configuration.statementTimeout
    }

    package func run(_ sql: SQL, timeout: Duration?) async throws(PostgresError) -> PostgresResult {
        try self.checkScope()
        return try await self.mailbox.run(sql, on: self.lease, timeout: timeout ?? self.statementTimeout)
    }

    /// Runs several statements separated by semicolons, without parameters, such as a migration. Outside a transaction
    /// they make one of their own.
    package func executeScript(_ script: String, timeout: Duration) async throws(PostgresError) {
        try self.checkScope()
        try await self.mailbox.runScript(script, on: self.lease, timeout: timeout)
    }

    /// As `PostgresPool.transaction`, once, on this connection. Do not nest.
    @discardableResult
    package func transaction<Value>(
        isolation level: PostgresTransaction.Isolation = .readCommitted,
        readOnly: Bool = false,
        on actor: isolated (any Actor)? = #isolation,
        _ body: (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        let begin = PostgresTransaction.beginStatement(isolation: level, readOnly: readOnly)
        try self.checkScope()
        _ = try await self.mailbox.run(begin, on: self.lease, timeout: self.statementTimeout, prepared: false)
        let transaction = PostgresTransaction(connection: self)
        let value: Value
        do {
            value = try await body(transaction)
            try Task.checkCancellation()
        } catch {
            transaction.end()
            await self.rollback()
            throw error
        }
        transaction.end()
        try await self.commit()
        return value
    }

    /// Also when the task is cancelled: the answer tells what became of the transaction.
    private func commit() async throws(PostgresError) {
        let result: PostgresResult
        do {
            result = try await self.mailbox.run(
                "commit", on: self.lease, timeout: self.statementTimeout, prepared: false, cancellable: false
            )
        } catch {
            switch error.code {
            case .connectionLost, .timedOut:
                throw PostgresError(
                    .commitOutcomeUnknown, "the answer to COMMIT did not arrive", sqlState: error.sqlState,
                    underlying: error
                )
            default: throw error
            }
        }
        guard result.commandTag == "COMMIT" else {
            throw PostgresError(
                .transactionAborted, "COMMIT rolled back, because a statement of the transaction had failed"
            )
        }
    }

    /// A rollback that fails leaves nothing to repair: the loop discards a connection that is not idle when it comes
    /// back.
    private func rollback() async {
        _ = try? await self.mailbox.run(
            "rollback", on: self.lease, timeout: .seconds(5), prepared: false, cancellable: false
        )
    }

    private func checkScope() throws(PostgresError) {
        guard !self.released.load(ordering: .acquiring) else {
            throw PostgresError(.scopeEnded, "the connection went back to its pool")
        }
    }

    func release(discarding: Bool) async {
        guard !self.released.exchange(true, ordering: .acquiringAndReleasing) else { return }
        self.mailbox.post(.release(self.lease, discarding: discarding))
    }

    deinit {
        if !self.released.load(ordering: .acquiring) { self.mailbox.post(.release(self.lease, discarding: true)) }
    }
}
