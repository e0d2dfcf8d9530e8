import AMQP
import ClusterAPI
import Discord
import Foundation
package import Logging
import NIOPosix
import Redis
import Runtime

/// Builds a worker and runs it until it is told to stop.
package func runWorker(_ settings: WorkerSettings, logger: Logger) async throws {
    guard var broker = settings.broker, let redisConfiguration = settings.redis else { return }
    broker.connectionName = "flotilla worker \(settings.member.id)"
    broker.connectTimeout = .seconds(5)
    let metrics = MetricRegistry()
    let health = HealthState(required: ["broker", "lease"])
    let operations = OperationsServer(settings.operations, health: health, metrics: metrics, logger: logger)
    let redis = try RedisClient(configuration: redisConfiguration, logger: logger)
    let rest = DiscordREST(
        apiURL: settings.discordAPIURL, token: settings.discordToken,
        global: GlobalRateLimit(redis: redis, application: botID(of: settings.discordToken), logger: logger),
        metrics: metrics, logger: logger)
    let registry = CommandRegistry(modules: [PingModule(), HelpModule()])
    let handler = DeliveryHandler(
        commands: CommandHandler(registry: registry) { Int64(Date().timeIntervalSince1970 * 1000) },
        sender: EffectSender(rest: rest, logger: logger), metrics: WorkerMetrics(metrics), logger: logger)
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
    let registration = CommandRegistration(registry: registry, rest: rest, logger: logger)
    try await runServices([operations, redis, registration, member], logger: logger)
}

/// A bot token's first part is the bot's id in base64: it names the bot in keys without telling the token.
private func botID(of token: Secret) -> String {
    let first = token.reveal().prefix { $0 != "." }
    let padded = first + String(repeating: "=", count: (4 - first.count % 4) % 4)
    return Data(base64Encoded: String(padded)).flatMap { String(data: $0, encoding: .utf8) } ?? "bot"
}
