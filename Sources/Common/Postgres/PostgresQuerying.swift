/// What runs statements: a pool (each on whichever connection is free), a leased connection or a transaction.
package protocol PostgresQuerying: Sendable {
    /// Runs one statement.
    /// - Parameter timeout: from being handed to a connection to the last row; `nil` takes the configured one.
    func run(_ sql: SQL, timeout: Duration?) async throws(PostgresError) -> PostgresResult
}

extension PostgresQuerying {
    /// Runs one statement and returns its rows, all of them in memory.
    package func query(_ sql: SQL, timeout: Duration? = nil) async throws(PostgresError) -> [PostgresRow] {
        try await self.run(sql, timeout: timeout).rows
    }

    /// The first row, if any; the statement should be one that yields at most one.
    package func queryFirst(_ sql: SQL, timeout: Duration? = nil) async throws(PostgresError) -> PostgresRow? {
        try await self.run(sql, timeout: timeout).first
    }

    /// Runs one statement and returns how many rows it inserted, updated, deleted or selected.
    @discardableResult
    package func execute(_ sql: SQL, timeout: Duration? = nil) async throws(PostgresError) -> Int {
        try await self.run(sql, timeout: timeout).affectedRows
    }
}
