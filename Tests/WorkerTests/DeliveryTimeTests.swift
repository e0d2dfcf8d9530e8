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

@Suite("Time of a delivery, on RabbitMQ and Redis", .timeLimit(.minutes(1)))
struct DeliveryTimeTests {
    private static let quiet = Logger(label: "delivery", factory: { _ in SwiftLogNoOpLogHandler() })

    /// A command that never has an answer.
    private struct HangingModule: WorkerModule {
        let commands = [
            Command(name: "hang", description: "Hangs.") { _ in
                // Cancelled: its answer comes too late.
                try? await Task.sleep(for: .seconds(50))
                return CommandReply(content: "late")
            }
        ]
    }

    /// Queues and an exchange of the test's own, and a Discord that nobody listens at.
    private struct Surroundings {
        let channel: AMQPChannel
        /// What it leaves unacked goes back to the lane when it closes.
        let reader: AMQPChannel
        let lane: String
        let parking: String
        let handler: DeliveryHandler

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

    private static func message(_ number: Int, _ content: String) -> String {
        #"{"s":\#(number),"t":"MESSAGE_CREATE","g":"1","at":1700000000000,"#
            + #""d":{"id":"\#(number)","channel_id":"5","author":{"id":"9"},"content":"\#(content)"}}"#
    }

    private func run(
        limit: Duration, tokens: String? = nil, _ body: (Surroundings) async throws -> Void
    ) async throws {
        let name = "worker-test.\(UUID().uuidString.prefix(8))"
        let connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Self.quiet)
        let channel = try await connection.openChannel()
        try await channel.declareExchange("\(name).dead", kind: .direct, durable: false)
        for queue in ["\(name).lane", "\(name).parking"] {
            try await channel.declareQueue(queue, arguments: ["x-expires": 60_000])
        }
        try await channel.bindQueue("\(name).parking", to: "\(name).dead", routingKey: DeliveryHandler.parking)
        let redis = try RedisClient(
            configuration: try RedisConfiguration(url: TestEnvironment.redisURL), logger: Self.quiet)
        let registry = MetricRegistry()
        let metrics = WorkerMetrics(registry)
        let rest = DiscordREST(
            apiURL: "http://127.0.0.1:\(try freePort())", token: Secret("t"),
            global: GlobalRateLimit(redis: redis, application: name, logger: Self.quiet), metrics: registry,
            logger: Self.quiet)
        let clients = ApplicationClients(
            try ApplicationTokens(unnamed: tokens == nil ? Secret("t") : nil, list: tokens.map { Secret($0) })
        ) { _ in rest }
        let modules: [any WorkerModule] = [PingModule(), HangingModule()]
        let handler = DeliveryHandler(
            commands: CommandHandler(registry: CommandRegistry(modules: modules)) { 0 },
            sender: EffectSender(clients: clients, logger: Self.quiet),
            gaps: GapHandler(modules: modules, metrics: metrics, logger: Self.quiet),
            overlaps: GenerationOverlaps(), metrics: metrics,
            logger: Self.quiet, deadLetters: "\(name).dead", limit: limit)
        let outcome: Result<Void, any Error>
        do {
            try await body(
                Surroundings(
                    channel: channel, reader: try await connection.openChannel(), lane: "\(name).lane",
                    parking: "\(name).parking", handler: handler))
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

    @Test func `What Discord does not take in a delivery's time is parked, and its neighbours go on`() async throws {
        try await self.run(limit: .milliseconds(400)) { surroundings in
            let delivery = try await surroundings.deliver(
                [
                    Self.message(1, "!ping"), Self.message(2, "nothing"), Self.message(3, "!ping"),
                    #"{"s":4,"t":"TYPING_START","g":"1","at":1700000000000,"d":{}}"#,
                ])
            #expect(await surroundings.handler.handle(delivery, surroundings.reader))
            let parked = try await surroundings.parked()
            #expect(parked.keys.sorted() == [1, 3])
            #expect(parked.values.allSatisfy { $0.contains("POST /channels/{}/messages") }, "\(parked)")
            // Acked: nothing comes again.
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane) == nil)
        }
    }

    @Test func `An event of an application without a token is parked with a reason that names it`() async throws {
        try await self.run(limit: .seconds(50), tokens: "10=t") { surroundings in
            let lines = [Self.message(1, "!ping"), Self.message(2, "nothing")]
            let delivery = try await surroundings.deliver(lines, application: "20")
            #expect(await surroundings.handler.handle(delivery, surroundings.reader))
            let parked = try await surroundings.parked()
            #expect(parked.keys.sorted() == [1])
            #expect(parked[1]?.contains("application 20") == true, "\(parked)")
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane) == nil)
        }
    }

    @Test func `A module that hangs holds its lane no longer than a delivery may take`() async throws {
        try await self.run(limit: .milliseconds(300)) { surroundings in
            let delivery = try await surroundings.deliver([Self.message(1, "!hang"), Self.message(2, "!hang")])
            #expect(await surroundings.handler.handle(delivery, surroundings.reader))
            #expect(try await surroundings.parked().keys.sorted() == [1, 2])
        }
    }

    @Test func `A handler whose connection is gone parks nothing and acks nothing`() async throws {
        try await self.run(limit: .seconds(50)) { surroundings in
            let delivery = try await surroundings.deliver([Self.message(1, "!hang"), Self.message(2, "!ping")])
            let handling = Task { await surroundings.handler.handle(delivery, surroundings.reader) }
            handling.cancel()
            #expect(await handling.value == false)
            #expect(try await surroundings.parked().isEmpty)
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane)?.redelivered == true)
        }
    }

    @Test(arguments: [(1, 60.0), (16, 60), (24, 60), (100, 14.4), (1000, 1.44)])
    func `All that is prefetched is done long before the broker loses its patience`(prefetch: Int, seconds: Double) {
        let limit = DeliveryLimit.limit(prefetch: prefetch)
        #expect(limit == .milliseconds(Int(seconds * 1000)))
        #expect(limit * prefetch <= DeliveryLimit.consumerTimeout * 4 / 5)
    }
}
