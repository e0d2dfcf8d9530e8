import Discord
import Postgres

/// When each identify bucket of each application was last used. Kept in PostgreSQL and measured by its clock, so that
/// the spacing holds over the whole fleet, over restarts and over leaders.
struct PermitLedger: Sendable {
    /// Discord: one IDENTIFY each 5 s for each `shard_id % max_concurrency`.
    static let spacing: Duration = .seconds(5)
    /// How long a permit may be used. The next permit of the bucket waits for it too, as the IDENTIFY may leave at its
    /// end.
    static let validity: Duration = .milliseconds(700)
    /// One IDENTIFY may be longer on its way than the next.
    static let jitter: Duration = .milliseconds(300)

    let pool: PostgresPool

    /// - Returns: nil when the bucket is free now and has been taken; else how long to wait before asking again.
    func take(bucket: Int, of application: Snowflake) async throws -> Duration? {
        let pause = (Self.spacing + Self.validity + Self.jitter) / .seconds(1)
        let taken = try await self.pool.queryFirst(
            """
            insert into identify_permits (application, bucket, granted_at)
            values (\(application.rawValue), \(bucket), clock_timestamp())
            on conflict (application, bucket) do update set granted_at = excluded.granted_at
            where identify_permits.granted_at <= clock_timestamp() - make_interval(secs => \(pause))
            returning granted_at
            """,
            timeout: .seconds(2))
        if taken != nil { return nil }
        let row = try await self.pool.queryFirst(
            """
            select extract(epoch from granted_at + make_interval(secs => \(pause)) - clock_timestamp())::float8 as seconds
            from identify_permits where application = \(application.rawValue) and bucket = \(bucket)
            """,
            timeout: .seconds(2))
        let seconds = try row.map { try $0.decode(Double.self, "seconds") } ?? 0
        return .milliseconds(max(50, Int64(seconds * 1000)))
    }
}
