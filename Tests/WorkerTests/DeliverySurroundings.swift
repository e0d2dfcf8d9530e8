import AMQP
import Applications
import Foundation
import Logging
import NIOCore
import NIOPosix
import Redis
import Runtime
import TestSupport
import Testing

@testable import Worker

/// What a delivery's handler needs: queues and an exchange of the test's own, Redis, and a Discord that nobody listens
/// at.
struct DeliverySurroundings {
    private static let quiet = Logger(label: "delivery", factory: { _ in SwiftLogNoOpLogHandler() })

    let channel: AMQPChannel
    /// What it leaves unacked goes back to the lane when it closes.
    let reader: AMQPChannel
    let lane: String
    let parking: String
    let handler: DeliveryHandler
    let metrics: MetricRegistry

    static func with(
        _ modules: [any WorkerModule], limit: Duration, tokens: String? = nil, claims: InteractionClaims? = nil,
        parkingPatience: Duration = .zero, parkingRoom: Int64 = 100,
        _ body: (Self) async throws -> Void
    ) async throws {
        let name = "worker-test.\(UUID().uuidString.prefix(8))"
        let connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Self.quiet)
        let channel = try await connection.openChannel()
        try await channel.declareExchange("\(name).dead", kind: .direct, durable: false)
        try await channel.declareQueue("\(name).lane", arguments: ["x-expires": 60_000])
        try await channel.declareQueue(
            "\(name).parking",
            arguments: [
                "x-expires": 60_000, "x-max-length": .int64(parkingRoom), "x-overflow": .string("reject-publish"),
            ])
        try await channel.bindQueue("\(name).parking", to: "\(name).dead", routingKey: DeliveryHandler.parking)
        let redis = try RedisClient(
            configuration: try RedisConfiguration(url: TestEnvironment.redisURL), logger: Self.quiet)
        let registry = MetricRegistry()
        let metrics = WorkerMetrics(registry)
        let rest = DiscordREST(
            apiURL: "http://127.0.0.1:\(try quietPort())", token: Secret("t"),
            global: GlobalRateLimit(redis: redis, application: name, logger: Self.quiet), metrics: registry,
            logger: Self.quiet)
        let clients = ApplicationClients(
            try ApplicationTokens(unnamed: tokens == nil ? Secret("t") : nil, list: tokens.map { Secret($0) })
        ) { _ in rest }
        let handler = DeliveryHandler(
            commands: CommandHandler(registry: CommandRegistry(modules: modules)) { 0 },
            sender: EffectSender(clients: clients, logger: Self.quiet),
            gaps: GapHandler(modules: modules, metrics: metrics, logger: Self.quiet),
            overlaps: GenerationOverlaps(), claims: claims, metrics: metrics, logger: Self.quiet,
            deadLetters: "\(name).dead", limit: limit,
            parkingPatience: parkingPatience)
        let outcome: Result<Void, any Error>
        do {
            try await body(
                Self(
                    channel: channel, reader: try await connection.openChannel(), lane: "\(name).lane",
                    parking: "\(name).parking", handler: handler, metrics: registry))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for queue in ["\(name).lane", "\(name).parking"] { try await channel.deleteQueue(queue) }
        try await channel.deleteExchange("\(name).dead")
        await connection.close()
        await redis.shutdown()
        try outcome.get()
    }

    /// - Returns: what the reader is given then.
    func deliver(_ lines: [String], application: String? = nil) async throws -> AMQPDelivery {
        var properties = AMQPProperties()
        if let application { properties.headers["application"] = .string(application) }
        try await self.channel.publishConfirmed(
            AMQPMessage(
                exchange: "", routingKey: self.lane, properties: properties,
                body: ByteBuffer(string: lines.map { $0 + "\n" }.joined()), mandatory: true))
        return try #require(try await self.reader.get(self.lane))
    }

    /// Reasons of what was parked, by the event's number.
    func parked() async throws -> [Int64: String] {
        var reasons: [Int64: String] = [:]
        while let delivery = try await self.channel.get(self.parking, noAck: true) {
            guard case .int64(let number)? = delivery.properties.headers["event_s"],
                case .string(let reason)? = delivery.properties.headers["reason"]
            else {
                Issue.record("a parked event without number and reason: \(delivery.properties.headers)")
                continue
            }
            reasons[number] = reason
        }
        return reasons
    }
}
