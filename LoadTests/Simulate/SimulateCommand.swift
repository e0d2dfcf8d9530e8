import ArgumentParser
import Foundation
import Simulation

/// Runs seeded schedules of the control plane under virtual time.
@main
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flotilla-simulate",
        abstract: "Runs the coordinator's core against modelled members, network, broker, PostgreSQL and Discord.",
        discussion: """
            A schedule is two virtual minutes with faults of all kinds, then a quiet phase in which all slots have to \
            become ready. What must never be is checked after every step. The same seed does the same, step by step: \
            a failing one is run again with what happened in it.
            """)

    @Option(help: "How many schedules.")
    var seeds: Int = 1_000

    @Option(help: "The first seed.")
    var from: UInt64 = 1

    @Option(help: "One schedule only, with what happens in it.")
    var seed: UInt64?

    @Option(help: "Schedules at once; as many as there are cores when not given.")
    var jobs: Int?

    @Option(help: "Plant a bug, and expect it to be seen. Names are told by --list-bugs.")
    var bug: String?

    @Flag(help: "Plant each bug in turn, each in at most --seeds schedules.")
    var allBugs = false

    @Flag(help: "List the bugs that can be planted.")
    var listBugs = false

    @Flag(help: "Print nothing but a number that is the same when all schedules did the same.")
    var digest = false

    func validate() throws {
        guard (1...100_000_000).contains(self.seeds) else { throw ValidationError("--seeds takes 1 to 100000000") }
        guard (1...256).contains(self.jobs ?? 1) else { throw ValidationError("--jobs takes 1 to 256") }
        guard self.from <= .max - UInt64(self.seeds) else { throw ValidationError("--from is too high for --seeds") }
    }

    func run() async throws {
        if self.listBugs { return PlantedBug.allCases.forEach { print($0.rawValue) } }
        let bug = try self.bug.map { name in
            guard let bug = PlantedBug(rawValue: name) else {
                throw ValidationError(
                    "--bug: one of \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
            }
            return bug
        }
        if let seed { return try self.show(seed, bug: bug) }
        if self.digest {
            let done = await ScheduleRunner(from: self.from, count: self.seeds, bug: bug).run(jobs: self.tasks)
            return print(String(done.digest, radix: 16))
        }
        if self.allBugs {
            var missed: [String] = []
            for bug in PlantedBug.allCases {
                let found = await self.firstViolation(bug: bug)
                print(
                    "\(bug.rawValue): \(found.map { "seed \($0.seed), \($0.violation?.description ?? "")" } ?? "NOT SEEN")"
                )
                if found == nil { missed.append(bug.rawValue) }
            }
            let count = PlantedBug.allCases.count
            guard missed.isEmpty else {
                print("\(missed.count) of \(count) planted bugs are not seen: \(missed.joined(separator: ", "))")
                throw ExitCode.failure
            }
            return print("all \(count) planted bugs are seen within \(self.seeds) schedules")
        }
        if let bug {
            guard let found = await self.firstViolation(bug: bug) else {
                print("\(bug.rawValue) is not seen in \(self.seeds) schedules")
                throw ExitCode.failure
            }
            return print("seed \(found.seed): \(found.violation?.description ?? "")")
        }
        try await self.runAll()
    }

    private func show(_ seed: UInt64, bug: PlantedBug?) throws {
        let result = Simulation(seed: seed, bug: bug, isTracing: true).run()
        for line in result.trace { print(line) }
        print("seed \(seed): \(result.steps) steps, digest \(String(result.digest, radix: 16))")
        print(result.counts)
        print(result.violation?.description ?? "nothing that must not be")
        guard result.violation == nil else { throw ExitCode.failure }
    }

    private func firstViolation(bug: PlantedBug) async -> ScheduleResult? {
        let done = await ScheduleRunner(from: self.from, count: self.seeds, bug: bug, mostFailures: 1)
            .run(jobs: self.tasks)
        return done.failed.min { $0.seed < $1.seed }
    }

    private var tasks: Int { self.jobs ?? ProcessInfo.processInfo.activeProcessorCount }

    private func runAll() async throws {
        let start = ContinuousClock.now
        let done = await ScheduleRunner(from: self.from, count: self.seeds).run(jobs: self.tasks)
        let seconds = start.duration(to: .now) / .seconds(1)
        let count = Int(done.next - self.from)
        print(
            "\(count) schedules, \(done.steps) steps in \(String(format: "%.1f", seconds)) s (\(String(format: "%.1f", Double(count) / seconds)) a second), digest \(String(done.digest, radix: 16))"
        )
        print("\(done.counts)")
        guard !done.failed.isEmpty else { return print("nothing that must not be") }
        let failed = done.failed.sorted { $0.seed < $1.seed }
        for result in failed { print("seed \(result.seed): \(result.violation?.description ?? "")") }
        if let first = failed.first {
            let replay = Simulation(seed: first.seed, isTracing: true).run()
            print("\nseed \(first.seed) again, its last steps:")
            for line in replay.trace.suffix(120) { print(line) }
            print(replay == first.withoutTrace(of: replay) ? "it did the same again" : "IT DID SOMETHING ELSE")
            print("all of them: flotilla-simulate --seed \(first.seed)")
        }
        throw ExitCode.failure
    }
}

extension ScheduleResult {
    /// To compare with a run that kept what happened.
    fileprivate func withoutTrace(of other: ScheduleResult) -> ScheduleResult? {
        self.digest == other.digest && self.violation == other.violation && self.steps == other.steps ? other : nil
    }
}
