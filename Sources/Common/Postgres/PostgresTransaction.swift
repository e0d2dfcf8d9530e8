import Synchronization

/// An open transaction. Usable only inside the closure that it was given to.
package final class PostgresTransaction: PostgresQuerying {
    package enum Isolation: Sendable, CaseIterable {
        case readCommitted, repeatableRead, serializable
    }

    /// Between attempts after a serialization failure or deadlock.
    static let backoff = Backoff(first: .milliseconds(20), most: .seconds(1))

    private let connection: PostgresConnection
    private let ended = Atomic<Bool>(false)

    init(connection: PostgresConnection) { self.connection = connection }

    package func run(_ sql: SQL, timeout: Duration?) async throws(PostgresError) -> PostgresResult {
        try self.checkScope()
        return try await self.connection.run(sql, timeout: timeout)
    }

    /// Runs several statements separated by semicolons, without parameters. None of them may end the transaction.
    package func executeScript(_ script: String, timeout: Duration) async throws(PostgresError) {
        try self.checkScope()
        try await self.connection.executeScript(script, timeout: timeout)
    }

    private func checkScope() throws(PostgresError) {
        guard !self.ended.load(ordering: .acquiring) else {
            throw PostgresError(.scopeEnded, "the transaction has ended")
        }
    }

    func end() { self.ended.store(true, ordering: .releasing) }

    static func beginStatement(isolation: Isolation, readOnly: Bool) -> SQL {
        switch (isolation, readOnly) {
        case (.readCommitted, false): "begin isolation level read committed"
        case (.readCommitted, true): "begin isolation level read committed read only"
        case (.repeatableRead, false): "begin isolation level repeatable read"
        case (.repeatableRead, true): "begin isolation level repeatable read read only"
        case (.serializable, false): "begin isolation level serializable"
        case (.serializable, true): "begin isolation level serializable read only"
        }
    }
}
