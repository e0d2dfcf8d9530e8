import Discord
import GuildCache
import TestSupport

/// Compares the guild cache of a fleet at rest with the sandbox' model: as it is, and once more when a worker has
/// fetched what the cache is unsure of.
struct CacheCheck: Sendable {
    let fleet: LoadedFleet
    let history: LedgerHistory
    /// Redis has lost what it had: guilds may be missing until they are fetched.
    let isFlushed: Bool

    func verdicts(within limit: Duration) async throws -> [Verdict] {
        guard let slot = self.history.slots.values.first, let application = Snowflake(slot.application) else {
            throw HarnessError("nobody has identified: whose cache is to be looked at is not known")
        }
        let kinds = try CacheKinds(self.fleet.plan.cacheKinds)
        let inspection = CacheInspection(
            control: self.fleet.control, redisURL: self.fleet.redisURL, application: application)
        let before = try await self.verdict(inspection, kinds, within: .zero, hasHealed: false)
        try await inspection.askForMissing()
        try self.fleet.refiller.start()
        let after = try await self.verdict(inspection, kinds, within: limit, hasHealed: true)
        try await self.fleet.refiller.stop()
        return [before, after]
    }

    /// The first that holds, or the last.
    private func verdict(
        _ inspection: CacheInspection, _ kinds: CacheKinds, within limit: Duration, hasHealed: Bool
    ) async throws -> Verdict {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        while true {
            let verdict = try await inspection.verdict(kinds, mayLack: self.isFlushed, hasHealed: hasHealed)
            if verdict.holds || clock.now >= deadline { return verdict }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
