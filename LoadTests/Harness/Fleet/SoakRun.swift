import Foundation
package import LocalStack
import TestSupport

/// Runs a schedule of faults over a loaded fleet, lets it come to rest, and judges what came out.
package struct SoakRun: Sendable {
    package let plan: FleetPlan
    package let schedule: Schedule
    /// How long the fleet may take to come to rest.
    package var restLimit: Duration = .seconds(120)
    /// How long unsure guilds may take to be fetched afterwards.
    package var refillLimit: Duration = .seconds(60)
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
        self.say("the fleet is ready")
        let watch = RefusalWatch()
        return try await withThrowingTaskGroup(of: SoakReport?.self) { group in
            group.addTask {
                do {
                    try await watch.run(fleet, say: self.say)
                } catch is CancellationError {
                    // The run is over.
                }
                return nil
            }
            group.addTask { try await self.run(fleet, watch) }
            defer { group.cancelAll() }
            while let report = try await group.next() {
                if let report { return report }
            }
            throw HarnessError("the run ended without a report")
        }
    }

    private func run(_ fleet: LoadedFleet, _ watch: RefusalWatch) async throws -> SoakReport {
        let clock = ContinuousClock()
        try await fleet.control.setTraffic(eventsPerSecond: self.plan.eventsPerSecond)
        let start = clock.now
        let plantings = try await withThrowingTaskGroup(of: Planting?.self) { group in
            for step in self.schedule.steps {
                group.addTask {
                    try await clock.sleep(until: start + step.at)
                    self.say("\(Self.text(clock.now - start))  \(step.fault)")
                    do {
                        return try await fleet.inject(step.fault)
                    } catch {
                        throw HarnessError("\(step.fault): \(error)")
                    }
                }
            }
            group.addTask {
                try await clock.sleep(until: start + self.schedule.length)
                return nil
            }
            return try await group.reduce(into: [Planting]()) { if let planting = $1 { $0.append(planting) } }
        }
        try await fleet.control.setTraffic(eventsPerSecond: 0)
        let length = clock.now - start
        fleet.proxy.mend()
        self.say("\(Self.text(length))  the schedule is over")
        var rest = Rest(fleet: fleet, log: LedgerLog(path: self.plan.ledger))
        let (quiet, recording) = try await rest.reached(within: self.restLimit)
        self.say("\(Self.text(clock.now - start))  \(quiet)")
        let history = rest.log.history
        let cache = try await CacheCheck(fleet: fleet, history: history, isFlushed: self.schedule.harmsRedis)
            .verdicts(within: self.refillLimit)
        self.say("\(Self.text(clock.now - start))  the cache is read")
        let exits = fleet.processes.flatMap(\.exits)
        let checker = Checker(history: history, recording: recording, terms: self.plan.terms)
        let refusals = checker.refusals(
            watch.told, planted: self.schedule.plantedCloses, starts: fleet.processes.flatMap(\.starts))
        let faults = checker.faults(self.schedule.steps.map(\.fault), plantings)
        let seconds = length / .seconds(1)
        return SoakReport(
            seed: self.schedule.seed, seconds: seconds,
            eventsPerSecond: Double(history.eventCount) / seconds, events: history.eventCount,
            verdicts: [quiet, Self.lives(fleet, exits)] + checker.verdicts() + [refusals, faults] + cache,
            exits: exits)
    }

    private static func lives(_ fleet: LoadedFleet, _ exits: [FleetProcess.Exit]) -> Verdict {
        var lives = Findings("processes")
        lives.checked = fleet.processes.count
        for exit in exits {
            // One that has lost the lease ends, and is started again.
            if exit.process.hasPrefix("coordinator") {
                lives.count("ends of a coordinator by itself")
            } else {
                lives.violated("\(exit.process) ended by itself with \(exit.status): \(exit.lastLines.suffix(400))")
            }
        }
        return lives.verdict
    }

    private static func text(_ duration: Duration) -> String {
        String(format: "%7.3f s", duration / .seconds(1))
    }
}
