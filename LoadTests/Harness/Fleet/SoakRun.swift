import Foundation
package import LocalStack
import TestSupport

/// Runs a schedule of faults over a loaded fleet, lets it come to rest, and judges what came out.
package struct SoakRun: Sendable {
    package let plan: FleetPlan
    package let schedule: Schedule
    /// How long the fleet may take to come to rest.
    package var restLimit: Duration = .seconds(120)
    /// Told what happens, for people.
    package var say: @Sendable (String) -> Void = { _ in }

    package init(plan: FleetPlan, schedule: Schedule) {
        self.plan = plan
        self.schedule = schedule
    }

    package func run(stores: StoreAddresses) async throws -> SoakReport {
        try await LoadedFleet.run(self.plan, stores: stores) { fleet in try await self.run(fleet) }
    }

    private func run(_ fleet: LoadedFleet) async throws -> SoakReport {
        let clock = ContinuousClock()
        self.say("the fleet is ready")
        try await fleet.control.setTraffic(eventsPerSecond: self.plan.eventsPerSecond)
        let start = clock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for step in self.schedule.steps {
                group.addTask {
                    try await clock.sleep(until: start + step.at)
                    self.say("\(Self.text(clock.now - start))  \(step.fault)")
                    do {
                        try await fleet.inject(step.fault)
                    } catch {
                        throw HarnessError("\(step.fault): \(error)")
                    }
                }
            }
            group.addTask { try await clock.sleep(until: start + self.schedule.length) }
            try await group.waitForAll()
        }
        try await fleet.control.setTraffic(eventsPerSecond: 0)
        let length = clock.now - start
        fleet.proxy.mend()
        self.say("\(Self.text(length))  the schedule is over")
        var rest = Rest(fleet: fleet, log: LedgerLog(path: self.plan.ledger))
        let quiet = try await rest.verdict(within: self.restLimit)
        self.say("\(Self.text(clock.now - start))  \(quiet)")
        let history = rest.log.history
        var lives = Findings("processes")
        lives.checked = fleet.processes.count
        let exits = fleet.processes.flatMap(\.exits)
        for exit in exits where exit.process != "coordinator" {
            lives.violated("\(exit.process) ended by itself with \(exit.status): \(exit.lastLines.suffix(400))")
        }
        lives.figures["ends of the coordinator by itself"] = exits.count { $0.process == "coordinator" }
        let checker = Checker(history: history, recording: fleet.recorder.recording, terms: self.plan.terms)
        let seconds = length / .seconds(1)
        return SoakReport(
            seed: self.schedule.seed, seconds: seconds,
            eventsPerSecond: Double(history.eventCount) / seconds, events: history.eventCount,
            verdicts: [quiet, lives.verdict] + checker.verdicts(), exits: exits)
    }

    private static func text(_ duration: Duration) -> String {
        String(format: "%7.3f s", duration / .seconds(1))
    }
}
