import ClusterAPI
import CoordinatorCore
import Discord
import Foundation

/// Guards what the coordinator thinks about 20,000 slots on 500 members: the pure plan, and what its core does with a
/// cold start, a renewal and a lost member, with everything that goes along. No network, no store.
struct PlanBenchmark {
    private static let slots = 20_000
    private static let members = 500
    private static let application = Snowflake(rawValue: 1_100_000_000_000_000_001)
    private static let maxConcurrency = 16

    func run(_ rounds: Rounds) {
        let count = max(3, rounds.count)
        let held = Dictionary(grouping: (0..<Self.slots).map { Self.slot($0, isHeld: true) }) { $0.owner }
        Self.report("plan from nothing", goal: 50, (0..<count).map { _ in Self.plan(free: Self.slots, held: [:]) })
        Self.report(
            "plan after the loss of a member", goal: 5, (0..<count).map { _ in Self.plan(free: 40, held: held) })
        let cores = (0..<count).map { _ in Self.core() }
        Self.report("core: every slot granted, from nothing", goal: nil, cores.map(\.granted))
        Self.report("core: a lost member, all of its events", goal: nil, cores.map(\.lost))
        Self.report("core: a lost member, the longest event", goal: 5, cores.map(\.longest))
        Self.report("core: a tick without news", goal: nil, cores.map(\.tick))
        Self.report("core: a renewal of 40 slots", goal: nil, cores.map(\.renewal))
    }

    private static func report(_ metric: String, goal: Double?, _ samples: [Double]) {
        Measurement(
            scenario: "plan", metric: "\(metric), \(self.slots) slots on \(self.members) members", unit: "ms",
            ours: samples, limit: [], goal: goal.map { .valueAtMost($0) } ?? .none
        ).report()
    }

    // MARK: The plan alone

    private static func name(_ member: Int) -> String { "shard-\(member)" }

    private static func slot(_ shard: Int, isHeld: Bool) -> SlotPlan.Slot {
        SlotPlan.Slot(
            slot: Slot(application: self.application, generation: 1, shard: shard),
            owner: isHeld ? .init(member: self.name(shard % self.members), incarnation: 1) : nil, isMoving: false,
            bucket: shard % self.maxConcurrency, load: Double(shard % 7))
    }

    /// - Parameter free: so many of the slots are nobody's; their member is gone.
    private static func plan(free: Int, held: [ClusterState.Owner?: [SlotPlan.Slot]]) -> Double {
        let isEmpty = held.isEmpty
        let members = (0..<self.members - (isEmpty ? 0 : 1)).map { number in
            SlotPlan.Member(
                owner: .init(member: self.name(number), incarnation: 1), capacity: 60, zone: "zone-\(number % 3)",
                isDraining: false, count: isEmpty ? 0 : 40, load: isEmpty ? 0 : 120)
        }
        let slots = (0..<free).map { self.slot(isEmpty ? $0 : $0 * self.members + self.members - 1, isHeld: false) }
        var moves: [SlotPlan.Move] = []
        let time = self.milliseconds {
            moves = SlotPlan.moves(
                free: slots, members: members, moving: 0, bounds: .init(mostMoves: 4, balancesLoad: true)
            ) { held[$0] ?? [] }
        }
        precondition(moves.count >= free)
        return time
    }

    private static func milliseconds(_ body: () -> Void) -> Double {
        ContinuousClock().measure(body) / .milliseconds(1)
    }

    // MARK: The whole core

    private struct Times {
        var granted = 0.0
        var lost = 0.0
        var longest = 0.0
        var tick = 0.0
        var renewal = 0.0
    }

    private static func core() -> Times {
        var times = Times()
        var fleet = CoreFleet(application: self.application)
        for number in 0..<self.members { fleet.join(self.name(number), zone: "zone-\(number % 3)") }
        times.granted = self.milliseconds { fleet.found(shards: self.slots, maxConcurrency: self.maxConcurrency) }
        let names = (0..<self.members).map { self.name($0) }
        for name in names { fleet.prepareRenewal(name) }
        times.renewal = self.milliseconds { for name in names { fleet.renew(name) } } / Double(self.members)
        // One is silent from now on.
        for _ in 0..<22 {
            times.tick = self.milliseconds { fleet.tick() }
            for name in names.dropLast() { fleet.renew(name) }
        }
        fleet.events = []
        for _ in 0..<8 where !fleet.hasLost { fleet.tick() }
        precondition(fleet.hasLost && fleet.slots == self.slots)
        times.lost = fleet.events.reduce(0, +)
        times.longest = fleet.events.max() ?? 0
        return times
    }
}
