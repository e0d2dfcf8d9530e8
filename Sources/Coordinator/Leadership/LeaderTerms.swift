import AMQP
import Applications
import CoordinatorCore
import Logging
import NIOPosix
import Postgres
import Runtime
import ServiceLifecycle

/// Waits for the lease, then runs everything that only a leader may run; once it no longer leads, waits again.
///
/// A term's keeper, broker connection, permits and feed are made anew for each term and have ended before the next one
/// begins, and every write carries the term's epoch: starting the process again would leave no less behind.
struct LeaderTerms: Service {
    let settings: CoordinatorSettings
    let broker: AMQPConfiguration
    let pool: PostgresPool
    let leasePool: PostgresPool
    let leadership: Leadership
    let health: HealthState
    let discovery: Discovery
    let logger: Logger
    /// The port that the HTTP interface listens on.
    let listening: AsyncStream<Int>

    func run() async throws {
        do {
            guard let port = await self.port() else { return }
            while true { if try await self.serve(url: self.settings.advertisedURL(port: port)) == .stopped { return } }
        } catch is CancellationError {
            return
        }
    }

    /// nil: this process stops.
    private func port() async -> Int? {
        await cancelWhenGracefulShutdown {
            for await port in self.listening { return port }
            return nil
        }
    }

    private enum End { case stopped, lost }

    /// What a leader begins with could not be read.
    private struct NotLoaded: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs beside the renewals of the lease.
    private struct Leading: Service {
        let body: @Sendable () async throws -> Void
        func run() async throws { try await self.body() }
    }

    /// One that could not begin lets others ask first.
    private static let pauseAfterFailure: Duration = .seconds(1)

    private func serve(url: String) async throws -> End {
        do {
            let health = self.health
            let lease = try await cancelWhenGracefulShutdown {
                try await LeaderLease.acquire(
                    holder: self.settings.holder, url: url, pool: self.leasePool, logger: self.logger
                ) { health.setReady("database", failing: $0) }
            }
            self.health.setReady("broker", failing: "starting")
            self.discovery.begin()
            self.health.setReady("database")
            // A standby needs neither.
            defer {
                self.health.setReady("broker")
                self.discovery.end()
            }
            do {
                let leading = Leading { try await self.lead(lease, url: url) }
                try await ServiceGroup(services: [lease, leading], logger: self.logger).run()
            } catch let error as NotLoaded {
                self.logger.warning(
                    "can't begin to lead: the cluster's state can't be read", metadata: ["error": "\(error)"])
                await lease.letGo()
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.pauseAfterFailure) }
                return .lost
            }
            return .stopped
        } catch let error as LeaderLease.Lost {
            self.logger.warning("leads no longer", metadata: ["error": "\(error)"])
            return .lost
        }
    }

    /// - Returns: nil: this process stops.
    private func load(from store: ClusterStore) async throws -> LoadedState? {
        do {
            return try await cancelWhenGracefulShutdown {
                try await withDeadline(self.settings.policy.load) { try await store.load() }
            }
        } catch {
            if Task.isShuttingDownGracefully { return nil }
            guard error is PostgresError || error is DeadlineExceeded else { throw error }
            throw NotLoaded(description: "\(error)")
        }
    }

    private func lead(_ lease: LeaderLease, url: String) async throws {
        let store = ClusterStore(pool: self.pool, leaderEpoch: lease.epoch)
        guard let loaded = try await self.load(from: store) else { return }
        let topology = BrokerTopology(lanes: self.settings.policy.lanes, logger: self.logger)
        let health = self.health
        let client = AMQPClient(
            configuration: self.broker,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: self.logger,
            onConnection: { connection in
                try await topology.connected(connection)
                health.setReady("broker")
            },
            onLoss: { error in
                topology.disconnected()
                health.setReady("broker", failing: error?.description ?? "the connection is closed")
            },
            onFailedAttempt: { health.setReady("broker", failing: $0.description) })
        let feed = ChangeFeed(leaderEpoch: lease.epoch)
        let keeper = ClusterKeeper(
            policy: self.settings.policy, loaded: loaded, store: store, topology: topology,
            permits: PermitLedger(pool: self.pool, leaderEpoch: lease.epoch, policy: self.settings.policy.identify),
            leader: lease, feed: feed, logger: self.logger)
        let watches = self.settings.tokens.entries.map { entry in
            ApplicationWatch(
                entry: entry, settings: self.settings, keeper: keeper, discovery: self.discovery, logger: self.logger)
        }
        self.leadership.begin(.init(lease: lease, keeper: keeper, feed: feed, url: url))
        defer { self.leadership.end() }
        try await ServiceGroup(services: [client, keeper] + watches, logger: self.logger).run()
    }
}
