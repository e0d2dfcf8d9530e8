import CoordinatorCore
import Discord
import Postgres
import Testing

@testable import Coordinator

@Suite("Identify permits, on PostgreSQL", .timeLimit(.minutes(1)))
struct PermitLedgerTests {
    private let application = Snowflake(rawValue: 7)

    /// A new leader's.
    private func ledger(_ pool: PostgresPool) async throws -> PermitLedger {
        try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
        let lease = try await LeaderLease.acquire(holder: "a", pool: pool, logger: CoordinatorDatabase.logger)
        return PermitLedger(pool: pool, leaderEpoch: lease.epoch)
    }

    /// Moves every permit into the past, as if so much time had passed.
    private func pass(_ seconds: Double, _ pool: PostgresPool) async throws {
        try await pool.execute(
            "update identify_permits set granted_at = granted_at - make_interval(secs => \(seconds))")
    }

    @Test func `A bucket is free once in its spacing, and tells how long to wait`() async throws {
        try await CoordinatorDatabase.run { pool in
            let ledger = try await self.ledger(pool)
            let start = ContinuousClock.now
            #expect(try await ledger.take(bucket: 0, of: self.application) == nil)
            let wait = try #require(try await ledger.take(bucket: 0, of: self.application))
            let passed = start.duration(to: .now)
            let whole = PermitSpacing.between(IdentifyPolicy())
            #expect(wait <= whole && wait > whole - passed - .milliseconds(100), "\(wait)")
            try await self.pass(1, pool)
            let rest = try #require(try await ledger.take(bucket: 0, of: self.application))
            #expect(rest <= wait - .milliseconds(900), "asking does not begin the time again: \(rest)")
            try await self.pass(whole / .seconds(1) - 0.9, pool)
            #expect(try await ledger.take(bucket: 0, of: self.application) == nil)
            #expect(try await ledger.take(bucket: 0, of: self.application) != nil)
        }
    }

    @Test func `A permit used at the end of its time still leaves 5 s to the next`() async throws {
        try await CoordinatorDatabase.run { pool in
            let ledger = try await self.ledger(pool)
            for bucket in 0..<20 {
                let start = ContinuousClock.now
                _ = try await ledger.take(bucket: bucket, of: self.application)
                // The first IDENTIFY left when its permit ended, 4.9 s ago: a second now would come too early.
                try await self.pass(IdentifyPolicy().validity / .seconds(1) + 4.9, pool)
                let wait = try await ledger.take(bucket: bucket, of: self.application)
                // Where so much time has really passed as well, it may be free.
                guard start.duration(to: .now) < PermitSpacing.jitter else { continue }
                #expect(wait != nil)
                return
            }
            Issue.record("two questions never came within \(PermitSpacing.jitter)")
        }
    }

    @Test func `Buckets and applications don't wait for each other`() async throws {
        try await CoordinatorDatabase.run { pool in
            let ledger = try await self.ledger(pool)
            for bucket in 0..<4 {
                let wait = try await ledger.take(bucket: bucket, of: self.application)
                #expect(wait == nil)
            }
            let other = try await ledger.take(bucket: 0, of: Snowflake(rawValue: 8))
            #expect(other == nil)
            let again = try await ledger.take(bucket: 3, of: self.application)
            #expect(again != nil)
        }
    }

    @Test func `Of many who ask at once one gets it, also over several leaders`() async throws {
        try await CoordinatorDatabase.run { pool in
            for round in 0..<3 {
                let ledger = try await self.ledger(pool)
                let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<20 {
                        group.addTask { try await ledger.take(bucket: 1, of: self.application) == nil }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(granted == 1, "round \(round)")
                try await self.pass(PermitSpacing.between(IdentifyPolicy()) / .seconds(1), pool)
            }
        }
    }

    @Test func `Who no longer leads takes no permit`() async throws {
        try await CoordinatorDatabase.run { pool in
            let old = try await self.ledger(pool)
            let new = try await self.ledger(pool)
            await #expect(throws: ClusterStore.LostLeadership.self) {
                try await old.take(bucket: 0, of: self.application)
            }
            #expect(try await new.take(bucket: 0, of: self.application) == nil, "the old one took nothing")
            await #expect(throws: ClusterStore.LostLeadership.self) {
                try await old.take(bucket: 0, of: self.application)
            }
        }
    }
}
