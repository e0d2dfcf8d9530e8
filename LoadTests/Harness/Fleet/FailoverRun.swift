import ClusterAPI
import Foundation
package import LocalStack
import TestSupport

/// Kills shard processes one after the other under load, and measures how long their slots are without a session.
package struct FailoverRun: Sendable {
    /// One kill; times in milliseconds.
    package struct Kill: Sendable, Codable {
        package let process: String
        /// From the kill until the coordinator shows the process as lost.
        package let known: Double
        /// From the kill to RESUMED elsewhere, of each slot.
        package let resumed: [Double]
        /// Slots that sent an IDENTIFY instead.
        package let identifies: Int
    }

    package struct Report: Sendable, Codable {
        package let eventsPerSecond: Double
        package let kills: [Kill]
        package let slots: Int
        package let identifies: Int
        package let fromKill: Spread
        package let fromLossKnown: Spread
        package let verdicts: [Verdict]

        package var holds: Bool { self.verdicts.allSatisfy(\.holds) }
    }

    /// Milliseconds.
    package struct Spread: Sendable, Codable, Equatable {
        package let median: Double
        package let p99: Double
        package let most: Double

        /// - Parameter samples: at least one, else all are 0.
        package init(_ samples: [Double]) {
            let sorted = samples.sorted()
            func rank(_ share: Double) -> Double {
                guard !sorted.isEmpty else { return 0 }
                return sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
            }
            self.median = rank(0.5)
            self.p99 = rank(0.99)
            self.most = sorted.last ?? 0
        }
    }

    package let plan: FleetPlan
    package let kills: Int
    /// Told what happens, for people.
    package var say: @Sendable (String) -> Void = { _ in }

    package init(plan: FleetPlan, kills: Int) {
        self.plan = plan
        self.kills = kills
    }

    package func run(stores: StoreAddresses) async throws -> Report {
        try await LoadedFleet.run(self.plan, stores: stores) { fleet in try await self.run(fleet) }
    }

    private func run(_ fleet: LoadedFleet) async throws -> Report {
        try await fleet.control.setTraffic(eventsPerSecond: self.plan.eventsPerSecond)
        let start = ContinuousClock.now
        var log = LedgerLog(path: self.plan.ledger)
        var kills: [Kill] = []
        for turn in 0..<self.kills {
            try await self.waitUntilSpread(fleet)
            let kill = try await self.kill(fleet.shards[turn % fleet.shards.count], of: fleet, &log)
            self.say(
                "kill \(turn + 1) of \(self.kills): \(kill.process), known after \(Int(kill.known)) ms, "
                    + "\(kill.resumed.count) slots RESUMED after \(kill.resumed.map { Int($0) }) ms, "
                    + "\(kill.identifies) IDENTIFYs")
            kills.append(kill)
        }
        try await fleet.control.setTraffic(eventsPerSecond: 0)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var rest = Rest(fleet: fleet, log: log)
        let (quiet, recording) = try await rest.reached(within: .seconds(60))
        let history = rest.log.history
        let checker = Checker(history: history, recording: recording, terms: self.plan.terms)
        return Report(
            eventsPerSecond: Double(history.eventCount) / seconds, kills: kills,
            slots: kills.map(\.resumed.count).reduce(0, +), identifies: kills.map(\.identifies).reduce(0, +),
            fromKill: Spread(kills.flatMap(\.resumed)),
            fromLossKnown: Spread(kills.flatMap { kill in kill.resumed.map { $0 - kill.known } }),
            verdicts: [quiet] + checker.verdicts())
    }

    /// Waits until each process has its share of the slots, and all of them are ready.
    private func waitUntilSpread(_ fleet: LoadedFleet) async throws {
        let share = self.plan.shards / self.plan.shardProcesses
        try await eventually(within: .seconds(90), "slots spread over all processes") {
            guard let view = await fleet.view(), await fleet.unreadiness() == nil else { return false }
            return fleet.shards.allSatisfy { process in view.slots.count { $0.member == process.name } >= share }
        }
    }

    private func kill(_ process: FleetProcess, of fleet: LoadedFleet, _ log: inout LedgerLog) async throws -> Kill {
        guard let view = await fleet.view() else { throw HarnessError("the coordinator doesn't answer") }
        let shards = Set(view.slots.filter { $0.member == process.name }.map(\.shard))
        try log.readOn()
        let before = log.history.identifies.count
        let killed = Date().timeIntervalSince1970 * 1000
        guard process.kill() else { throw HarnessError("\(process.name) doesn't run") }
        var known = 0.0
        try await eventually(within: .seconds(60), "the loss of \(process.name) known") {
            guard let view = await fleet.view() else { return false }
            known = Date().timeIntervalSince1970 * 1000 - killed
            return view.members.first { $0.id == process.name }?.state != "alive"
        }
        var resumed: [Int: Double] = [:]
        var identified: Set<Int> = []
        try await eventually(within: .seconds(90), "sessions for all slots of \(process.name)") {
            try log.readOn()
            for resume in log.takeResumes() where Double(resume.at) >= killed && shards.contains(resume.shard) {
                if resumed[resume.shard] == nil { resumed[resume.shard] = Double(resume.at) - killed }
            }
            for identify in log.history.identifies.dropFirst(before) {
                identified.insert(log.history.slots.values[identify.slot].shard)
            }
            return shards.isSubset(of: identified.union(resumed.keys))
        }
        try process.start()
        return Kill(
            process: process.name, known: known, resumed: resumed.sorted { $0.key < $1.key }.map(\.value),
            identifies: identified.count)
    }
}
