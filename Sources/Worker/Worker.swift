import AMQP
import ClusterAPI
import ClusterClient
import Discord
import Foundation
import GuildCache
package import Logging
import NIOPosix
import Redis
import Runtime

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
    let rest = DiscordREST(
        apiURL: settings.discordAPIURL, token: settings.discordToken,
        global: GlobalRateLimit(redis: redis, application: botID(of: settings.discordToken), logger: logger),
        metrics: metrics, logger: logger)
    let modules: [any WorkerModule] = [PingModule(), HelpModule(), GuildModule(cache: cache)]
    let registry = CommandRegistry(modules: modules)
    let workerMetrics = WorkerMetrics(metrics)
    let handler = DeliveryHandler(
        commands: CommandHandler(registry: registry) { Int64(Date().timeIntervalSince1970 * 1000) },
        sender: EffectSender(rest: rest, logger: logger),
        gaps: GapHandler(modules: modules, metrics: workerMetrics, logger: logger), cache: cache,
        metrics: workerMetrics, logger: logger)
    let configuration = broker
    let group = MultiThreadedEventLoopGroup.singleton
    let makeConsumer: @Sendable (String, QueueConsumer.Order, @escaping @Sendable (String?) -> Void) -> QueueConsumer =
        {
            queue, order, onState in
            QueueConsumer(
                queue: queue, configuration: configuration, eventLoop: group.next(),
                prefetch: UInt16(settings.prefetch), order: order,
                logger: logger, onState: onState
            ) { delivery, channel in await handler.handle(delivery, channel) }
        }
    let member = WorkerMember(
        registration: settings.member,
        coordinator: CoordinatorClient(baseURL: settings.coordinatorURL, token: settings.memberToken, logger: logger),
        makeLaneConsumer: { makeConsumer("lane.\($0)", .strict) { _ in } },
        commandConsumer: makeConsumer("commands", .none) { health.setReady("broker", failing: $0) },
        health: health, logger: logger)
    var control = broker
    control.connectionName = "flotilla worker \(settings.member.id) commands to shards"
    let shards = ShardControl(configuration: control, eventLoop: group.next(), logger: logger)
    let registration = CommandRegistration(registry: registry, rest: rest, logger: logger)
    let refill = GuildRefill(
        redis: redis, rest: RefillSource(rest: rest), requestsPerSecond: settings.refetchRate,
        metrics: RefillMetrics(metrics), logger: logger)
    try await runServices([operations, redis, registration, refill, shards, member], logger: logger)
}

/// A bot token's first part is the bot's id in base64: it names the bot in keys without telling the token.
private func botID(of token: Secret) -> String {
    let first = token.reveal().prefix { $0 != "." }
    let padded = first + String(repeating: "=", count: (4 - first.count % 4) % 4)
    return Data(base64Encoded: String(padded)).flatMap { String(data: $0, encoding: .utf8) } ?? "bot"
}
