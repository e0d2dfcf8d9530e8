import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Transactions against PostgreSQL", .timeLimit(.minutes(1)))
struct TransactionContractTests {
    private struct Refused: Error {}

    private final class Count: Sendable {
        private let number = Atomic<Int>(0)
        var value: Int { self.number.load(ordering: .relaxed) }
        func add() { self.number.wrappingAdd(1, ordering: .relaxed) }
    }

    private func value(_ pool: some PostgresQuerying, _ id: Int) async throws -> Int {
        let row = try #require(try await pool.queryFirst("select n from t where id = \(id)"))
        return try row.decode(Int.self, "n")
    }

    private func withTable(
        _ change: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        try await TestDatabase.withPool(change) { pool in
            try await pool.execute("create table t (id int primary key, n int not null)")
            try await pool.execute("insert into t values (1, 0), (2, 0)")
            try await body(pool)
        }
    }

    @Test(arguments: PostgresTransaction.Isolation.allCases)
    func `What returns is committed`(isolation: PostgresTransaction.Isolation) async throws {
        try await self.withTable { pool in
            let level = try await pool.transaction(isolation: isolation) { transaction in
                try await transaction.execute("update t set n = 7 where id = 1")
                return try await transaction.queryFirst("show transaction_isolation")?.decode(String.self, at: 0)
            }
            let names: [PostgresTransaction.Isolation: String] = [
                .readCommitted: "read committed", .repeatableRead: "repeatable read", .serializable: "serializable",
            ]
            #expect(level == names[isolation])
            #expect(try await self.value(pool, 1) == 7)
        }
    }

    @Test func `What throws is rolled back before the error is seen`() async throws {
        try await self.withTable({ $0.pool.maximum = 2 }) { pool in
            await #expect(throws: Refused.self) {
                try await pool.transaction { transaction in
                    try await transaction.execute("update t set n = 7 where id = 1")
                    throw Refused()
                }
            }
            // Fails at once if the row were still locked.
            try await pool.execute("select * from t where id = 1 for update nowait")
            #expect(try await self.value(pool, 1) == 0)
        }
    }

    @Test func `A statement's error that is swallowed does not commit`() async throws {
        try await self.withTable { pool in
            let error = await postgresError {
                try await pool.transaction { transaction in
                    try await transaction.execute("update t set n = 7 where id = 1")
                    _ = await postgresError { try await transaction.execute("select 1 / 0") }
                }
            }
            #expect(error?.code == .transactionAborted)
            let seen = try await self.value(pool, 1)
            #expect(seen == 0)
        }
    }

    @Test func `A read-only transaction refuses to write`() async throws {
        try await self.withTable { pool in
            let error = await postgresError {
                try await pool.transaction(readOnly: true) { try await $0.execute("update t set n = 7") }
            }
            #expect(error?.sqlState == "25006")
        }
    }

    @Test func `Cancellation rolls back`() async throws {
        try await self.withTable { pool in
            let error = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask {
                    await postgresError {
                        try await pool.transaction { transaction in
                            try await transaction.execute("update t set n = 7 where id = 1")
                            try await transaction.execute("select pg_sleep(30)")
                        }
                    }
                }
                // An error here shows as a wrong outcome below.
                try? await eventually("a transaction") { try await pool.statistics.leased == 1 }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            #expect(try await self.value(pool, 1) == 0)
            try await eventually("the connection's return") { try await pool.statistics.leased == 0 }
        }
    }

    @Test func `A timeout inside a transaction rolls it back`() async throws {
        try await self.withTable { pool in
            let error = await postgresError {
                try await pool.transaction { transaction in
                    try await transaction.execute("update t set n = 7 where id = 1")
                    try await transaction.execute("select pg_sleep(30)", timeout: .milliseconds(50))
                }
            }
            #expect(error?.code == .timedOut)
            let seen = try await self.value(pool, 1)
            #expect(seen == 0)
        }
    }

    @Test func `A serialization failure runs the transaction again`() async throws {
        try await self.withTable { pool in
            let runs = Atomic<Int>(0)
            try await pool.transaction(isolation: .serializable) { transaction in
                let first = runs.wrappingAdd(1, ordering: .relaxed).newValue == 1
                let seen = try await self.value(transaction, 1)
                // Another transaction gets in between, once.
                if first { try await pool.execute("update t set n = n + 10 where id = 1") }
                try await transaction.execute("update t set n = \(seen + 1) where id = 1")
            }
            #expect(runs.load(ordering: .relaxed) == 2)
            #expect(try await self.value(pool, 1) == 11)
        }
    }

    @Test func `Attempts are bounded`() async throws {
        try await self.withTable { pool in
            let runs = Atomic<Int>(0)
            let error = await postgresError {
                try await pool.transaction(isolation: .repeatableRead, attempts: 3) { transaction in
                    runs.wrappingAdd(1, ordering: .relaxed)
                    _ = try await self.value(transaction, 1)
                    try await pool.execute("update t set n = n + 10 where id = 1")
                    try await transaction.execute("update t set n = 0 where id = 1")
                }
            }
            #expect(error?.sqlState == "40001")
            #expect(runs.load(ordering: .relaxed) == 3)
        }
    }

    @Test func `A deadlock is resolved`() async throws {
        try await self.withTable { pool in
            let runs = Count()
            let locked = Count()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await pool.transaction { transaction in
                            runs.add()
                            try await transaction.execute("update t set n = n + 1 where id = \(first)")
                            locked.add()
                            try await eventually("both locks") { locked.value >= 2 }
                            try await transaction.execute("update t set n = n + 1 where id = \(second)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(runs.value >= 3)
            #expect(try await self.value(pool, 1) == 2)
            #expect(try await self.value(pool, 2) == 2)
        }
    }

    @Test func `Increments under serializable isolation all count`() async throws {
        try await self.withTable({ $0.pool.maximum = 4 }) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await pool.transaction(isolation: .serializable, attempts: 50) { transaction in
                            let seen = try await self.value(transaction, 1)
                            try await transaction.execute("update t set n = \(seen + 1) where id = 1")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await self.value(pool, 1) == 12)
        }
    }

    @Test func `A transaction can not be used after its end`() async throws {
        try await self.withTable { pool in
            let escaped = try await pool.transaction { $0 }
            #expect(await postgresError { try await escaped.execute("select 1") }?.code == .scopeEnded)
            let connection = try await pool.withConnection { $0 }
            #expect(await postgresError { try await connection.execute("select 1") }?.code == .scopeEnded)
        }
    }

    @Test func `A transaction left open on a leased connection does not come back with it`() async throws {
        try await self.withTable({ $0.pool.maximum = 1 }) { pool in
            try await pool.withConnection { connection in
                try await connection.execute("begin")
                try await connection.execute("update t set n = 7 where id = 1")
            }
            #expect(try await self.value(pool, 1) == 0)
        }
    }

    @Test func `A connection killed during a transaction shows, and COMMIT is not claimed`() async throws {
        try await self.withTable { pool in
            let error = await postgresError {
                try await pool.transaction { transaction in
                    let pid = try await transaction.queryFirst("select pg_backend_pid()")?.decode(Int32.self, at: 0)
                    try await transaction.execute("update t set n = 7 where id = 1")
                    try await pool.execute("select pg_terminate_backend(\(pid), 5000)")
                    try await transaction.execute("select 1")
                }
            }
            #expect(error?.code == .connectionLost)
            let seen = try await self.value(pool, 1)
            #expect(seen == 0)
        }
    }

    @Test func `Evicted statements of a failed transaction go when it has ended`() async throws {
        try await self.withTable({
            $0.pool.maximum = 1
            $0.pool.preparedStatements = 2
        }) { pool in
            _ = await postgresError {
                try await pool.transaction { transaction in
                    for index in 0..<6 { try await transaction.execute(SQL(stringLiteral: "select \(index)")) }
                    _ = await postgresError { try await transaction.execute("select 1 / 0") }
                    _ = await postgresError { try await transaction.execute("select 'refused'") }
                }
            }
            let row = try await pool.queryFirst("select count(*) from pg_prepared_statements")
            #expect(try #require(row).decode(Int.self, at: 0) <= 2)
        }
    }
}
