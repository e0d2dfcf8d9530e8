import Foundation
import Logging
import TestSupport

@testable import Postgres

/// A schema of its own for one test, dropped afterwards, failed or not.
enum TestDatabase {
    static let logger: Logger = {
        var logger = Logger(label: "postgres.tests")
        logger.logLevel = .error
        return logger
    }()

    static func withPool(
        _ change: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await self.withSchema { configuration in
            var configuration = configuration
            change(&configuration)
            try await self.withPool(configuration, body)
        }
    }

    static func withPool(
        _ configuration: PostgresConfiguration, _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let pool = try PostgresPool(configuration: configuration, logger: self.logger)
        do { try await body(pool) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    static func withSchema(_ body: (PostgresConfiguration) async throws -> Void) async throws {
        let schema = "postgres_tests_" + UUID().uuidString.lowercased().replacing("-", with: "")
        let administration = try PostgresPool(
            configuration: PostgresConfiguration(url: TestEnvironment.databaseURL), logger: self.logger
        )
        try await administration.execute("create schema \(unsafeIdentifier: schema)")
        var configuration = try PostgresConfiguration(url: TestEnvironment.databaseURL)
        configuration.options["options"] = "-c search_path=\(schema)"
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(configuration)) } catch { outcome = .failure(error) }
        try await administration.execute("drop schema \(unsafeIdentifier: schema) cascade")
        await administration.close()
        try outcome.get()
    }
}

/// The `PostgresError` that `body` throws, if it throws one.
func postgresError<Value>(_ body: () async throws -> Value) async -> PostgresError? {
    do { _ = try await body() } catch { return error as? PostgresError }
    return nil
}
