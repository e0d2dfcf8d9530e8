import Foundation
import Logging
import Postgres
import TestSupport

/// A database of its own for `body`, migrated by `flotilla migrate` and dropped afterwards, failed or not.
func withDatabase(_ body: (_ url: String) async throws -> Void) async throws {
    let given = try TestEnvironment.databaseURL
    let name = "integration_" + UUID().uuidString.lowercased().replacing("-", with: "")
    var components = URLComponents(string: given)
    components?.path = "/\(name)"
    guard let url = components?.string else { throw TestFailure("FLOTILLA_TEST_DATABASE_URL is no URL") }
    let administration = try PostgresPool(
        configuration: PostgresConfiguration(url: given),
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    try await administration.execute("create database \(unsafeIdentifier: name)")
    let outcome: Result<Void, any Error>
    do {
        let migration = try Programs.start("migrate", ["FLOTILLA_DATABASE_URL": url])
        guard try await migration.exitStatus(within: .seconds(30)) == 0 else {
            throw TestFailure("the migration failed: \(migration.output)")
        }
        outcome = .success(try await body(url))
    } catch {
        outcome = .failure(error)
    }
    try await administration.execute("drop database \(unsafeIdentifier: name) with (force)")
    await administration.close()
    try outcome.get()
}
