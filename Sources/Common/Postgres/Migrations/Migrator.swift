package import Logging

/// Brings a schema up to date. Any number of processes may do so at once: one works, the others wait and find it done.
package struct Migrator: Sendable {
    private let pool: PostgresPool
    private let logger: Logger
    /// How long another process may migrate before this one gives up, and how long one migration may take.
    private let patience: Duration

    package init(pool: PostgresPool, logger: Logger, patience: Duration = .seconds(300)) {
        self.pool = pool
        self.logger = logger
        self.patience = patience
    }

    /// Applies what is missing, in order, each in a transaction of its own, and records it in `schema_migrations` in
    /// the first schema of the search path.
    /// - Returns: what was applied now; nothing when the schema was up to date.
    /// - Throws: `.migrationMismatch`, or the error of the first migration that failed; those before it stay applied.
    @discardableResult
    package func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        // The lock belongs to the session, so the session ends with it, however this ends.
        try await self.pool.withConnection(discarding: true) { connection in
            try await self.lock(connection)
            try await connection.execute(
                """
                create table if not exists schema_migrations (
                    version bigint primary key,
                    name text not null,
                    checksum text not null,
                    applied_at timestamptz not null default now()
                )
                """
            )
            let records = try await connection.query("select version, name, checksum from schema_migrations")
            let applied = try records.map { row in
                MigrationPlan.Applied(
                    version: try row.decode(Int.self, "version"),
                    name: try row.decode(String.self, "name"),
                    checksum: try row.decode(String.self, "checksum")
                )
            }
            let plan = try MigrationPlan(wanted: migrations, applied: applied)
            if !plan.unknown.isEmpty {
                let versions = plan.unknown.map(String.init).joined(separator: ", ")
                self.logger.notice("Schema is newer than this release", metadata: ["migration.versions": "\(versions)"])
            }
            for migration in plan.pending { try await self.apply(migration, on: connection) }
            try await connection.execute("select pg_advisory_unlock(\(Self.lockKey))")
            return plan.pending
        }
    }

    static let lockKey: SQL = """
        hashtextextended('schema_migrations of ' || coalesce(current_schema(), ''), 0)
        """

    private func lock(_ connection: PostgresConnection) async throws(PostgresError) {
        do {
            try await connection.execute("select pg_advisory_lock(\(Self.lockKey))", timeout: self.patience)
        } catch {
            guard error.code == .timedOut else { throw error }
            throw PostgresError(.timedOut, "another process has been migrating for \(self.patience)", underlying: error)
        }
    }

    private func apply(_ migration: Migration, on connection: PostgresConnection) async throws {
        do {
            try await connection.transaction { transaction in
                try await transaction.executeScript(migration.sql, timeout: self.patience)
                try await transaction.execute(
                    """
                    insert into schema_migrations (version, name, checksum)
                    values (\(migration.version), \(migration.name), \(migration.checksum))
                    """
                )
            }
        } catch let error as PostgresError {
            throw PostgresError(
                error.code,
                "migration \(migration.version) (\(migration.name)) failed: \(error.message)",
                sqlState: error.sqlState,
                constraint: error.constraint,
                underlying: error.underlying
            )
        }
        self.logger.info(
            "Migration applied",
            metadata: ["migration.version": "\(migration.version)", "migration.name": "\(migration.name)"]
        )
    }
}
