import Foundation
package import LocalStack

/// Puts a fleet under load through a course of exercises, measures each, and judges what came out.
package struct OperationsRun: Sendable {
    package struct Report: Sendable, Codable {
        package let eventsPerSecond: Double
        package let events: Int
        package let results: [ExerciseResult]
        /// Milliseconds, by what was measured.
        package let times: [String: FailoverRun.Spread]
        package let verdicts: [Verdict]

        package var holds: Bool { self.verdicts.allSatisfy(\.holds) }
    }

    package let plan: FleetPlan
    package let exercises: [Exercise]
    /// How long processes are frozen, and no coordinator is there.
    package var absence: Duration = .seconds(12)
    /// Told what happens, for people.
    package var say: @Sendable (String) -> Void = { _ in }

    package init(plan: FleetPlan, exercises: [Exercise]) {
        self.plan = plan
        self.exercises = exercises
    }

    package func run(stores: StoreAddresses) async throws -> Report {
        try await LoadedFleet.run(self.plan, stores: stores) { fleet in try await self.run(fleet) }
    }

    private func run(_ fleet: LoadedFleet) async throws -> Report {
        self.say("the fleet is ready")
        try await fleet.control.setTraffic(eventsPerSecond: self.plan.eventsPerSecond)
        let start = ContinuousClock.now
        var course = Course(fleet: fleet, absence: self.absence)
        for exercise in self.exercises {
            let result: ExerciseResult
            do {
                result = try await course.run(exercise)
            } catch {
                throw HarnessError("\(exercise.rawValue): \(error)")
            }
            self.say(
                "\(exercise.rawValue): \(String(format: "%.1f", result.seconds)) s, \(result.resumes) RESUMEs, "
                    + "\(result.identifies) IDENTIFYs")
        }
        try await fleet.control.setTraffic(eventsPerSecond: 0)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var rest = Rest(fleet: fleet, log: course.log)
        let (quiet, recording) = try await rest.reached(within: .seconds(90))
        let history = rest.log.history
        let checker = Checker(history: history, recording: recording, terms: self.plan.terms)
        return Report(
            eventsPerSecond: Double(history.eventCount) / seconds, events: history.eventCount, results: course.results,
            times: course.samples.mapValues { FailoverRun.Spread($0) },
            verdicts: [quiet, Self.lives(fleet)] + course.results.map(\.verdict) + checker.verdicts())
    }

    /// Processes end by themselves only when they were asked to restart, or to make way for another leader.
    private static func lives(_ fleet: LoadedFleet) -> Verdict {
        var findings = Findings("processes")
        findings.checked = fleet.processes.count
        for exit in fleet.processes.flatMap(\.exits) where exit.status != 0 && !exit.process.hasPrefix("coordinator") {
            findings.violated("\(exit.process) ended by itself with \(exit.status): \(exit.lastLines.suffix(400))")
        }
        return findings.verdict
    }
}
