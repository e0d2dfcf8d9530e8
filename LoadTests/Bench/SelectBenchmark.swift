import Foundation
import Logging
import Postgres

/// Guards the path of the API servers' reads: that the pool with its tasks, its thread and its decoding of rows costs
/// little next to pgbench, a C program that does nothing with the rows. Both use as many connections and read the same
/// tables, made by pgbench in a schema that goes at the end.
///
/// pgbench has one statement under way on each connection. Our pool is made for more tasks than connections, whose
/// statements share pipelines; as many tasks as connections show what its hops between threads cost.
struct SelectBenchmark {
    private static let connections = 8
    private static let taskCounts = [64, 8]
    private static let schema = "flotilla_bench"
    /// Of pgbench's tables at scale 1.
    private static let accounts: Int32 = 100_000

    /// With `search_path` set to our schema.
    private let url: String

    init(url: String) {
        let separator = url.contains("?") ? "&" : "?"
        self.url = "\(url)\(separator)options=-csearch_path%3D\(Self.schema)"
    }

    func run(_ rounds: Rounds) async throws {
        var configuration = try PostgresConfiguration(url: self.url)
        configuration.pool.minimum = Self.connections
        configuration.pool.maximum = Self.connections
        let pool = try PostgresPool(configuration: configuration, logger: Logger(label: "bench.postgres"))
        try await pool.execute("drop schema if exists \(unsafeIdentifier: Self.schema) cascade")
        try await pool.execute("create schema \(unsafeIdentifier: Self.schema)")
        // pgbench takes a whole URL where a database's name may stand.
        _ = try await Program.run("pgbench", ["-i", "-q", "-s", "1"], environment: ["PGDATABASE": self.url])
        for tasks in Self.taskCounts {
            let samples = try await rounds.compare { length in
                try await Self.ours(pool, tasks: tasks, for: length)
            } limit: { length in
                try await self.limit(for: length)
            }
            Measurement(
                scenario: "postgres-select-\(tasks)-tasks", metric: "single-row reads", unit: "statements/s",
                ours: samples.ours, limit: samples.limit, goal: .atLeast(0.7)
            ).report()
        }
        try await pool.execute("drop schema \(unsafeIdentifier: Self.schema) cascade")
        await pool.close()
    }

    private static func ours(_ pool: PostgresPool, tasks: Int, for length: Duration) async throws -> Double {
        let start = ContinuousClock.now
        let deadline = start + length
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<tasks {
                group.addTask { try await self.read(pool, until: deadline) }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / (ContinuousClock.now - start).inSeconds
    }

    private static func read(_ pool: PostgresPool, until deadline: ContinuousClock.Instant) async throws -> Int {
        var count = 0
        // The system's random numbers would cost a system call each.
        var account = Int32.random(in: 1...self.accounts)
        while ContinuousClock.now < deadline {
            account = (account + 7_919) % self.accounts + 1
            let row = try await pool.queryFirst("select abalance from pgbench_accounts where aid = \(account)")
            guard try row?.decode(Int32.self, at: 0) != nil else {
                throw BenchmarkError("account \(account) is missing")
            }
            count += 1
        }
        return count
    }

    /// pgbench takes whole seconds.
    private func limit(for length: Duration) async throws -> Double {
        let output = try await Program.run(
            "pgbench",
            [
                "-n", "-S", "-M", "prepared", "-c", String(Self.connections), "-j", "2",
                "-T", String(max(1, Int(length.inSeconds.rounded()))),
            ],
            environment: ["PGDATABASE": self.url]
        )
        for line in output.split(separator: "\n") where line.hasPrefix("tps = ") {
            if let rate = line.split(separator: " ").dropFirst(2).first.flatMap({ Double($0) }) { return rate }
        }
        throw BenchmarkError("pgbench printed no figure: \(output)")
    }
}
