import AMQP
import ClusterAPI
import ClusterClient
import ControlAPI
import GuildCache
package import Logging
package import NIOCore
import NIOPosix
import Redis
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
    let coordinator = CoordinatorClient(settings.coordinators, token: settings.memberToken, logger: logger)
    return makeShard(settings, coordinator: coordinator, health: health, metrics: metrics, logger: logger)
}

/// - Parameter group: whose event loops the slots are spread over.
package func makeShard(
    _ settings: ShardSettings,
    coordinator: any MemberCoordinator,
    health: HealthState,
    metrics: MetricRegistry,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    logger: Logger
) -> ServiceGroup {
    let shardMetrics = ShardMetrics(metrics)
    let fence = FenceSignal()
    var loops: [ShardLoop] = []
    var services: [any Service] = []
    let replies = ControlReplies(exchange: settings.control.replies, metrics: shardMetrics, logger: logger)
    let cacheMetrics = CacheMetrics(metrics)
    let takeoverRoom = TakeoverRoom(mostBytes: settings.slot.cache?.takeoverBytes ?? 0, metrics: cacheMetrics)
    for _ in 0..<settings.eventLoops {
        let eventLoop = group.next()
        let redis = settings.slot.cache.flatMap { makeCacheClient($0, settings, eventLoop, logger) }
        if let redis { services.append(redis) }
        let loop = ShardLoop(
            eventLoop: eventLoop, settings: settings.slot, capacity: settings.bufferBytes / settings.eventLoops,
            metrics: shardMetrics, cache: redis.map { ($0, cacheMetrics, takeoverRoom) },
            answer: { replies.answer($0, to: $1) }, logger: logger
        ) { fence.fenced($0) }
        loops.append(loop)
    }
    let control = ControlConsumer(names: settings.control, loops: loops, replies: replies, logger: logger)
    for (index, loop) in loops.enumerated() {
        guard var broker = settings.broker else { continue }
        broker.connectionName = "flotilla shard \(settings.registration.id)"
        // Commands are few: they come over the first loop's connection.
        let commands = index == 0 ? control : nil
        services.append(
            AMQPClient(
                configuration: broker, eventLoop: loop.eventLoop, delegate: BrokerAlarms(loop), logger: logger,
                onConnection: { connection in
                    loop.brokerConnected(connection)
                    commands?.brokerConnected(connection)
                },
                onLoss: { _ in
                    loop.brokerLost()
                    commands?.brokerLost()
                }))
    }
    if let path = settings.planFile {
        let base = settings.slot.dropRules
        let watched = loops
        services.append(
            PublishPlanWatch(
                path: path, base: base, initial: settings.slot.plan.rules, interval: settings.planInterval,
                metrics: shardMetrics, logger: logger
            ) { plan in
                for loop in watched { await loop.use(plan: plan) }
            })
    }
    let member = ShardMember(
        registration: settings.registration,
        coordinator: coordinator,
        loops: loops,
        control: control,
        fence: fence,
        tokens: settings.tokens,
        health: health,
        metrics: shardMetrics,
        logger: logger)
    // Shutdown runs backwards: the broker's connections outlive the member, which flushes through them. A member that
    // is to restart ends by itself.
    return ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: (services + [control]).map { .init(service: $0) }
                + [.init(service: member, successTerminationBehavior: .gracefullyShutdownGroup)],
            logger: logger))
}

private func makeCacheClient(
    _ cache: CacheSettings, _ settings: ShardSettings, _ eventLoop: any EventLoop, _ logger: Logger
) -> RedisClient? {
    var configuration = cache.redis
    configuration.clientName = "flotilla shard \(settings.registration.id)"
    configuration.scripts = CacheScripts.all
    do {
        return try RedisClient(configuration: configuration, group: eventLoop, logger: logger)
    } catch {
        logger.error("guilds are not cached", metadata: ["redis.error": "\(error)"])
        return nil
    }
}

/// Runs a shard process until SIGTERM or SIGINT.
package func runShard(_ settings: ShardSettings, logger: Logger) async throws {
    let metrics = MetricRegistry()
    let health = HealthState(required: ["broker", "coordinator"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    let shard = makeShard(settings, health: health, metrics: metrics, logger: logger)
    try await runServices([operations], until: shard, logger: logger)
}
