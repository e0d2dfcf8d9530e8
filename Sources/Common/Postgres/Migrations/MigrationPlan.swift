/// Decides which migrations are to be applied.
struct MigrationPlan: Equatable {
    struct Applied: Equatable {
        let version: Int
        let name: String
        let checksum: String
    }

    let pending: [Migration]
    /// Applied by a later release; this one leaves them alone.
    let unknown: [Int]

    /// - Throws: `.migrationMismatch` for versions below 1, twice, or out of order, for a changed migration, and for
    ///   one that would have to be applied after a later one.
    init(wanted: [Migration], applied: [Applied]) throws(PostgresError) {
        var last = 0
        for migration in wanted {
            guard migration.version > last else {
                throw PostgresError(
                    .migrationMismatch,
                    "migration \(migration.version) (\(migration.name)) does not follow \(last): versions only rise, from 1"
                )
            }
            last = migration.version
        }
        let known = Dictionary(applied.map { ($0.version, $0) }, uniquingKeysWith: { first, _ in first })
        let newest = known.keys.max() ?? 0
        var pending: [Migration] = []
        for migration in wanted {
            if let record = known[migration.version] {
                guard record.checksum == migration.checksum else {
                    throw PostgresError(
                        .migrationMismatch,
                        "migration \(migration.version) (\(migration.name)) was changed after it was applied"
                            + " (as \(record.name), checksum \(record.checksum); now \(migration.checksum)):"
                            + " restore it, and put the change into a further migration"
                    )
                }
            } else {
                guard migration.version > newest else {
                    throw PostgresError(
                        .migrationMismatch,
                        "migration \(migration.version) (\(migration.name)) was not applied, but \(newest) was:"
                            + " give it a version above \(newest)"
                    )
                }
                pending.append(migration)
            }
        }
        self.pending = pending
        let wantedVersions = Set(wanted.map(\.version))
        self.unknown = known.keys.filter { !wantedVersions.contains($0) }.sorted()
    }
}
