import ArgumentParser
import Foundation
import Harness

/// What makes up a schedule.
struct ScheduleOptions: ParsableArguments {
    @Option(help: "Of schedule and world; drawn when none is given.")
    var seed: UInt64 = .random(in: 1...999_999)

    @Option(help: "How long faults go on. From 0.1 to 1440.")
    var minutes = 10.0

    func validate() throws {
        guard (0.1...1440).contains(self.minutes) else { throw ValidationError("--minutes takes 0.1 to 1440") }
    }

    var schedule: Schedule { Schedule(seed: self.seed, length: .seconds(self.minutes * 60)) }
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Faults for a time, then rest, then verdicts.")

    @OptionGroup var options: ScheduleOptions
    @OptionGroup var place: Place

    @Option(help: "Events that the sandbox' world makes in a second. From 1 to 100000.")
    var rate = 2500

    @Option(help: "Guilds of the world. From 1 to 100000.")
    var guilds = 160

    func validate() throws {
        guard (1...100_000).contains(self.rate) else { throw ValidationError("--rate takes 1 to 100000") }
        guard (1...100_000).contains(self.guilds) else { throw ValidationError("--guilds takes 1 to 100000") }
    }

    func run() async throws {
        let schedule = self.options.schedule
        let again = "make soak SEED=\(schedule.seed) MINUTES=\(self.options.minutes)"
        Output.say("\(schedule.steps.count) faults in \(Int(schedule.length / .seconds(1))) s; again: \(again)")
        let (rate, guilds) = (self.rate, self.guilds)
        let report = try await self.place.run(keepsFolder: { !$0.holds }) { plan, stores in
            var plan = plan
            plan.eventsPerSecond = rate
            plan.world = "seed=\(schedule.seed),guilds=\(guilds),members=20-400"
            var run = SoakRun(plan: plan, schedule: schedule)
            run.say = { Output.say($0) }
            return try await run.run(stores: stores)
        }
        for verdict in report.verdicts { Output.say("\(verdict)") }
        try Output.tell(json: report)
        guard report.holds else {
            Output.say("BROKEN; again: \(again)")
            throw ExitCode.failure
        }
    }
}

struct ShowSchedule: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Prints the faults of a seed, and runs nothing.")

    @OptionGroup var options: ScheduleOptions

    func run() { Output.tell("\(self.options.schedule)") }
}
