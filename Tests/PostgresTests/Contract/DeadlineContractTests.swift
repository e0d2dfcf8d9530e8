import Foundation
import TestSupport
import Testing

@testable import Postgres

@Suite("Deadlines and cancellation against PostgreSQL", .timeLimit(.minutes(1)))
struct DeadlineContractTests {
    /// How many backends run `pg_sleep` for this test's marker.
    private func sleepers(_ pool: PostgresPool, _ marker: String) async throws -> Int {
        let row = try await pool.queryFirst(
            "select count(*) from pg_stat_activity where state = 'active' and query like \("%sleep%" + marker + "%") and pid <> pg_backend_pid()"
        )
        return try row?.decode(Int.self, at: 0) ?? 0
    }

    @Test func `A statement past its deadline is cancelled on the server`() async throws {
        try await TestDatabase.withPool({
            $0.pool.maximum = 2
            $0.pool.pipelineDepth = 1
        }) { pool in
            let marker = UUID().uuidString
            let sql = SQL(stringLiteral: "select pg_sleep(30) /* \(marker) */")
            let begin = ContinuousClock.now
            let error = await postgresError { try await pool.execute(sql, timeout: .milliseconds(100)) }
            #expect(error?.code == .timedOut)
            #expect(ContinuousClock.now - begin < .seconds(3))
            try await eventually("the end of the statement on the server") {
                try await self.sleepers(pool, marker) == 0
            }
            #expect(try await pool.statistics.connectionsOpened <= 2, "its connection was drained and kept")
        }
    }

    @Test func `Cancelling the task cancels the statement`() async throws {
        try await TestDatabase.withPool({ $0.pool.pipelineDepth = 1 }) { pool in
            let marker = UUID().uuidString
            let sql = SQL(stringLiteral: "select pg_sleep(30) /* \(marker) */")
            let error = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await postgresError { try await pool.execute(sql) } }
                // An error here shows as a missing sleeper.
                try? await eventually("the statement on the server") { try await self.sleepers(pool, marker) == 1 }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            try await eventually("the end of the statement on the server") {
                try await self.sleepers(pool, marker) == 0
            }
        }
    }

    @Test func `A cancelled task starts nothing`() async throws {
        try await TestDatabase.withPool { pool in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await postgresError { try await pool.execute("create table never (a int)") }
            }
            #expect(await task.value?.code == .cancelled)
            let row = try await pool.queryFirst("select to_regclass('never') is null as absent")
            #expect(try row?.decode(Bool.self, "absent") == true)
        }
    }

    @Test func `Neighbours in the pipeline of a cancelled statement get their answers`() async throws {
        try await TestDatabase.withPool({
            $0.pool.maximum = 1
            $0.pool.pipelineStall = .seconds(10)
        }) { pool in
            for _ in 0..<5 {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        await postgresError {
                            try await pool.execute("select pg_sleep(30)", timeout: .milliseconds(30))
                        }?.code
                            == .timedOut
                    }
                    for index in 0..<10 {
                        group.addTask {
                            try await pool.queryFirst("select \(index) as i")?.decode(Int.self, "i") == index
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
            }
        }
    }

    @Test func `Waiting for a connection has a deadline`() async throws {
        try await TestDatabase.withPool({
            $0.pool.minimum = 1
            $0.pool.maximum = 1
            $0.pool.waitTimeout = .milliseconds(100)
        }) { pool in
            // What is there need not be waited for, however slow it came.
            try await eventually("the connection") { try await pool.statistics.idle == 1 }
            try await pool.withConnection { _ in
                let statement = await postgresError { try await pool.execute("select 1") }
                #expect(statement?.code == .poolTimedOut)
                let lease = await postgresError { try await pool.withConnection { _ in } }
                #expect(lease?.code == .poolTimedOut)
            }
            try await eventually("the connection again") { try await pool.statistics.idle == 1 }
            try await pool.execute("select 1")
        }
    }

    @Test func `Who waits for a connection can be cancelled, and the queue is bounded`() async throws {
        try await TestDatabase.withPool({
            $0.pool.maximum = 1
            $0.pool.waitLimit = 1
        }) { pool in
            try await pool.withConnection { _ in
                let code = await withTaskGroup(of: PostgresError.Code?.self) { group in
                    group.addTask { await postgresError { try await pool.execute("select 1") }?.code }
                    // An error here shows as a wrong code below.
                    try? await eventually("a request that waits") { try await pool.statistics.waiting == 1 }
                    let refused = await postgresError { try await pool.execute("select 2") }
                    #expect(refused?.code == .poolExhausted)
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(code == .cancelled)
                let waiting = try await pool.statistics.waiting
                #expect(waiting == 0)
            }
        }
    }

    @Test func `A slow statement holds up only its own connection`() async throws {
        try await TestDatabase.withPool({
            $0.pool.minimum = 2
            $0.pool.maximum = 2
        }) { pool in
            try await eventually("two connections") { try await pool.statistics.idle == 2 }
            let slow = Task { try await pool.execute("select pg_sleep(30)") }
            defer { slow.cancel() }
            try await eventually("the slow statement") { try await pool.statistics.busy == 1 }
            for index in 0..<50 { _ = try await pool.query("select \(index)") }
            #expect(try await pool.statistics.busy == 1, "all others are done, and it still runs")
        }
    }

    @Test func `Closing lets what runs end and refuses the rest`() async throws {
        try await TestDatabase.withSchema { configuration in
            let pool = try PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            try await pool.execute("select 1")
            async let last = pool.execute("select pg_sleep(0.3)")
            try await eventually("the last statement") { try await pool.statistics.busy == 1 }
            await pool.close()
            #expect(try await last == 1)
            #expect(await postgresError { try await pool.execute("select 1") }?.code == .poolClosed)
            await pool.close()
        }
    }

    @Test func `Closing in a hurry ends what runs`() async throws {
        try await TestDatabase.withSchema { configuration in
            let pool = try PostgresPool(configuration: configuration, logger: TestDatabase.logger)
            async let code = postgresError { try await pool.execute("select pg_sleep(30)") }?.code
            try await eventually("the statement") { try await pool.statistics.busy == 1 }
            await pool.close(within: .zero)
            #expect(await code == .poolClosed)
        }
    }
}
