import Foundation
import TestSupport
import Testing

@testable import Postgres

@Suite("Migrations against PostgreSQL", .timeLimit(.minutes(1)))
struct MigratorContractTests {
    private let migrations = [
        Migration(
            version: 1,
            name: "guilds",
            sql: """
                create table guild (id bigint primary key, name text not null);
                insert into guild values (1, 'a;b'), (2, 'c');
                create function double(n int) returns int language sql as $$ select n * 2; $$;
                """
        ),
        Migration(version: 2, name: "members", sql: "create table member (guild bigint references guild)"),
    ]

    private func migrator(_ pool: PostgresPool) -> Migrator { Migrator(pool: pool, logger: TestDatabase.logger) }

    @Test func `Migrations are applied once, in order, and recorded`() async throws {
        try await TestDatabase.withPool { pool in
            #expect(try await self.migrator(pool).migrate(Array(self.migrations.prefix(1))).map(\.version) == [1])
            #expect(try await self.migrator(pool).migrate(self.migrations).map(\.version) == [2])
            #expect(try await self.migrator(pool).migrate(self.migrations).isEmpty)
            let rows = try await pool.query(
                "select version, name, checksum, applied_at from schema_migrations order by version")
            #expect(try rows.map { try $0.decode(Int.self, "version") } == [1, 2])
            #expect(try rows.map { try $0.decode(String.self, "checksum") } == self.migrations.map(\.checksum))
            #expect(try abs(rows[0].decode(Date.self, "applied_at").timeIntervalSinceNow) < 60)
            #expect(try await pool.queryFirst("select double(21)")?.decode(Int.self, at: 0) == 42)
            #expect(try await pool.query("select * from guild").count == 2)
        }
    }

    @Test func `Migrators that run at once do the work once`() async throws {
        try await TestDatabase.withSchema { configuration in
            try await TestDatabase.withPool(configuration) { one in
                try await TestDatabase.withPool(configuration) { two in
                    let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                        for pool in [one, two, one, two] {
                            group.addTask { try await self.migrator(pool).migrate(self.migrations).count }
                        }
                        return try await group.reduce(0, +)
                    }
                    #expect(applied == 2)
                }
            }
        }
    }

    @Test func `A failed migration leaves nothing of itself and everything before it`() async throws {
        try await TestDatabase.withPool { pool in
            let broken = Migration(version: 2, name: "broken", sql: "create table left_over (a int); select 1 / 0;")
            let error = await postgresError { try await self.migrator(pool).migrate([self.migrations[0], broken]) }
            #expect(error?.sqlState == "22012")
            #expect(error?.message.contains("migration 2 (broken) failed") == true)
            let row = try #require(
                try await pool.queryFirst(
                    "select to_regclass('left_over') is null as gone, (select array_agg(version) from schema_migrations) as versions"
                )
            )
            #expect(try row.decode(Bool.self, "gone"))
            #expect(try row.decode([Int].self, "versions") == [1])
            #expect(try await self.migrator(pool).migrate(self.migrations).map(\.version) == [2])
        }
    }

    @Test func `A changed migration is refused by name`() async throws {
        try await TestDatabase.withPool { pool in
            try await self.migrator(pool).migrate(self.migrations)
            let changed = Migration(version: 1, name: "guilds", sql: "create table guild (id text)")
            let error = await postgresError { try await self.migrator(pool).migrate([changed, self.migrations[1]]) }
            #expect(error?.code == .migrationMismatch)
            #expect(error?.message.contains("migration 1 (guilds) was changed") == true)
        }
    }

    @Test func `A migrator waits for another one only so long`() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection(discarding: true) { holder in
                try await holder.execute("select pg_advisory_lock(\(Migrator.lockKey))")
                let impatient = Migrator(pool: pool, logger: TestDatabase.logger, patience: .milliseconds(100))
                let error = await postgresError { try await impatient.migrate(self.migrations) }
                #expect(error?.code == .timedOut)
                #expect(error?.message.contains("another process has been migrating") == true)
            }
            try await eventually("the end of the lock") {
                try await self.migrator(pool).migrate(self.migrations).isEmpty
            }
        }
    }

    @Test func `Scripts and statements take turns on one connection`() async throws {
        try await TestDatabase.withPool { pool in
            try await pool.withConnection { connection in
                async let a = connection.execute("select pg_sleep(0.05)")
                async let script: Void = connection.executeScript(
                    "create table s (n int); insert into s values (1); insert into s values (2)", timeout: .seconds(5)
                )
                _ = try await (a, script)
                #expect(try await connection.queryFirst("select count(*) from s")?.decode(Int.self, at: 0) == 2)
                let error = await postgresError {
                    try await connection.executeScript("select pg_sleep(30); select 1", timeout: .milliseconds(50))
                }
                #expect(error?.code == .timedOut)
                #expect(try await connection.queryFirst("select 1")?.decode(Int.self, at: 0) == 1)
            }
        }
    }
}
