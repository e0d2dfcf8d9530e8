/// Why PostgreSQL refused or lost an operation, or why its answer could not be used.
package struct PostgresError: Error, Sendable {
    package enum Code: Sendable, Equatable {
        /// A URL or a limit is not usable; nothing was attempted.
        case invalidConfiguration
        /// A value can not be sent as a parameter, such as a date out of PostgreSQL's range.
        case invalidParameter
        /// The server could not be reached, or closed the connection while it was being made.
        case connectFailed
        /// The server knows neither this role, password nor database: trying again alone does not help.
        case connectionRefusedByServer
        /// The connection broke while a statement was under way. The statement may or may not have taken effect.
        case connectionLost
        /// No connection became free before the wait deadline; `underlying` tells the last failure to connect, if any.
        case poolTimedOut
        /// The wait queue of the pool is full.
        case poolExhausted
        case poolClosed
        /// The statement ran past its deadline and was cancelled.
        case timedOut
        /// The task was cancelled.
        case cancelled
        /// The server answered with an error: see `sqlState`.
        case server
        /// A value is missing, null, of another type or malformed.
        case decodingFailed
        /// The transaction or the connection was used after its scope had ended.
        case scopeEnded
        /// COMMIT answered ROLLBACK: a statement had failed, and its error was not thrown on.
        case transactionAborted
        /// The connection or the patience ended during COMMIT: look before doing it again.
        case commitOutcomeUnknown
        /// A migration was changed after it had been applied, or the list of migrations is not usable.
        case migrationMismatch
    }

    package let code: Code
    /// PostgreSQL's five characters, such as `23505`; `nil` when no server spoke.
    package let sqlState: String?
    /// What failed; holds neither parameter values nor passwords.
    package let message: String
    /// The constraint that was violated, by name.
    package let constraint: String?
    package let underlying: (any Error)?

    package init(
        _ code: Code,
        _ message: String,
        sqlState: String? = nil,
        constraint: String? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
        self.underlying = underlying
    }
}

extension PostgresError {
    package var isUniqueViolation: Bool { self.sqlState == "23505" }
    package var isForeignKeyViolation: Bool { self.sqlState == "23503" }
    package var isCheckViolation: Bool { self.sqlState == "23514" }

    /// The whole transaction may be run again: a serialization failure, a deadlock, or a prepared statement that had
    /// gone stale (it is forgotten by now).
    package var isRetryableTransaction: Bool {
        switch self.sqlState {
        case "40001", "40P01", "26000": true
        case "0A000": self.message.contains("cached plan")
        default: false
        }
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        var text = "PostgreSQL: \(self.message)"
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let constraint { text += " [constraint \(constraint)]" }
        if let underlying { text += "; cause: \(underlying)" }
        return text
    }
}
