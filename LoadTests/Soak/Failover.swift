import ArgumentParser
import Foundation
import Harness

struct Failover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills shard processes under load and measures how soon their slots are RESUMED elsewhere.",
        discussion: "A killed process is started again only when all of its slots have a session.")

    @Option(help: "How often. From 1 to 10000.")
    var kills = 20

    @Option(help: "Events that the sandbox' world makes in a second. From 1 to 100000.")
    var rate = 2000

    @OptionGroup var place: Place

    func validate() throws {
        guard (1...10_000).contains(self.kills) else { throw ValidationError("--kills takes 1 to 10000") }
        guard (1...100_000).contains(self.rate) else { throw ValidationError("--rate takes 1 to 100000") }
    }

    func run() async throws {
        let (kills, rate) = (self.kills, self.rate)
        let report = try await self.place.run(keepsFolder: { !$0.holds }) { plan, stores in
            var plan = plan
            plan.eventsPerSecond = rate
            var run = FailoverRun(plan: plan, kills: kills)
            run.say = { Output.say($0) }
            return try await run.run(stores: stores)
        }
        for verdict in report.verdicts { Output.say("\(verdict)") }
        try Output.tell(json: report)
        guard report.holds else { throw ExitCode.failure }
    }
}
