import AMQP
import AsyncHTTPClient
import CoordinatorCore
import Hummingbird
package import Logging
import NIOPosix
import Postgres
import Runtime
import ServiceLifecycle

/// Builds the coordinator and runs it until it is told to stop, or another one leads.
package func runCoordinator(_ settings: CoordinatorSettings, logger: Logger) async throws {
    guard var broker = settings.broker, var database = settings.database else { return }
    broker.connectionName = "flotilla coordinator"
    // A broker that takes longer to fence than this is as good as away.
    broker.operationTimeout = .seconds(3)
    let metrics = MetricRegistry()
    let health = HealthState(required: ["broker", "database", "discord", "http"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    database.setDefaultApplicationName("flotilla coordinator")
    let pool = try PostgresPool(configuration: database, logger: logger)
    let leasePool = try LeaderLease.pool(database, logger: logger)

    // Waiting to lead may take long: probes are answered meanwhile, and a signal ends it.
    let leading = LeadingService(
        settings: settings, broker: broker, pool: pool, leasePool: leasePool, health: health, metrics: metrics,
        logger: logger)
    try await runServices([operations, pool, leasePool, leading], logger: logger)
}

/// Waits for the lease, then runs everything that only a leader may run.
private struct LeadingService: Service {
    let settings: CoordinatorSettings
    let broker: AMQPConfiguration
    let pool: PostgresPool
    let leasePool: PostgresPool
    let health: HealthState
    let metrics: MetricRegistry
    let logger: Logger

    func run() async throws {
        let lease: LeaderLease
        do {
            lease = try await cancelWhenGracefulShutdown {
                try await LeaderLease.acquire(holder: self.settings.holder, pool: self.leasePool, logger: self.logger)
            }
        } catch is CancellationError {
            return
        }
        self.health.setReady("database")
        let store = ClusterStore(pool: self.pool, leaderEpoch: lease.epoch)
        let loaded = try await store.load()
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
        let keeper = ClusterKeeper(
            policy: self.settings.policy, loaded: loaded, store: store, topology: topology,
            permits: PermitLedger(pool: self.pool, leaderEpoch: lease.epoch, policy: self.settings.policy.identify),
            leader: lease, logger: self.logger)
        let directory = DiscordDirectory(
            apiURL: self.settings.discordAPIURL, token: self.settings.discordToken, http: .shared)
        let watch = ApplicationWatch(
            directory: directory, settings: self.settings, keeper: keeper, health: self.health, logger: self.logger)
        let server = CoordinatorServer(
            settings: self.settings, keeper: keeper, health: self.health, logger: self.logger)
        let group = ServiceGroup(services: [lease, client, keeper, watch, server], logger: self.logger)
        try await group.run()
    }
}
