import CoordinatorCore
import Logging
import Postgres
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Coordinator

@Suite("Leader's lease, on PostgreSQL", .timeLimit(.minutes(1)))
struct LeaderLeaseTests {
    private let logger = CoordinatorDatabase.logger

    private func acquire(_ holder: String, _ pool: PostgresPool) async throws -> LeaderLease {
        try await LeaderLease.acquire(holder: holder, pool: pool, logger: self.logger)
    }

    private func holder(_ pool: PostgresPool) async throws -> String? {
        try await pool.queryFirst("select holder from leader").map { try $0.decode("holder") }
    }

    /// Ends the lease as if its time were over.
    private func expire(_ pool: PostgresPool) async throws {
        try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
    }

    @Test func `One leads at a time, and the epoch grows with each leader`() async throws {
        try await CoordinatorDatabase.run { pool in
            let first = try await self.acquire("a", pool)
            #expect(first.epoch == 1 && first.holder == "a")
            let log = LogUnderTest()
            async let next = LeaderLease.acquire(holder: "b", pool: pool, logger: log.logger)
            try await eventually("a refusal of the second") { log.messages.contains { $0.hasPrefix("waits") } }
            #expect(try await self.holder(pool) == "a")
            try await self.expire(pool)
            let second = try await next
            #expect(second.epoch == 2)
            #expect(try await self.holder(pool) == "b")
            try await self.expire(pool)
            #expect(try await self.acquire("a", pool).epoch == 3)
        }
    }

    @Test func `Of many who want it one gets it`() async throws {
        try await CoordinatorDatabase.run { pool in
            try await withThrowingTaskGroup(of: LeaderLease.self) { group in
                for number in 0..<8 { group.addTask { try await self.acquire("c\(number)", pool) } }
                let winner = try #require(try await group.next())
                #expect(winner.epoch == 1)
                #expect(try await self.holder(pool) == winner.holder)
                group.cancelAll()
                do {
                    while let other = try await group.next() { Issue.record("\(other.holder) leads as well") }
                } catch is CancellationError {
                    // As it should be: the others waited.
                }
            }
            #expect(
                try await pool.queryFirst("select epoch from leader").map { try $0.decode(Int64.self, "epoch") } == 1)
        }
    }

    @Test func `A leader renews, and lets go when it shuts down`() async throws {
        try await CoordinatorDatabase.run { pool in
            let lease = try await self.acquire("a", pool)
            let group = ServiceGroup(services: [lease], logger: self.logger)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await pool.execute("update leader set expires_at = clock_timestamp() + interval '4 s'")
                try await eventually("a renewal") {
                    try await pool.queryFirst(
                        "select 1 from leader where expires_at > clock_timestamp() + interval '4 s'") != nil
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(try await pool.queryFirst("select 1 from leader where expires_at > clock_timestamp()") == nil)
            let log = LogUnderTest()
            #expect(try await LeaderLease.acquire(holder: "b", pool: pool, logger: log.logger).epoch == 2)
            #expect(!log.messages.contains { $0.hasPrefix("waits") }, "the next leader need not wait")
        }
    }

    @Test func `A leader that another has followed gives up`() async throws {
        try await CoordinatorDatabase.run { pool in
            let lease = try await self.acquire("a", pool)
            try await self.expire(pool)
            let next = try await self.acquire("b", pool)
            await #expect(throws: LeaderLease.Lost.self) { try await lease.run() }
            #expect(try await self.holder(pool) == "b")
            #expect(next.epoch == 2)
        }
    }

    @Test func `A leader whose own lease ran out gives up, though nobody followed`() async throws {
        try await CoordinatorDatabase.run { pool in
            let lease = try await self.acquire("a", pool)
            try await self.expire(pool)
            await #expect(throws: LeaderLease.Lost.self) { try await lease.run() }
        }
    }
}

/// Keeps what is logged.
private final class LogUnderTest: Sendable {
    private struct Handler: LogHandler {
        let log: LogUnderTest
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) { self.log.lines.withLock { $0.append("\(event.message)") } }
    }

    private let lines = Mutex<[String]>([])

    var messages: [String] { self.lines.withLock { $0 } }
    var logger: Logger { Logger(label: "test", factory: { _ in Handler(log: self) }) }
}
