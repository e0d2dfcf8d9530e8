import Harness
import LocalStack
import TestSupport
import Testing

extension WholeFleets {
    @Suite("Operations", .timeLimit(.minutes(12)))
    struct OperationsTests {
        @Test func `Nothing an operator or bad luck does to coordinators, shards and PostgreSQL loses an event`()
            async throws
        {
            try await Self.run(shards: 64, Exercise.withoutReshard)
        }

        @Test func `A reshard under load, and an aborted one, lose nothing and identify once a shard`() async throws {
            try await Self.run(shards: 16, Exercise.resharding)
        }

        private static func run(shards: Int, _ exercises: [Exercise]) async throws {
            let directory = try TemporaryDirectory("operations")
            var plan = FleetPlan(
                flotilla: try Programs.flotilla, sandbox: try Programs.sandbox, directory: directory.path("fleet"))
            plan.shards = shards
            plan.eventsPerSecond = 1200
            plan.coordinators = 2
            plan.workers = 2
            plan.spareShardProcesses = exercises.contains(.addMember) ? 1 : 0
            let run = OperationsRun(plan: plan, exercises: exercises)
            let report = try await withStores(directory: directory.path("stores")) { try await run.run(stores: $0) }
            for verdict in report.verdicts { #expect(verdict.holds && verdict.checked > 0, "\(verdict)") }
            // 1,000 events a second are asked for; a machine that is busy brings fewer.
            #expect(report.events >= 20_000)
        }
    }
}
