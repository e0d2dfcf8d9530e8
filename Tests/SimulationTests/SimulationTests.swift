import Simulation
import Testing

@Suite("Simulation", .timeLimit(.minutes(10)))
struct SimulationTests {
    @Test(arguments: 0..<6)
    func `Nothing happens that must not be`(part: UInt64) async {
        let count: UInt64 = 30
        for seed in (1 + part * count)...((part + 1) * count) {
            let result = await Simulation.schedule(seed)
            #expect(result.violation == nil, "flotilla-simulate --seed \(seed) shows how")
        }
    }

    @Test(arguments: [1, 7, 46] as [UInt64])
    func `The same seed does the same, step by step`(seed: UInt64) async {
        let first = await Simulation.schedule(seed, isTracing: true)
        let second = await Simulation.schedule(seed, isTracing: true)
        #expect(first == second)
        #expect(first.trace.count > 100)
        let silent = await Simulation.schedule(seed)
        #expect(silent.digest == first.digest && silent.steps == first.steps, "to look changes nothing")
        let other = await Simulation.schedule(seed + 1)
        #expect(other.digest != first.digest)
    }

    @Test func `A violation replays`() async throws {
        let bug = PlantedBug.watermarkIsLastReceived
        var seed: UInt64 = 1
        while seed < 100, await Simulation.schedule(seed, bug: bug).violation == nil { seed += 1 }
        let first = await Simulation.schedule(seed, bug: bug, isTracing: true)
        let second = await Simulation.schedule(seed, bug: bug, isTracing: true)
        #expect(first == second)
        #expect(first.violation?.invariant == "I6")
        #expect(first.trace.last?.contains("VIOLATION") == true)
    }

    /// None may be there that never strikes.
    @Test func `Schedules have faults of every kind, and operators that ask for everything`() async {
        var counts = ScheduleResult.Counts()
        for seed: UInt64 in 1_001...1_060 { counts += await Simulation.schedule(seed).counts }
        let steady = ["clockDrift", "duplicateRequests", "lostReplies", "smallReplayBuffer", "budgetExhaustion"]
        for kind in FaultKind.allCases.map(\.rawValue) + steady {
            #expect(counts.faultsByKind[kind, default: 0] > 0, "no fault \(kind)")
        }
        for operation in ["move", "cordon", "uncordon", "drain", "rebalance", "reshard", "restart"] {
            #expect(counts.operations[operation, default: 0] > 0, "no operation \(operation)")
        }
        #expect(counts.leaders > 60 && counts.fences > 60 && counts.gaps > 60 && counts.resumes > 60)
        #expect(counts.reshardsDone > 0 && counts.reshardsRolledBack > 0 && counts.restartsDone > 0)
    }
}
