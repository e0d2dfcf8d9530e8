import Foundation
import TestSupport
import Testing

@testable import LocalStack

@Suite("Private stores", .serialized, .timeLimit(.minutes(3)))
struct PrivateStoresTests {
    @Test func `They answer, listen on loopback only, and leave nothing behind, twice in a row`() async throws {
        let directory = try TemporaryDirectory("stores")
        let mark = MarkedProcesses(mark: try StackDirectory(creating: directory.path).path)
        var addresses: [StoreAddresses] = []
        for _ in 0..<2 {
            addresses.append(
                try await withStores(directory: directory.path) { addresses in
                    let listeners = try Listener.of(mark.find())
                    // AMQP, Erlang's distribution and port mapper, Redis, PostgreSQL.
                    #expect(Set(listeners.map(\.port)).count == 5)
                    #expect(listeners.allSatisfy { $0.isLoopback }, "\(listeners)")
                    for url in [addresses.amqpShard, addresses.redis, addresses.database] {
                        let port = try #require(URLComponents(string: url)?.port)
                        #expect(listeners.contains { $0.port == port })
                    }
                    return addresses
                })
            #expect(mark.find() == [])
        }
        #expect(addresses[0].testEnvironment == addresses[1].testEnvironment)
        #expect(addresses[0].mark != addresses[1].mark)
    }

    @Test func `What carries their mark is stopped with them`() async throws {
        let directory = try TemporaryDirectory("stores")
        let child = try await withStores(directory: directory.path) { addresses in
            try ChildProcess("sleep", ["100000"], environment: addresses.mark)
        }
        #expect(!child.isRunning)
    }

    @Test func `They start again after everything was killed`() async throws {
        let directory = try TemporaryDirectory("stores")
        let mark = MarkedProcesses(mark: try StackDirectory(creating: directory.path).path)
        try await withStores(directory: directory.path) { _ in
            for process in mark.find() { kill(process, SIGKILL) }
        }
        try await withStores(directory: directory.path) { _ in #expect(mark.find().count >= 4) }
        #expect(mark.find() == [])
    }

    @Test func `They run below a folder that is closed to others`() async throws {
        let directory = try TemporaryDirectory("closed")
        try StackDirectory.make(directory.path, mode: 0o700)
        try await withStores(directory: directory.path("stack")) { addresses in
            #expect(addresses.database.hasPrefix("postgres://"))
        }
        // Not a link where the stack isn't root's.
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: directory.path("stack/postgres")) {
            #expect(target.hasPrefix("/var/tmp/flotilla-postgres-"))
            try FileManager.default.removeItem(atPath: target)
        }
    }

    @Test func `The body's error is thrown once they are gone`() async throws {
        struct Failure: Error {}
        let directory = try TemporaryDirectory("stores")
        let mark = MarkedProcesses(mark: try StackDirectory(creating: directory.path).path)
        await #expect(throws: Failure.self) {
            try await withStores(directory: directory.path) { _ in throw Failure() }
        }
        #expect(mark.find() == [])
    }
}
