import Testing

@testable import Harness

@Suite("Checker, two generations")
struct ReshardCheckTests {
    @Test(arguments: 0..<30)
    func `A reshard that does right holds`(seed: Int) {
        let model = ReshardModel(seed: UInt64(seed))
        let broken = model.verdicts.filter { !$0.holds }
        #expect(broken.isEmpty, "seed \(seed): \(broken)")
    }

    @Test func `Correct reshards have every excuse in them`() {
        var figures: [String: Int] = [:]
        for seed in 0..<10 {
            for verdict in ReshardModel(seed: UInt64(seed)).verdicts {
                for (name, count) in verdict.figures { figures[name, default: 0] += count }
            }
        }
        for name in [
            "came from the other generation", "of a muted session alone", "published by both generations",
            "reshard", "new shards", "fewest left",
        ] {
            #expect(figures[name, default: 0] > 0, "\(name) never happened")
        }
    }

    @Test(arguments: ReshardSabotage.allCases)
    func `A planted violation is caught`(sabotage: ReshardSabotage) {
        var planted = 0
        for seed in 0..<20 {
            let model = ReshardModel(seed: UInt64(seed), sabotage: sabotage)
            guard model.hasSabotaged else { continue }
            planted += 1
            let verdict = model.verdicts.first { $0.name == sabotage.verdict }
            #expect(verdict?.holds == false, "seed \(seed): \(model.verdicts)")
        }
        #expect(planted >= 8, "planted in \(planted) of 20 runs only")
    }
}
