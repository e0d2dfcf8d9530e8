import AMQP
import CoordinatorCore
package import Logging
import Postgres
import Runtime
import ServiceLifecycle

/// Builds the coordinator and runs it until it is told to stop.
package func runCoordinator(_ settings: CoordinatorSettings, logger: Logger) async throws {
    try await runServices(try coordinatorServices(settings, logger: logger), logger: logger)
}

/// In the order of dependence: the HTTP interface answers before this coordinator leads, and after.
func coordinatorServices(_ settings: CoordinatorSettings, logger: Logger) throws -> [any Service] {
    guard var broker = settings.broker, var database = settings.database else { return [] }
    broker.connectionName = "flotilla coordinator"
    // A broker that takes longer to fence than this is as good as away.
    broker.operationTimeout = .seconds(3)
    database.setDefaultApplicationName("flotilla coordinator")
    let pool = try PostgresPool(configuration: database, logger: logger)
    let leasePool = try LeaderLease.pool(database, logger: logger)

    let metrics = MetricRegistry()
    let health = HealthState(required: ["database", "http"])
    let discovery = Discovery(health: health)
    let leadership = Leadership()
    metrics.gauge("flotilla_coordinator_leader", help: "1 while this coordinator leads.") {
        leadership.term == nil ? 0 : 1
    }
    metrics.gauge("flotilla_coordinator_changes_held", help: "Requests that wait for a change of the cluster.") {
        Double(leadership.term?.feed.held ?? 0)
    }
    metrics.gauge("flotilla_coordinator_attendances", help: "Shard members whose attendance is held.") {
        Double(leadership.term?.keeper.attendances.held ?? 0)
    }
    metrics.gauge(
        "flotilla_coordinator_applications_failing",
        help: "Applications that Discord did not tell about when it was last asked."
    ) { Double(discovery.failing) }
    let api = CoordinatorAPI(
        callers: Callers(memberToken: settings.memberToken, operators: settings.operators), leadership: leadership,
        standby: Standby(name: settings.holder, policy: settings.policy, pool: pool),
        records: ClusterRecords(pool: pool), openAPI: try CoordinatorContract.openAPI(),
        attendance: settings.policy.attendance, logger: logger)
    let (listening, listens) = AsyncStream.makeStream(of: Int.self)
    return [
        OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger), pool, leasePool,
        CoordinatorServer(settings: settings, api: api, health: health, logger: logger, listening: listens),
        LeaderTerms(
            settings: settings, broker: broker, pool: pool, leasePool: leasePool, leadership: leadership,
            health: health, discovery: discovery, logger: logger, listening: listening),
    ]
}
