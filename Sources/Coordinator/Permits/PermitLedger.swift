import CoordinatorCore
import Discord
import Postgres

/// When each identify bucket of each application was last used. Kept in PostgreSQL and measured by its clock, so that
/// the spacing holds over the whole fleet, over restarts and over leaders.
struct PermitLedger: Sendable {
    let pool: PostgresPool
    let leaderEpoch: Int64
    var policy = IdentifyPolicy()

    /// - Returns: nil when the bucket is free now and has been taken; else how long to wait before asking again.
    /// - Throws: `ClusterStore.LostLeadership` when another leader has begun; nothing is taken then.
    func take(bucket: Int, of application: Snowflake) async throws -> Duration? {
        let pause = PermitSpacing.between(self.policy) / .seconds(1)
        let taken = try await self.pool.queryFirst(
            """
            with leads as (select 1 from leader where epoch = \(self.leaderEpoch) for share)
            insert into identify_permits (application, bucket, granted_at)
            select \(application.rawValue)::bigint, \(bucket)::bigint, clock_timestamp() from leads
            on conflict (application, bucket) do update set granted_at = excluded.granted_at
            where identify_permits.granted_at <= clock_timestamp() - make_interval(secs => \(pause))
            returning granted_at
            """,
            timeout: .seconds(2))
        if taken != nil { return nil }
        let row = try await self.pool.queryFirst(
            """
            select leader.epoch,
                extract(epoch from granted_at + make_interval(secs => \(pause)) - clock_timestamp())::float8 as seconds
            from leader left join identify_permits
                on application = \(application.rawValue) and bucket = \(bucket)
            """,
            timeout: .seconds(2))
        guard let row, try row.decode(Int64.self, "epoch") == self.leaderEpoch else {
            throw ClusterStore.LostLeadership()
        }
        let seconds: Double? = try row.decode("seconds")
        return .milliseconds(max(50, Int64((seconds ?? 0) * 1000)))
    }
}
