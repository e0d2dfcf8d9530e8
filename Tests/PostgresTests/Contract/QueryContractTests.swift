import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Queries against PostgreSQL", .timeLimit(.minutes(1)))
struct QueryContractTests {
    @Test func `Every type makes the round trip`() async throws {
        try await TestDatabase.withPool { pool in
            let uuid = UUID()
            let date = Date(timeIntervalSince1970: 1_755_000_000.123456)
            let sql: SQL = """
                select \(true) as bool, \(Int16.min) as int2, \(Int32.min) as int4, \(Int64.max) as int8, \(42) as int,
                    \(1.5) as float8, \("Grüße $1") as text, \([UInt8](0...255)) as bytea, \(uuid) as uuid,
                    \(date) as timestamptz, \(UInt64.max) as snowflake, \(PostgresJSON(text: #"{"a": 1}"#)) as jsonb,
                    \([Int64.min, 0, 7]) as numbers, \(["a", "", "{\"ü\"}"]) as texts, \([Int64]()) as none, \("") as empty,
                    12345.6700::numeric as numeric, 'x'::varchar(3) as varchar, '[1]'::json as json, 'n'::name as name,
                    1.25::float4 as float4, array[1, 2]::int4[] as int4s
                """
            let row = try #require(try await pool.queryFirst(sql))
            #expect(try row.decode(Bool.self, "bool"))
            #expect(try row.decode(Int16.self, "int2") == .min)
            #expect(try row.decode(Int32.self, "int4") == .min)
            #expect(try row.decode(Int64.self, "int8") == .max)
            #expect(try row.decode(Int.self, "int") == 42)
            #expect(try row.decode(Double.self, "float8") == 1.5)
            #expect(try row.decode(Double.self, "float4") == 1.25)
            #expect(try row.decode(String.self, "text") == "Grüße $1")
            #expect(try row.decode([UInt8].self, "bytea") == [UInt8](0...255))
            #expect(try row.decode(UUID.self, "uuid") == uuid)
            #expect(abs(try row.decode(Date.self, "timestamptz").timeIntervalSince(date)) < 0.000_001)
            #expect(try row.decode(UInt64.self, "snowflake") == .max)
            #expect(try row.decode(Int64.self, "snowflake") == -1)
            #expect(try row.decode(PostgresJSON.self, "jsonb").text == #"{"a": 1}"#)
            #expect(try row.decode([Int64].self, "numbers") == [.min, 0, 7])
            #expect(try row.decode([String].self, "texts") == ["a", "", "{\"ü\"}"])
            #expect(try row.decode([Int64].self, "none") == [])
            #expect(try row.decode(String.self, "empty") == "")
            #expect(try row.decode(String.self, "numeric") == "12345.6700")
            #expect(try row.decode(Double.self, "numeric") == 12345.67)
            #expect(try row.decode(String.self, "varchar") == "x")
            #expect(try row.decode(String.self, "json") == "[1]")
            #expect(try row.decode(String.self, "name") == "n")
            #expect(try row.decode([Int].self, "int4s") == [1, 2])
            // The server agrees about what the binary forms mean.
            let seen = try await pool.queryFirst(
                "select \(date) = '2025-08-12 12:00:00.123456+00' as date, \(uuid)::text as uuid, \([UInt8]([1, 255]))::text as hex"
            )
            #expect(try seen?.decode(Bool.self, "date") == true)
            #expect(try seen?.decode(String.self, "uuid") == uuid.uuidString.lowercased())
            #expect(try seen?.decode(String.self, "hex") == #"\x01ff"#)
        }
    }

    @Test func `Null is nil, and enums are text`() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.execute("create type mood as enum ('calm', 'stormy')")
            let nothing: String? = nil
            let row = try #require(
                try await pool.queryFirst(
                    "select \(nothing) as a, \(nil as [Int64]?) as b, \("calm")::mood as c, sum(x) as s from generate_series(1, 4) x"
                )
            )
            #expect(try row.decode(String?.self, "a") == nil)
            #expect(try row.decode([Int64]?.self, "b") == nil)
            #expect(try row.decode(String.self, "c") == "calm")
            #expect(try row.decode(Int?.self, "s") == 10)
            let error = await postgresError { _ = try row.decode(String.self, "a") }
            #expect(error?.message.contains("column \"a\" (text) is null") == true)
        }
    }

    @Test func `Rows are counted and constraints are named`() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.execute("create table t (id bigint constraint t_key primary key, n int)")
            #expect(try await pool.execute("insert into t select x, x from generate_series(1, 5) x") == 5)
            #expect(try await pool.execute("update t set n = \(9) where id > \(3)") == 2)
            #expect(
                try await pool.query("select id from t order by id").map { try $0.decode(Int.self, at: 0) } == [
                    1, 2, 3, 4, 5,
                ])
            let error = await postgresError { try await pool.execute("insert into t values (\(1), \(1))") }
            #expect(error?.code == .server && error?.isUniqueViolation == true && error?.constraint == "t_key")
        }
    }

    @Test func `Errors hold no values and do not touch their neighbours`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<60 {
                    group.addTask {
                        guard index % 3 == 0 else {
                            return try await pool.queryFirst("select \(index) as i")?.decode(Int.self, "i") == index
                        }
                        let error = await postgresError { try await pool.execute("select \("hunter2")::text::int") }
                        return error?.sqlState == "22P02" && error.map { "\($0)".contains("hunter2") } == false
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `200 tasks share 4 connections`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 4 }) { pool in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for task in 0..<200 {
                    group.addTask {
                        for round in 0..<20 {
                            let row = try await pool.queryFirst(
                                "select \(task) as t, \(round) as r, \("x\(task)") as x")
                            guard let row, try row.decode(Int.self, "t") == task,
                                try row.decode(Int.self, "r") == round,
                                try row.decode(String.self, "x") == "x\(task)"
                            else { return false }
                        }
                        return true
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            let statistics = try await pool.statistics
            #expect(statistics.connectionsOpened <= 4)
            #expect(statistics.statementsInFlight == 0 && statistics.waiting == 0)
        }
    }

    @Test func `Large values and many rows pass`() async throws {
        try await TestDatabase.withPool { pool in
            let large = String(repeating: "ü", count: 4_000_000)
            let row = try await pool.queryFirst("select \(large) as text, length(\(large)) as length")
            #expect(try row?.decode(String.self, "text") == large)
            #expect(try row?.decode(Int.self, "length") == 4_000_000)
            let rows = try await pool.query("select x, x * 2 as y from generate_series(1, 100000) x")
            #expect(rows.count == 100_000)
            #expect(try rows.last?.decode(Int.self, "y") == 200_000)
        }
    }

    @Test func `Evicted statements are deallocated`() async throws {
        try await TestDatabase.withPool({
            $0.pool.maximum = 1
            $0.pool.preparedStatements = 3
        }) { pool in
            for round in 0..<3 {
                for index in 0..<8 {
                    let sql = SQL(stringLiteral: "select \(index) as i")
                    #expect(try await pool.queryFirst(sql)?.decode(Int.self, "i") == index, "round \(round)")
                }
            }
            let count = try await pool.queryFirst("select count(*) from pg_prepared_statements")
            #expect(try count?.decode(Int.self, at: 0) == 3)
        }
    }

    @Test func `A schema change makes a statement be prepared anew`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            try await pool.execute("create table t (a int)")
            try await pool.execute("insert into t values (1)")
            #expect(try await pool.queryFirst("select * from t")?.columns.all.count == 1)
            try await pool.execute("alter table t add column b text default 'x'")
            let row = try await pool.queryFirst("select * from t")
            #expect(try row?.decode(String.self, "b") == "x")
            try await pool.execute("deallocate all")
            #expect(try await pool.queryFirst("select * from t")?.columns.all.count == 2)
            try await pool.execute("alter table t drop column b")
            let count = try await pool.transaction { try await $0.queryFirst("select * from t")?.columns.all.count }
            #expect(count == 1, "a transaction with a stale statement runs again")
        }
    }

    @Test func `BEGIN on no connection in particular leaves none in a transaction`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            try await pool.execute("begin")
            let row = try await pool.queryFirst(
                "select now() = statement_timestamp() as alone, pg_current_xact_id_if_assigned() is null as none")
            #expect(try row?.decode(Bool.self, "none") == true)
            #expect(try await pool.statistics.connectionsOpened == 2)
        }
    }

    @Test func `COPY is refused and the pool goes on`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            let error = await postgresError { try await pool.execute("copy (select 1) to stdout") }
            #expect(error != nil)
            let seen = try await pool.queryFirst("select 1 as one")?.decode(Int.self, "one")
            #expect(seen == 1)
        }
    }
}
