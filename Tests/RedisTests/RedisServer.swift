import Foundation
import Logging
import NIOCore
import Synchronization
import TestSupport

@testable import Redis

let quiet = Logger(label: "redis.tests") { _ in SwiftLogNoOpLogHandler() }

/// A Redis server of the test's own.
final class RedisServer: Sendable {
    let port: Int
    private let arguments: [String]
    private let directory: TemporaryDirectory
    private let process: Mutex<ChildProcess>

    /// - Parameter port: `nil` finds one, low enough that the cluster bus 10,000 above it is quiet as well.
    init(_ options: [String] = [], port: Int? = nil, waitFor awaited: Int? = nil) async throws {
        let chosen = try port ?? quietPort(below: 22_000)
        self.port = chosen
        self.directory = try TemporaryDirectory("redis")
        self.arguments =
            [
                "--port", "\(chosen)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                self.directory.path,
            ] + options
        let process = try ChildProcess("redis-server", self.arguments)
        self.process = Mutex(process)
        try await process.wait(forPort: awaited ?? chosen)
    }

    var endpoint: RedisConfiguration.Endpoint { .init(host: "127.0.0.1", port: self.port) }
    var configuration: RedisConfiguration { RedisConfiguration(endpoints: [self.endpoint]) }

    /// Kills it: nothing is to be saved.
    func stop() async throws {
        let process = self.process.withLock { $0 }
        process.signal(SIGKILL)
        _ = try await process.exitStatus()
    }

    func signal(_ number: Int32) { self.process.withLock { $0 }.signal(number) }

    func startAgain() async throws {
        let process = try ChildProcess("redis-server", self.arguments)
        self.process.withLock { $0 = process }
        try await process.wait(forPort: self.port)
    }
}

/// Gives the body a client, and shuts it down afterwards whatever happened.
func withClient<Result>(
    _ configuration: RedisConfiguration,
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let client = try RedisClient(configuration: configuration, logger: quiet)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown(within: .zero)
        throw error
    }
}

/// A client of the shared server, and a prefix for keys, which are removed afterwards.
func withSharedServer<Result>(
    _ name: String,
    _ body: (RedisClient, _ prefix: String) async throws -> Result
) async throws -> Result {
    let prefix = "redis-tests:\(name):\(UInt64.random(in: 0...UInt64.max)):"
    var configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
    configuration.clientName = "redis-tests"
    return try await withClient(configuration) { client in
        func cleanUp() async throws {
            let keys = try await client.command("KEYS", .string(prefix + "*")).array ?? []
            for key in keys { try await client.command("UNLINK", .buffer(key.buffer ?? .init())) }
        }
        do {
            let result = try await body(client, prefix)
            try await cleanUp()
            return result
        } catch {
            try await cleanUp()
            throw error
        }
    }
}

/// What a throwing Redis call threw.
func redisError<T>(_ body: () async throws -> T) async throws -> RedisError {
    do {
        _ = try await body()
    } catch let error as RedisError {
        return error
    }
    throw NoError()
}

struct NoError: Error {}
