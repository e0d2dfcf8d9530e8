import AsyncHTTPClient
import ClusterAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import Postgres
import Synchronization

/// Guards what a large fleet costs its coordinator: 500 members with 40 slots each renew their leases once a second
/// against a real `flotilla coordinator` with PostgreSQL and RabbitMQ, as shard processes do, watermarks moving all the
/// time. Each tenth renewal asks for its answer at once, and shows how long one takes.
struct RenewalBenchmark {
    private static let members = 500
    private static let slotsOfMember = 40
    private static let schema = "flotilla_bench_coordinator"

    let database: String
    let broker: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pool = try PostgresPool(
            configuration: try PostgresConfiguration(url: self.database), logger: Logger(label: "bench.postgres"))
        try await pool.execute("drop schema if exists \(unsafeIdentifier: Self.schema) cascade")
        try await pool.execute("create schema \(unsafeIdentifier: Self.schema)")
        let shards = Self.members * Self.slotsOfMember
        let discord = try await DirectoryResponder.start(shards: shards, group: group)
        let separator = self.database.contains("?") ? "&" : "?"
        let coordinator = try CoordinatorProcess.start(
            database: "\(self.database)\(separator)options=-csearch_path%3D\(Self.schema)", broker: self.broker,
            discord: discord.url, shards: shards)
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.members + 8
        let http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        let figures: Figures
        do {
            figures = try await Self.measure(coordinator, http: http, for: rounds.length * rounds.count)
        } catch {
            coordinator.stop()
            try await http.shutdown()
            throw error
        }
        coordinator.stop()
        try await http.shutdown()
        try await discord.close()
        try await pool.execute("drop schema \(unsafeIdentifier: Self.schema) cascade")
        await pool.close()
        try await group.shutdownGracefully()
        figures.report(members: Self.members, slots: Self.slotsOfMember)
    }

    private struct Figures {
        let cpu: Double
        let rate: Double
        let latencies: [Double]
        let memory: Double

        func report(members: Int, slots: Int) {
            let sorted = self.latencies.sorted()
            func percentile(_ part: Double) -> Double {
                sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
            }
            let fleet = "\(members) members with \(slots) slots"
            for (metric, unit, value, goal): (String, String, Double, Measurement.Goal) in [
                ("CPU of the coordinator, \(fleet)", "% of a core", self.cpu, .valueAtMost(25)),
                ("renewals", "renewals/s", self.rate, .none),
                ("renewal, median", "ms", percentile(0.5), .none),
                ("renewal, 99 of 100", "ms", percentile(0.99), .valueAtMost(50)),
                ("memory of the coordinator", "MB", self.memory, .none),
            ] {
                Measurement(scenario: "renewals", metric: metric, unit: unit, ours: [value], limit: [], goal: goal)
                    .report()
            }
        }
    }

    /// What all members saw.
    private final class Log: Sendable {
        private struct State {
            var ready: Set<Int> = []
            var isOn = false
            var samples: [Double] = []
            var count = 0
        }

        private let state = Mutex(State())

        var readyMembers: Int { self.state.withLock { $0.ready.count } }
        /// Times in milliseconds, and how many renewals there were.
        var samples: ([Double], Int) { self.state.withLock { ($0.samples, $0.count) } }

        func begin() { self.state.withLock { $0.isOn = true } }

        func renewed(_ member: Int, isReady: Bool, time: Duration?) {
            self.state.withLock { state in
                if isReady { state.ready.insert(member) }
                guard state.isOn else { return }
                state.count += 1
                if let time { state.samples.append(time / .milliseconds(1)) }
            }
        }
    }

    private static func measure(
        _ coordinator: CoordinatorProcess, http: HTTPClient, for length: Duration
    ) async throws -> Figures {
        let log = Log()
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<self.members {
                tasks.addTask {
                    var member = RenewingMember(number: number, url: coordinator.url, http: http)
                    try await member.register()
                    // Not all in the same instant.
                    try await Task.sleep(for: .milliseconds(number * 1_000 / self.members))
                    while !Task.isCancelled {
                        let time = try await member.renew()
                        log.renewed(number, isReady: member.slots == self.slotsOfMember, time: time)
                    }
                }
            }
            let deadline = ContinuousClock.now + .seconds(90)
            while log.readyMembers < self.members {
                guard ContinuousClock.now < deadline else {
                    throw BenchmarkError("only \(log.readyMembers) members have their slots")
                }
                try await Task.sleep(for: .milliseconds(200))
            }
            try await Task.sleep(for: .seconds(5))
            log.begin()
            let (start, used) = (ContinuousClock.now, try coordinator.cpuSeconds())
            try await Task.sleep(for: length)
            let seconds = (ContinuousClock.now - start).inSeconds
            let cpu = try coordinator.cpuSeconds() - used
            let (samples, count) = log.samples
            let memory = try coordinator.residentMegabytes()
            tasks.cancelAll()
            // They were cancelled in the middle of a call.
            while let result = await tasks.nextResult() { _ = result }
            return Figures(
                cpu: cpu / seconds * 100, rate: Double(count) / seconds, latencies: samples, memory: memory)
        }
    }
}
