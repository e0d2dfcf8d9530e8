import ArgumentParser
import Logging
import Postgres
import Runtime
import Schema

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the database's schema up to date. Safe to repeat, and to run twice at once.")

    func run() async throws {
        try await startRole("migrate", read: Self.database) { configuration, logger in
            guard let configuration else { return }
            let pool = try PostgresPool(configuration: configuration, logger: logger)
            do {
                let applied = try await Migrator(pool: pool, logger: logger).migrate(Schema.migrations)
                logger.info("the schema is up to date", metadata: ["migrations.applied": "\(applied.count)"])
            } catch {
                await pool.close()
                throw error
            }
            await pool.close()
        }
    }

    static func database(_ reader: SettingsReader) -> PostgresConfiguration? {
        reader.parsed(
            "database.url", default: nil, aliases: ["DATABASE_URL"], secret: true,
            expected: "postgres://user:password@host:port/database", help: "PostgreSQL."
        ) { try PostgresConfiguration(url: $0) }
    }
}
