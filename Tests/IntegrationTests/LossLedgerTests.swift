import Foundation
import Harness
import LocalStack
import TestSupport
import Testing

extension WholeFleets {
    @Suite("Loss ledger", .timeLimit(.minutes(8)))
    struct LossLedgerTests {
        /// The same in every run; `make soak SEED=…` runs others.
        private static let seed: UInt64 = 1

        @Test func `Four shard processes under every kind of fault lose, double and reorder nothing`() async throws {
            let directory = try TemporaryDirectory("soak")
            let schedule = Schedule(seed: Self.seed, length: Schedule.shortest)
            let plan = FleetPlan(
                flotilla: try Programs.flotilla, sandbox: try Programs.sandbox, directory: directory.path("fleet"))
            let run = SoakRun(plan: plan, schedule: schedule)
            let report = try await withStores(directory: directory.path("stores")) { try await run.run(stores: $0) }
            for verdict in report.verdicts {
                #expect(verdict.holds && verdict.checked > 0, "seed \(Self.seed): \(verdict)\n\(schedule)")
            }
            // 2,000 events a second are asked for; a machine that is busy brings fewer.
            #expect(report.events >= 20_000, "in \(report.seconds) s")
        }
    }
}
