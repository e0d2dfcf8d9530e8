import AMQP
import ClusterAPI
package import Logging
import NIOPosix
package import Runtime
package import ServiceLifecycle

/// Builds a shard process but for its operations server. It runs until graceful shutdown: then its slots are handed
/// over.
package func makeShard(
    _ settings: ShardSettings,
    health: HealthState,
    metrics: MetricRegistry,
    logger: Logger
) -> some Service {
    let coordinator = CoordinatorClient(baseURL: settings.coordinatorURL, token: settings.memberToken, logger: logger)
    return makeShard(settings, coordinator: coordinator, health: health, metrics: metrics, logger: logger)
}

func makeShard(
    _ settings: ShardSettings,
    coordinator: any MemberCoordinator,
    health: HealthState,
    metrics: MetricRegistry,
    logger: Logger
) -> ServiceGroup {
    let shardMetrics = ShardMetrics(metrics)
    let group = MultiThreadedEventLoopGroup.singleton
    let fence = FenceSignal()
    var loops: [ShardLoop] = []
    var services: [any Service] = []
    for _ in 0..<settings.eventLoops {
        let eventLoop = group.next()
        let loop = ShardLoop(
            eventLoop: eventLoop, settings: settings.slot, capacity: settings.bufferBytes / settings.eventLoops,
            metrics: shardMetrics, logger: logger
        ) { fence.fenced($0) }
        loops.append(loop)
        guard var broker = settings.broker else { continue }
        broker.connectionName = "flotilla shard \(settings.registration.id)"
        services.append(
            AMQPClient(
                configuration: broker, eventLoop: eventLoop, logger: logger,
                onConnection: { connection in loop.brokerConnected(connection) },
                onLoss: { _ in loop.brokerLost() }))
    }
    let member = ShardMember(
        registration: settings.registration,
        coordinator: coordinator,
        loops: loops,
        fence: fence,
        tokens: settings.tokens,
        health: health,
        metrics: shardMetrics,
        logger: logger)
    // Shutdown runs backwards: the broker's connections outlive the member, which flushes through them.
    return ServiceGroup(services: services + [member], logger: logger)
}

/// Runs a shard process until SIGTERM or SIGINT.
package func runShard(_ settings: ShardSettings, logger: Logger) async throws {
    let metrics = MetricRegistry()
    let health = HealthState(required: ["broker", "coordinator"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    let shard = makeShard(settings, health: health, metrics: metrics, logger: logger)
    try await runServices([operations, shard], logger: logger)
}
