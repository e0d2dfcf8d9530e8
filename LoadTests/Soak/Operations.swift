import ArgumentParser
import Foundation
import Harness

extension Exercise: ExpressibleByArgument {}

struct Operations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts two coordinators, shard processes and workers through what operators and bad luck do.",
        discussion: """
            Kills and freezes of the leader, the standby and shard processes, PostgreSQL killed, moves, drain, a new \
            member, a rolling restart of everything, no coordinator at all, an aborted reshard and, in the first \
            round, one to twice the shards. Tells how long each took.
            """)

    @Option(help: "The application's shards at the start. From 4 to 1000.")
    var shards = 64

    @Option(help: "Events that the sandbox' world makes in a second. From 1 to 100000.")
    var rate = 1200

    @Option(help: "From 1 to 5; exercises with a leader and a standby need 2.")
    var coordinators = 2

    @Option(help: "How often the course is gone through. From 1 to 1000.")
    var rounds = 1

    @Option(help: "How many seconds processes are frozen, and no coordinator is there. From 8 to 600.")
    var absence = 60

    @Option(name: .customLong("only"), parsing: .upToNextOption, help: "Exercises to do, in this order.")
    var chosen: [Exercise] = []

    @OptionGroup var place: Place

    func validate() throws {
        guard (4...1000).contains(self.shards) else { throw ValidationError("--shards takes 4 to 1000") }
        guard (1...100_000).contains(self.rate) else { throw ValidationError("--rate takes 1 to 100000") }
        guard (1...5).contains(self.coordinators) else { throw ValidationError("--coordinators takes 1 to 5") }
        guard (1...1000).contains(self.rounds) else { throw ValidationError("--rounds takes 1 to 1000") }
        // Shorter than a lease it takes nothing from anybody.
        guard (8...600).contains(self.absence) else { throw ValidationError("--absence takes 8 to 600") }
    }

    func run() async throws {
        let (shards, rate, rounds, absence) = (self.shards, self.rate, self.rounds, self.absence)
        let coordinators = self.coordinators
        let once = self.chosen.isEmpty ? Exercise.withoutReshard + Exercise.resharding : self.chosen
        let exercises = (0..<rounds).flatMap { round in
            once.filter { round == 0 || ($0 != .addMember && $0 != .reshard) }
        }
        let report = try await self.place.run(keepsFolder: { !$0.holds }) { plan, stores in
            var plan = plan
            plan.shards = shards
            plan.eventsPerSecond = rate
            plan.coordinators = coordinators
            plan.workers = 2
            plan.spareShardProcesses = 1
            var run = OperationsRun(plan: plan, exercises: exercises)
            run.absence = .seconds(absence)
            run.say = { Output.say($0) }
            return try await run.run(stores: stores)
        }
        for verdict in report.verdicts { Output.say("\(verdict)") }
        try Output.tell(json: report)
        guard report.holds else { throw ExitCode.failure }
    }
}
