import AMQP
import Applications
import ClusterAPI
import ClusterClient
import Foundation
import GuildCache
package import Logging
import NIOPosix
import Redis
import Runtime
import ServiceLifecycle

/// Builds a worker and runs it until it is told to stop.
package func runWorker(_ settings: WorkerSettings, logger: Logger) async throws {
    guard var broker = settings.broker, var redisConfiguration = settings.redis else { return }
    broker.connectionName = "flotilla worker \(settings.member.id)"
    broker.connectTimeout = .seconds(5)
    let metrics = MetricRegistry()
    let health = HealthState(required: ["broker", "lease"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    redisConfiguration.scripts += CacheScripts.all
    let redis = try RedisClient(configuration: redisConfiguration, logger: logger)
    let cache = GuildCache(redis: redis)
    let clients = ApplicationClients(settings.tokens) { entry in
        var logger = logger
        logger[metadataKey: "discord.application"] = entry.likelyApplication.map { "\($0)" }
        return DiscordREST(
            apiURL: settings.discordAPIURL, token: entry.token,
            global: GlobalRateLimit(redis: redis, application: limitKey(of: entry), logger: logger),
            metrics: metrics, logger: logger)
    }
    let modules: [any WorkerModule] = [PingModule(), HelpModule(), GuildModule(cache: cache)]
    let registry = CommandRegistry(modules: modules)
    let workerMetrics = WorkerMetrics(metrics)
    let handler = DeliveryHandler(
        commands: CommandHandler(registry: registry) { Int64(Date().timeIntervalSince1970 * 1000) },
        sender: EffectSender(clients: clients, logger: logger),
        gaps: GapHandler(modules: modules, metrics: workerMetrics, logger: logger),
        overlaps: GenerationOverlaps(), cache: cache, claims: InteractionClaims(redis: redis, logger: logger),
        metrics: workerMetrics, logger: logger, limit: DeliveryLimit.limit(prefetch: settings.prefetch),
        parkingPatience: DeliveryLimit.parking(prefetch: settings.prefetch))
    let configuration = broker
    let group = MultiThreadedEventLoopGroup.singleton
    let makeConsumer: @Sendable (String, QueueConsumer.Order, @escaping @Sendable (String?) -> Void) -> QueueConsumer =
        {
            queue, order, onState in
            QueueConsumer(
                queue: queue, configuration: configuration, eventLoop: group.next(),
                prefetch: UInt16(settings.prefetch), order: order,
                logger: logger, onState: onState
            ) { delivery, channel in await handler.handle(delivery, channel, order: order) }
        }
    let member = WorkerMember(
        registration: settings.member,
        coordinator: CoordinatorClient(settings.coordinators, token: settings.memberToken, logger: logger),
        makeLaneConsumer: { makeConsumer("lane.\($0)", .strict) { _ in } },
        commandConsumer: makeConsumer("commands", .none) { health.setReady("broker", failing: $0) },
        health: health, logger: logger)
    var control = broker
    control.connectionName = "flotilla worker \(settings.member.id) commands to shards"
    let shards = ShardControl(configuration: control, eventLoop: group.next(), logger: logger)
    let refillMetrics = RefillMetrics(metrics)
    let services: [any Service] = clients.all.flatMap { name, rest -> [any Service] in
        var logger = logger
        logger[metadataKey: "discord.application"] = "\(name)"
        return [
            CommandRegistration(registry: registry, rest: rest, logger: logger),
            GuildRefill(
                redis: redis, rest: RefillSource(rest: rest), requestsPerSecond: settings.refetchRate,
                metrics: refillMetrics, logger: logger),
        ]
    }
    try await runServices([operations, redis] + services + [shards], until: member, logger: logger)
}

/// The same in all workers, however each was told of the bot: it names the bot in Redis without telling the token.
private func limitKey(of entry: ApplicationTokens.Entry) -> String {
    (entry.token.botID ?? entry.application).map { "\($0)" } ?? "bot"
}
