import Simulation
import Testing

@Suite("Simulation", .timeLimit(.minutes(10)))
struct SimulationTests {
    @Test(arguments: 0..<6)
    func `Nothing happens that must not be`(part: UInt64) {
        let count: UInt64 = 30
        for seed in (1 + part * count)...((part + 1) * count) {
            let result = Simulation(seed: seed).run()
            #expect(result.violation == nil, "flotilla-simulate --seed \(seed) shows how")
        }
    }

    @Test(arguments: [1, 7, 46] as [UInt64])
    func `The same seed does the same, step by step`(seed: UInt64) {
        let first = Simulation(seed: seed, isTracing: true).run()
        let second = Simulation(seed: seed, isTracing: true).run()
        #expect(first == second)
        #expect(first.trace.count > 100)
        let silent = Simulation(seed: seed).run()
        #expect(silent.digest == first.digest && silent.steps == first.steps, "to look changes nothing")
        #expect(Simulation(seed: seed + 1).run().digest != first.digest)
    }

    @Test func `A violation replays`() throws {
        let seed = try #require(
            (1...100).first { Simulation(seed: $0, bug: .watermarkIsLastReceived).run().violation != nil })
        let first = Simulation(seed: seed, bug: .watermarkIsLastReceived, isTracing: true).run()
        #expect(first == Simulation(seed: seed, bug: .watermarkIsLastReceived, isTracing: true).run())
        #expect(first.violation?.invariant == "I6")
        #expect(first.trace.last?.contains("VIOLATION") == true)
    }

    /// None may be there that never strikes.
    @Test func `Schedules have faults of every kind, and operators that ask for everything`() {
        var counts = ScheduleResult.Counts()
        for seed: UInt64 in 1_001...1_060 { counts += Simulation(seed: seed).run().counts }
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
