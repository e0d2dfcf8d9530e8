import Foundation
import Logging
import Postgres
import Schema
import TestSupport

/// A database of its own with the whole schema, dropped afterwards, failed or not.
enum CoordinatorDatabase {
    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    struct NoURL: Error {}

    static func run(_ body: (PostgresPool) async throws -> Void) async throws {
        try await self.run { pool, _ in try await body(pool) }
    }

    /// - Parameter body: gets the database's URL, too.
    static func run(_ body: (PostgresPool, String) async throws -> Void) async throws {
        let given = try TestEnvironment.databaseURL
        let name = "coordinator_" + UUID().uuidString.lowercased().replacing("-", with: "")
        var components = URLComponents(string: given)
        components?.path = "/\(name)"
        guard let url = components?.string else { throw NoURL() }
        let administration = try PostgresPool(configuration: PostgresConfiguration(url: given), logger: self.logger)
        try await administration.execute("create database \(unsafeIdentifier: name)")
        let outcome: Result<Void, any Error>
        do {
            let pool = try PostgresPool(configuration: PostgresConfiguration(url: url), logger: self.logger)
            do {
                _ = try await Migrator(pool: pool, logger: self.logger).migrate(Schema.migrations)
                outcome = .success(try await body(pool, url))
            } catch {
                await pool.close()
                throw error
            }
            await pool.close()
        } catch {
            outcome = .failure(error)
        }
        try await administration.execute("drop database \(unsafeIdentifier: name) with (force)")
        await administration.close()
        try outcome.get()
    }
}
