import Simulation
import Testing

/// The test of the test: a simulation that does not see these bugs proves nothing.
@Suite("Planted bugs", .timeLimit(.minutes(10)))
struct PlantedBugTests {
    /// A schedule in which each of them is seen, where it is not the first; `make simulate` prints them. A change of
    /// the core or of the simulation moves them: then a bug is looked for in a few more schedules, and a new list is
    /// due.
    private static let seeds: [PlantedBug: UInt64] = [
        .saveWithoutEpoch: 43, .failedSaveCountsAsDone: 16, .lateSaveUndoesNewer: 16, .loadBeforeLeading: 3,
        .loadForgetsFences: 534, .loadForgetsSessions: 4, .watermarkOfAnotherSession: 334, .permitsInMemory: 91,
        .lateRenewalsCount: 11, .permitsReadThenWritten: 18, .noFence: 7, .failedFenceCountsAsDone: 338,
        .fenceByUnbinding: 7, .spacingWithoutValidity: 107, .noReserve: 6, .stormBrakeOff: 330,
        .budgetForgetsPermits: 693, .reshardWithoutOverlap: 254, .reshardBeforeReady: 17, .permitCountsFromAnswer: 184,
        .dropsUnconfirmed: 3, .releasedWhileRunning: 2, .noGapRecord: 2, .gapToldTooEarly: 26,
        .forgetsUnknownSessions: 37, .appliesOldAnswers: 410,
    ]

    @Test(arguments: PlantedBug.allCases)
    func `A planted bug is seen`(bug: PlantedBug) {
        let known = Self.seeds[bug] ?? 1
        if Simulation(seed: known, bug: bug).run().violation != nil { return }
        let found = (1...100).first { Simulation(seed: $0, bug: bug).run().violation != nil }
        #expect(
            found != nil,
            "\(bug.rawValue) is seen neither in schedule \(known) nor in the first 100: look at make simulate's list")
    }

    @Test func `The bugs that matter most are planted`() {
        let names = Set(PlantedBug.allCases)
        #expect(names.count >= 20)
        #expect(
            names.isSuperset(of: [
                .noFence, .saveWithoutEpoch, .permitsInMemory, .lateRenewalsCount, .visibleBeforeSaved, .stormBrakeOff,
                .noReserve, .reshardBeforeReady, .appliesOldAnswers,
            ]))
    }
}
