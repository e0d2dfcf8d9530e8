import CoordinatorCore
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// The right to write the cluster's state: one row in PostgreSQL, measured by the database's clock. ``LeaderTerm`` says
/// when to ask, renew and give up.
final class LeaderLease: Service {
    struct Lost: Error, CustomStringConvertible {
        let description: String
    }

    /// A pool of the lease's own: nothing else may keep a renewal waiting.
    static func pool(_ database: PostgresConfiguration, logger: Logger) throws -> PostgresPool {
        var database = database
        database.pool.maximum = 1
        database.pool.waitTimeout = LeaderTerm.Times().attempt / 2
        return try PostgresPool(configuration: database, logger: logger)
    }

    let holder: String
    /// Grows with each leader. State writes check it.
    let epoch: Int64
    private let term: Mutex<LeaderTerm>
    private let start: ContinuousClock.Instant
    private let pool: PostgresPool
    private let logger: Logger

    private init(
        holder: String, epoch: Int64, term: LeaderTerm, start: ContinuousClock.Instant, pool: PostgresPool,
        logger: Logger
    ) {
        self.holder = holder
        self.epoch = epoch
        self.term = Mutex(term)
        self.start = start
        self.pool = pool
        self.logger = logger
    }

    /// Until when nobody else may lead. In the past once the lease is lost.
    var leadsUntil: ContinuousClock.Instant {
        self.start.advanced(by: self.term.withLock { $0.leadsUntil } ?? .zero)
    }

    /// Waits until the lease is free, and takes it.
    /// - Parameters:
    ///   - url: where others reach the holder.
    ///   - onAnswer: gets nil each time that the database says who leads, else why it does not.
    static func acquire(
        holder: String, url: String? = nil, pool: PostgresPool, logger: Logger,
        onAnswer: @Sendable (String?) -> Void = { _ in }
    ) async throws -> LeaderLease {
        let clock = ContinuousClock()
        let start = clock.now
        var term = LeaderTerm(now: .zero)
        var hasWaited = false
        while true {
            try Task.checkCancellation()
            if term.timePassed(now: start.duration(to: clock.now)) == .ask {
                var epoch: Int64?
                do {
                    epoch = try await self.ask(holder: holder, url: url, duration: term.times.duration, pool: pool)
                    if epoch == nil {
                        if !hasWaited { logger.info("waits for the leader's lease to end") }
                        hasWaited = true
                        onAnswer(nil)
                    }
                } catch {
                    onAnswer("\(error)")
                    logger.warning("can't ask for the leader's lease", metadata: ["error": "\(error)"])
                }
                switch term.answered(epoch: epoch, now: start.duration(to: clock.now)) {
                case .lead(let epoch):
                    logger.info("leads", metadata: ["leader.epoch": "\(epoch)", "leader.holder": "\(holder)"])
                    return LeaderLease(
                        holder: holder, epoch: epoch, term: term, start: start, pool: pool, logger: logger)
                case .giveUp(let reason): throw Lost(description: reason)
                case .ask, .renew, nil: break
                }
            }
            try await clock.sleep(until: start.advanced(by: term.nextDeadline ?? .zero))
        }
    }

    private static func ask(
        holder: String, url: String?, duration: Duration, pool: PostgresPool
    ) async throws -> Int64? {
        let seconds = duration / .seconds(1)
        let row = try await pool.queryFirst(
            """
            insert into leader (holder, url, epoch, expires_at)
            values (\(holder), \(url), 1, clock_timestamp() + make_interval(secs => \(seconds)))
            on conflict (only_row) do update
            set holder = excluded.holder, url = excluded.url, epoch = leader.epoch + 1,
                expires_at = excluded.expires_at, batch = 0
            where leader.expires_at < clock_timestamp()
            returning epoch
            """,
            timeout: .seconds(2))
        return try row?.decode("epoch")
    }

    /// Renews until shutdown, then lets go so that the next leader need not wait.
    /// - Throws: `Lost` when somebody else leads, or nothing could be renewed in time.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.keepRenewing() }
        } catch is CancellationError {
            await self.letGo()
        }
    }

    /// The next leader need not wait.
    func letGo() async {
        // The lease ends by itself where this fails.
        _ = try? await self.pool.execute(
            "update leader set expires_at = clock_timestamp() where epoch = \(self.epoch)", timeout: .seconds(1))
    }

    private func keepRenewing() async throws {
        let clock = ContinuousClock()
        while true {
            try await clock.sleep(until: self.start.advanced(by: self.term.withLock { $0.nextDeadline } ?? .zero))
            switch self.term.withLock({ $0.timePassed(now: self.start.duration(to: clock.now)) }) {
            case .renew: try self.obey(try await self.renewed(by: clock))
            case .giveUp(let reason): throw Lost(description: reason)
            case .ask, .lead, nil: break
            }
        }
    }

    private func renewed(by clock: ContinuousClock) async throws -> LeaderTerm.Action? {
        do {
            let isRenewed = try await self.renew()
            let now = self.start.duration(to: clock.now)
            return self.term.withLock { term in
                guard isRenewed else { return term.refused() }
                term.renewed(now: now)
                return nil
            }
        } catch let error as PostgresError {
            self.logger.warning("can't renew the leader's lease", metadata: ["error": "\(error)"])
            let now = self.start.duration(to: clock.now)
            return self.term.withLock { $0.renewalFailed("\(error)", now: now) }
        }
    }

    private func obey(_ action: LeaderTerm.Action?) throws {
        if case .giveUp(let reason)? = action { throw Lost(description: "\(reason): epoch \(self.epoch) is over") }
    }

    private func renew() async throws -> Bool {
        let times = LeaderTerm.Times()
        let seconds = times.duration / .seconds(1)
        let renewed = try await self.pool.execute(
            """
            update leader set expires_at = clock_timestamp() + make_interval(secs => \(seconds))
            where epoch = \(self.epoch) and expires_at > clock_timestamp()
            """,
            timeout: times.attempt / 2)
        return renewed == 1
    }
}
