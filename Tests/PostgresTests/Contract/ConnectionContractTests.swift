import Foundation
import TestSupport
import Testing

@testable import Postgres

@Suite("Connections against PostgreSQL", .timeLimit(.minutes(1)))
struct ConnectionContractTests {
    /// Why a statement waited in vain, where no connection can be opened. A wait may end before the first attempt has.
    private func refusal(_ pool: PostgresPool) async throws -> PostgresError? {
        var refusal: PostgresError?
        try await eventually("a failed attempt to connect") {
            refusal = await postgresError { try await pool.execute("select 1") }
            return refusal?.underlying != nil
        }
        return refusal
    }

    @Test func `A killed connection is replaced before the next query`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            try await TestDatabase.withPool { administration in
                for _ in 0..<5 {
                    let row = try #require(try await pool.queryFirst("select pg_backend_pid()"))
                    let pid = try row.decode(Int32.self, at: 0)
                    let opened = try await pool.statistics.connectionsOpened
                    try await administration.execute("select pg_terminate_backend(\(pid), 5000)")
                    try await eventually("a replacement") { try await pool.statistics.connectionsOpened > opened }
                    let next = try await pool.queryFirst("select pg_backend_pid()")
                    #expect(try next?.decode(Int32.self, at: 0) != pid)
                }
            }
        }
    }

    @Test func `A connection killed under a statement fails that statement only`() async throws {
        try await TestDatabase.withPool({ $0.pool.maximum = 1 }) { pool in
            try await TestDatabase.withPool { administration in
                let row = try #require(try await pool.queryFirst("select pg_backend_pid()"))
                let pid = try row.decode(Int32.self, at: 0)
                async let error = postgresError { try await pool.execute("select pg_sleep(30)") }
                try await eventually("the statement") { try await pool.statistics.busy == 1 }
                try await administration.execute("select pg_terminate_backend(\(pid), 5000)")
                let seen = await error
                #expect(seen?.code == .connectionLost && seen?.sqlState == "57P01")
                try await pool.execute("select 1")
            }
        }
    }

    @Test func `A health check leaves a good connection in place`() async throws {
        try await TestDatabase.withPool({
            $0.pool.maximum = 1
            $0.pool.healthCheckInterval = .milliseconds(10)
        }) { pool in
            let first = try await pool.queryFirst("select pg_backend_pid()")?.decode(Int32.self, at: 0)
            try await pool.withConnection { try await $0.execute("select pg_sleep(0.1)") }
            let later = try await pool.queryFirst("select pg_backend_pid(), pg_sleep(0.1)")?.decode(Int32.self, at: 0)
            #expect(first == later)
        }
    }

    @Test func `Idle connections above the minimum are closed, and old ones are replaced`() async throws {
        try await TestDatabase.withPool({
            $0.pool.minimum = 1
            $0.pool.maximum = 3
            $0.pool.idleTime = .milliseconds(100)
            $0.pool.maximumLifetime = .milliseconds(400)
        }) { pool in
            try await pool.withConnection { _ in
                try await pool.withConnection { _ in try await pool.execute("select 1") }
            }
            try await eventually("one connection") {
                let statistics = try await pool.statistics
                return statistics.idle + statistics.busy == 1 && statistics.connectionsOpened >= 3
            }
            let opened = try await pool.statistics.connectionsOpened
            try await eventually("a replacement") { try await pool.statistics.connectionsOpened > opened }
        }
    }

    @Test func `A closed port is told with its address, once the wait is over`() async throws {
        let port = try quietPort()
        var configuration = try PostgresConfiguration(url: "postgres://ada:hunter2@127.0.0.1:\(port)/fleet")
        configuration.pool.waitTimeout = .milliseconds(300)
        try await TestDatabase.withPool(configuration) { pool in
            let error = try await self.refusal(pool)
            #expect(error?.code == .poolTimedOut)
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("127.0.0.1") && text.contains("\(port)") && text.contains("Connection refused"))
            #expect(!text.contains("hunter2"))
        }
    }

    @Test func `An unknown host is told by name`() async throws {
        var configuration = try PostgresConfiguration(url: "postgres://ada@no-such-host.invalid/fleet")
        configuration.pool.waitTimeout = .seconds(2)
        try await TestDatabase.withPool(configuration) { pool in
            let error = await postgresError { try await pool.execute("select 1") }
            #expect(error?.code == .poolTimedOut)
        }
    }

    @Test func `A host's name is looked up`() async throws {
        let url = try TestEnvironment.databaseURL.replacing("127.0.0.1", with: "localhost")
        let configuration = try PostgresConfiguration(url: url)
        try await TestDatabase.withPool(configuration) { pool in
            let seen = try await pool.queryFirst("select 1 as one")?.decode(Int.self, "one")
            #expect(seen == 1)
        }
    }

    @Test func `An unknown database is told with its SQLSTATE`() async throws {
        var configuration = try PostgresConfiguration(url: TestEnvironment.databaseURL)
        configuration.options["dbname"] = "no_such_database"
        configuration.pool.waitTimeout = .milliseconds(500)
        try await TestDatabase.withPool(configuration) { pool in
            let error = try await self.refusal(pool)
            let cause = error?.underlying as? PostgresError
            #expect(cause?.code == .connectionRefusedByServer && cause?.sqlState == "3D000")
            #expect(cause?.message.contains("no_such_database") == true)
        }
    }

    @Test func `Passwords are checked, and a server that was away is used once it is there`() async throws {
        let server = try await PrivateServer()
        var right = try PostgresConfiguration(url: server.url())
        right.pool.waitTimeout = .milliseconds(300)
        right.pool.reconnectBackoff.most = .milliseconds(100)
        try await TestDatabase.withPool(right) { pool in
            let early = try await self.refusal(pool)
            #expect(early?.code == .poolTimedOut)
            #expect((early?.underlying as? PostgresError)?.message.contains("Connection refused") == true)
            try await server.start()
            try await eventually("a connection") { try await pool.statistics.connectionsOpened > 0 }
            #expect(try await pool.queryFirst("select 1 as one")?.decode(Int.self, "one") == 1)

            var wrong = try PostgresConfiguration(url: server.url(password: "hunter2"))
            wrong.pool.waitTimeout = .milliseconds(300)
            try await TestDatabase.withPool(wrong) { pool in
                let error = try await self.refusal(pool)
                let cause = error?.underlying as? PostgresError
                #expect(cause?.code == .connectionRefusedByServer && cause?.sqlState == "28P01")
                #expect(error.map { "\($0)".contains("hunter2") } == false)
            }

            try await server.stop()
            try await eventually("the loss of the connection") { try await pool.statistics.idle == 0 }
            try await server.start()
            try await eventually("a new connection") { try await pool.statistics.idle > 0 }
            try await pool.execute("select 1")
        }
        try await server.stop()
    }

    @Test func `A server that never answers is given up`() async throws {
        let port = try quietPort()
        let listener = try ChildProcess(
            "python3",
            [
                "-c",
                "import socket,time; s=socket.socket(); s.bind(('127.0.0.1',\(port))); s.listen(); print('listening',flush=True); time.sleep(60)",
            ])
        try await listener.wait(for: "listening")
        var configuration = try PostgresConfiguration(url: "postgres://ada@127.0.0.1:\(port)/fleet")
        configuration.connectTimeout = .milliseconds(200)
        configuration.pool.waitTimeout = .milliseconds(500)
        try await TestDatabase.withPool(configuration) { pool in
            let error = try await self.refusal(pool)
            #expect(error?.code == .poolTimedOut)
            #expect((error?.underlying as? PostgresError)?.message.contains("in time") == true)
        }
        try await listener.stop()
    }

    @Test func `A pool's thread does not outlive it`() async throws {
        func postgresThreads() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count { task in
                // A thread that has just ended has no name.
                (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8))?.hasPrefix("pg-leaktest")
                    == true
            }
        }
        var configuration = try PostgresConfiguration(url: TestEnvironment.databaseURL)
        configuration.threadName = "pg-leaktest"
        for _ in 0..<5 {
            try await TestDatabase.withPool(configuration) { pool in
                try await pool.execute("select 1")
                // A thread that the loop's thread makes has its name until it sets one of its own.
                try await eventually("one thread of the pool") { try postgresThreads() == 1 }
            }
            try await eventually("the end of the thread") { try postgresThreads() == 0 }
        }
    }
}
