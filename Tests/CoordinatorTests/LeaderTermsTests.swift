import CoordinatorCore
import Postgres
import TestSupport
import Testing

@testable import Coordinator

@Suite("Beginning to lead, on PostgreSQL", .timeLimit(.minutes(2)))
struct LeaderTermsTests {
    /// Nobody can read `slots` until `body` calls what it is given, or ends.
    private func withoutSlots(
        _ pool: PostgresPool, _ body: (_ unlock: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let (locked, isLocked) = AsyncStream.makeStream(of: Never.self)
        let (unlocked, unlock) = AsyncStream.makeStream(of: Never.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isLocked.finish() }
                try await pool.transaction { transaction in
                    try await transaction.execute("lock table slots in access exclusive mode")
                    isLocked.finish()
                    for await _ in unlocked {}
                }
            }
            for await _ in locked {}
            defer { unlock.finish() }
            try await body { unlock.finish() }
        }
    }

    private func lease(_ pool: PostgresPool) async throws -> (epoch: Int64, endsMilliseconds: Int64) {
        let row = try await pool.queryFirst(
            "select epoch, (extract(epoch from expires_at) * 1000)::bigint as ends from leader")
        return (try row?.decode("epoch") ?? 0, try row?.decode("ends") ?? 0)
    }

    @Test func `A leader renews its lease while it reads what is written down`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await self.withoutSlots(pool) { unlock in
                try await CoordinatorUnderTest.run("a", url) {
                    $0.load = .seconds(60)
                } _: { api in
                    try await eventually("the lease") { try await self.lease(pool).epoch == 2 }
                    let begun = try await self.lease(pool)
                    try await eventually("renewals beyond the first lease") {
                        let lease = try await self.lease(pool)
                        return lease.epoch == 2 && lease.endsMilliseconds > begun.endsMilliseconds + 5_000
                    }
                    #expect(try await !api.leads())
                    unlock()
                    try await eventually("the lead") { try await api.leads() }
                    #expect(try await self.lease(pool).epoch == 2)
                }
            }
        }
    }

    @Test func `A leader that can't read what is written down lets go, and tries again`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await self.withoutSlots(pool) { unlock in
                try await CoordinatorUnderTest.run("a", url) {
                    $0.load = .milliseconds(100)
                } _: { api in
                    try await eventually("more than one try") { try await self.lease(pool).epoch >= 4 }
                    unlock()
                    try await eventually("the lead") { try await api.leads() }
                }
            }
        }
    }
}
