import Testing

@testable import Postgres

@Suite("Migration plan")
struct MigrationPlanTests {
    private func migration(_ version: Int, _ sql: String = "select 1") -> Migration {
        Migration(version: version, name: "m\(version)", sql: sql)
    }

    private func applied(_ migration: Migration) -> MigrationPlan.Applied {
        MigrationPlan.Applied(version: migration.version, name: migration.name, checksum: migration.checksum)
    }

    @Test func `What is missing is pending, in order`() throws {
        let all = [1, 2, 5].map { self.migration($0) }
        #expect(try MigrationPlan(wanted: all, applied: []).pending == all)
        #expect(try MigrationPlan(wanted: all, applied: [self.applied(all[0])]).pending == Array(all[1...]))
        #expect(try MigrationPlan(wanted: all, applied: all.map(self.applied)).pending.isEmpty)
    }

    @Test func `Later releases' migrations are left alone`() throws {
        let one = self.migration(1)
        let plan = try MigrationPlan(wanted: [one], applied: [self.applied(one), self.applied(self.migration(2))])
        #expect(plan.pending.isEmpty && plan.unknown == [2])
    }

    @Test(arguments: [[0], [2, 1], [1, 1], [-3]]) func `Versions only rise`(versions: [Int]) {
        let error = #expect(throws: PostgresError.self) {
            try MigrationPlan(wanted: versions.map { self.migration($0) }, applied: [])
        }
        #expect(error?.code == .migrationMismatch)
    }

    @Test func `A changed migration is named`() {
        let error = #expect(throws: PostgresError.self) {
            try MigrationPlan(wanted: [self.migration(1, "select 2")], applied: [self.applied(self.migration(1))])
        }
        #expect(error?.code == .migrationMismatch)
        #expect(error?.message.contains("migration 1 (m1) was changed after it was applied") == true)
    }

    @Test func `A migration below the newest applied one is refused`() {
        let error = #expect(throws: PostgresError.self) {
            try MigrationPlan(wanted: [1, 2].map { self.migration($0) }, applied: [self.applied(self.migration(2))])
        }
        #expect(error?.message.contains("give it a version above 2") == true)
    }

    @Test func `The checksum is stable, and blind to white space at line ends`() {
        #expect(Migration(version: 1, name: "a", sql: "b").checksum == "e5beb1190415e670")
        #expect(self.migration(1, "a \nb\t").checksum == self.migration(1, "a\nb").checksum)
        #expect(self.migration(1, " a\nb").checksum != self.migration(1, "a\nb").checksum)
    }
}
