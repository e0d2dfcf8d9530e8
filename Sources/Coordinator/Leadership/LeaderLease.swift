import Logging
import Postgres
import ServiceLifecycle

/// The right to write the cluster's state: one row in PostgreSQL, measured by the database's clock.
///
/// The lease lasts 5 s and is renewed each second. A holder that could not renew for 3.5 s by its own clock gives up,
/// so that it has stopped before anybody else may begin.
struct LeaderLease: Service {
    struct Lost: Error, CustomStringConvertible {
        let description: String
    }

    static let duration: Duration = .seconds(5)
    static let renewal: Duration = .seconds(1)
    static let patience: Duration = .milliseconds(3500)
    /// How long one renewal may take at the most, with the wait for a connection.
    static let attempt: Duration = .milliseconds(1400)

    /// A pool of the lease's own: nothing else may keep a renewal waiting.
    static func pool(_ database: PostgresConfiguration, logger: Logger) throws -> PostgresPool {
        var database = database
        database.pool.maximum = 1
        database.pool.waitTimeout = Self.attempt / 2
        return try PostgresPool(configuration: database, logger: logger)
    }

    let holder: String
    /// Grows with each leader. State writes check it.
    let epoch: Int64
    private let pool: PostgresPool
    private let logger: Logger

    private init(holder: String, epoch: Int64, pool: PostgresPool, logger: Logger) {
        self.holder = holder
        self.epoch = epoch
        self.pool = pool
        self.logger = logger
    }

    /// Waits until the lease is free, and takes it.
    static func acquire(holder: String, pool: PostgresPool, logger: Logger) async throws -> LeaderLease {
        var hasWaited = false
        while true {
            try Task.checkCancellation()
            do {
                let seconds = Self.duration / .seconds(1)
                let row = try await pool.queryFirst(
                    """
                    insert into leader (holder, epoch, expires_at)
                    values (\(holder), 1, clock_timestamp() + make_interval(secs => \(seconds)))
                    on conflict (only_row) do update
                    set holder = excluded.holder, epoch = leader.epoch + 1, expires_at = excluded.expires_at
                    where leader.expires_at < clock_timestamp()
                    returning epoch
                    """,
                    timeout: .seconds(2))
                if let row {
                    let epoch: Int64 = try row.decode("epoch")
                    logger.info("leads", metadata: ["leader.epoch": "\(epoch)", "leader.holder": "\(holder)"])
                    return LeaderLease(holder: holder, epoch: epoch, pool: pool, logger: logger)
                }
                if !hasWaited { logger.info("waits for the leader's lease to end") }
            } catch {
                logger.warning("can't ask for the leader's lease", metadata: ["error": "\(error)"])
            }
            hasWaited = true
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Renews until shutdown, then lets go so that the next leader need not wait.
    /// - Throws: `Lost` when somebody else leads, or nothing could be renewed in time.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.keepRenewing() }
        } catch is CancellationError {
            // The lease ends by itself where this fails.
            _ = try? await self.pool.execute(
                "update leader set expires_at = clock_timestamp() where epoch = \(self.epoch)", timeout: .seconds(1))
        }
    }

    private func keepRenewing() async throws {
        let clock = ContinuousClock()
        var renewed = clock.now
        while true {
            try await Task.sleep(for: Self.renewal)
            // The lease counts from when it was asked for: the answer may have been on its way for long.
            let asked = clock.now
            do {
                try await self.renew()
                renewed = asked
            } catch let error as PostgresError {
                self.logger.warning("can't renew the leader's lease", metadata: ["error": "\(error)"])
                // Another attempt has to have ended while patience lasts.
                guard clock.now.advanced(by: Self.renewal + Self.attempt) < renewed.advanced(by: Self.patience) else {
                    throw Lost(description: "the leader's lease can't be renewed within \(Self.patience): \(error)")
                }
            }
        }
    }

    private func renew() async throws {
        let seconds = Self.duration / .seconds(1)
        let renewed = try await self.pool.execute(
            """
            update leader set expires_at = clock_timestamp() + make_interval(secs => \(seconds))
            where epoch = \(self.epoch) and expires_at > clock_timestamp()
            """,
            timeout: Self.attempt / 2)
        guard renewed == 1 else { throw Lost(description: "another coordinator leads: epoch \(self.epoch) is over") }
    }
}
