import ArgumentParser
import Foundation
import Gateway
import Logging

/// Compares our clients with the limit that C programs reach on the same machine, in the same run, against the same
/// servers. Standard output: one JSON object a line; standard error: the single rounds, and which goals were missed.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flotilla-bench",
        abstract: "Benchmarks against the limit.",
        discussion: """
            The servers are those of FLOTILLA_TEST_AMQP_URL, FLOTILLA_TEST_REDIS_URL and FLOTILLA_TEST_DATABASE_URL. What \
            a benchmark makes there has names that begin with flotilla_bench, and goes at its end; in Redis, keys \
            that begin with key: are overwritten.
            """)

    enum Scenario: String, CaseIterable, ExpressibleByArgument {
        case amqp, redis, postgres, gateway, ingest, pipeline, idle, flat, plan, renewals
        case guildLoad = "guild-load"
    }

    @Argument(help: "Which to run; all but flat when none is named.")
    var scenarios: [Scenario] = []

    @Option(help: "How often each side runs, in turn with the other; the median counts. From 1 to 25.")
    var rounds = 5

    @Option(help: "Seconds of one round where the benchmark may choose. From 0.1 to 60.")
    var seconds = 2.0

    @Option(help: "Minutes that flat takes. From 0.5 to 60.")
    var minutes = 10.0

    @Option(help: "Seconds in the middle of flat for which the broker's process stands still; by default a tenth.")
    var stall: Double?

    @Option(help: .hidden)
    var serveReplay: Int?

    @Option(help: .hidden)
    var onlyHere: String?

    func validate() throws {
        guard (0.5...60).contains(self.minutes) else { throw ValidationError("--minutes takes 0.5 to 60") }
        guard (1...1800).contains(self.stall ?? 1) else { throw ValidationError("--stall takes 1 to 1800") }
        guard (1...25).contains(self.rounds) else { throw ValidationError("--rounds takes 1 to 25") }
        guard (0.1...60).contains(self.seconds) else { throw ValidationError("--seconds takes 0.1 to 60") }
    }

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .warning
            return handler
        }
        if let serveReplay { return try await ReplayProcess.serve(events: serveReplay) }
        if let compression = self.onlyHere.flatMap({ GatewayCompression(rawValue: $0) }) {
            return try await IdleBenchmark.measure(compression, for: .seconds(self.seconds))
        }
        let rounds = Rounds(count: self.rounds, length: .seconds(self.seconds))
        let usual = Scenario.allCases.filter { $0 != .flat }
        for scenario in self.scenarios.isEmpty ? usual : self.scenarios {
            switch scenario {
            case .amqp: try await PublishBenchmark(url: try Self.url("FLOTILLA_TEST_AMQP_URL")).run(rounds)
            case .redis: try await SetBenchmark(url: try Self.url("FLOTILLA_TEST_REDIS_URL")).run(rounds)
            case .postgres: try await SelectBenchmark(url: try Self.url("FLOTILLA_TEST_DATABASE_URL")).run(rounds)
            case .gateway: try await GatewayBenchmark().run(rounds)
            case .ingest: try await IngestBenchmark().run(rounds)
            case .guildLoad: try await GuildLoadBenchmark(url: try Self.url("FLOTILLA_TEST_REDIS_URL")).run(rounds)
            case .idle: try await IdleBenchmark().run(rounds)
            case .plan: PlanBenchmark().run(rounds)
            case .renewals:
                try await RenewalBenchmark(
                    database: try Self.url("FLOTILLA_TEST_DATABASE_URL"), broker: try Self.url("FLOTILLA_TEST_AMQP_URL")
                ).run(rounds)
            case .flat:
                try await FlatBenchmark(
                    url: try Self.url("FLOTILLA_TEST_AMQP_URL"), minutes: self.minutes,
                    stall: self.stall.map { .seconds($0) }
                ).run()
            case .pipeline: try await PipelineBenchmark(url: try Self.url("FLOTILLA_TEST_AMQP_URL")).run(rounds)
            }
        }
    }

    private static func url(_ variable: String) throws -> String {
        guard let url = ProcessInfo.processInfo.environment[variable], !url.isEmpty else {
            throw ValidationError("\(variable) is not set; `make bench` sets it")
        }
        return url
    }
}
