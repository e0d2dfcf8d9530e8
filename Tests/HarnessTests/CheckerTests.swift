import Testing

@testable import Harness

@Suite("Checker")
struct CheckerTests {
    @Test(arguments: 0..<30)
    func `Histories of a fleet that does right hold`(seed: Int) {
        let model = FleetModel(seed: UInt64(seed))
        let broken = model.verdicts.filter { !$0.holds }
        #expect(broken.isEmpty, "seed \(seed): \(broken)")
        #expect(model.history.eventCount > 100)
    }

    @Test func `Correct histories have every excuse in them`() {
        var figures: [String: Int] = [:]
        for seed in 0..<30 {
            for verdict in FleetModel(seed: UInt64(seed)).verdicts {
                for (name, count) in verdict.figures { figures[name, default: 0] += count }
            }
        }
        for name in [
            "steps back by RESUME", "steps back by redelivery", "steps back by a lost confirm", "gap records",
            "covered by gap records", "filtered", "heartbeats", "RESUMEs", "after invalidated",
            "gap records of unknown sessions", "after a session that died with its process",
        ] {
            #expect(figures[name, default: 0] > 0, "\(name) never happened")
        }
    }

    @Test(arguments: Sabotage.allCases)
    func `A planted violation is caught`(sabotage: Sabotage) {
        var planted = 0
        for seed in 0..<30 {
            let model = FleetModel(seed: UInt64(seed), sabotage: sabotage)
            guard model.hasSabotaged else { continue }
            planted += 1
            let verdict = model.verdicts.first { $0.name == sabotage.verdict }
            #expect(verdict?.holds == false, "seed \(seed): \(model.verdicts)")
            #expect(verdict?.violations.isEmpty == false)
        }
        #expect(planted >= 8, "planted in \(planted) of 30 runs only")
    }
}
