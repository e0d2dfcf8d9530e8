import ClusterAPI
import ClusterClient
import Foundation
import HTTPAPI
import Hummingbird
package import Logging
import NIOCore
import Postgres
import Redis
import Runtime
import ServiceLifecycle

/// Builds the API server and runs it until it is told to stop.
package func runAPIServer(_ settings: APIServerSettings, logger: Logger) async throws {
    guard var database = settings.database, let redisConfiguration = settings.redis else { return }
    database.setDefaultApplicationName("flotilla api")
    let metrics = MetricRegistry()
    let health = HealthState(required: ["http"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    let pool = try PostgresPool(configuration: database, logger: logger)
    let redis = try RedisClient(configuration: redisConfiguration, logger: logger)
    let coordinator = CoordinatorClient(settings.coordinators, token: settings.operatorToken, logger: logger)
    // However many dashboards look, the coordinator is asked at most twice a second.
    let cluster = Cached(freshness: .milliseconds(500)) { try await coordinator.cluster() }
    let checks = HealthChecks(
        logger: logger,
        checks: [
            "coordinator": { _ = try await cluster.value() },
            "postgresql": { _ = try await pool.query("select 1", timeout: .seconds(2)) },
            "redis": { _ = try await redis.command("PING") },
        ])
    let routes = APIRoutes(cluster: cluster, health: checks.report, openAPI: try OpenAPIDocument.bytes())
    let server = APIServerListener(settings: settings, routes: routes, health: health, logger: logger)
    try await runServices([operations, pool, redis, server], logger: logger)
}
