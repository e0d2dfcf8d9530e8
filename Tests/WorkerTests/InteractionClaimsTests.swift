import AMQP
import Discord
import Logging
import Redis
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Worker

@Suite("Claims of interactions, on Redis", .timeLimit(.minutes(1)))
struct InteractionClaimsTests {
    private static let quiet = Logger(label: "claims", factory: { _ in SwiftLogNoOpLogHandler() })

    /// No other test's.
    private let interaction = Snowflake(rawValue: .random(in: 1...(UInt64(Int64.max))))

    /// Counts how often it is run.
    private final class CountingModule: WorkerModule {
        private let count = Mutex(0)
        var runs: Int { self.count.withLock { $0 } }
        var commands: [Command] {
            [
                Command(name: "count", description: "Counts.") { _ in
                    self.count.withLock { $0 += 1 }
                    return CommandReply(content: "counted")
                }
            ]
        }
    }

    private var line: String {
        #"{"s":1,"t":"INTERACTION_CREATE","g":"1","at":1700000000000,"d":{"id":"\#(self.interaction)","#
            + #""application_id":"1","type":2,"token":"t","data":{"name":"count"}}}"#
    }

    /// With the claims of two processes.
    private func run(_ body: (InteractionClaims, InteractionClaims, RedisClient) async throws -> Void) async throws {
        let configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        let clients = [
            try RedisClient(configuration: configuration, logger: Self.quiet),
            try RedisClient(configuration: configuration, logger: Self.quiet),
        ]
        let outcome: Result<Void, any Error>
        do {
            // Claims are given up sooner than a connection may take.
            for client in clients { try await client.waitUntilReady() }
            let claims = clients.map { InteractionClaims(redis: $0, logger: Self.quiet) }
            try await body(claims[0], claims[1], clients[0])
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for client in clients { await client.shutdown() }
        try outcome.get()
    }

    @Test func `Of many copies at many workers one is run`() async throws {
        try await self.run { first, second, redis in
            let taken = await withTaskGroup(of: InteractionClaims.Claim.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        await (number.isMultiple(of: 2) ? first : second).take(self.interaction, comesAgain: false)
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(taken.filter { $0 == .taken }.count == 1)
            #expect(taken.filter { $0 == .repeated }.count == 19)
            let left = try await redis.command("PTTL", "interaction:\(self.interaction)").integer ?? 0
            #expect((1...(15 * 60 * 1000)).contains(left))
        }
    }

    @Test func `A delivery that comes again takes over what is not settled, and nothing else`() async throws {
        try await self.run { first, second, _ in
            #expect(await first.take(self.interaction, comesAgain: false) == .taken)
            #expect(await second.take(self.interaction, comesAgain: false) == .repeated)
            #expect(await second.take(self.interaction, comesAgain: true) == .taken)
            await second.settle(self.interaction)
            #expect(await first.take(self.interaction, comesAgain: true) == .repeated)
            #expect(await first.take(self.interaction, comesAgain: false) == .repeated)
        }
    }

    @Test func `Without Redis nobody has a claim, and nobody waits for one`() async throws {
        let configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        let endpoint = try #require(configuration.endpoints.first)
        let proxy = FaultProxy(to: endpoint.host, port: endpoint.port)
        try await proxy.start()
        var through = configuration
        through.endpoints = [.init(host: "127.0.0.1", port: proxy.port)]
        let redis = try RedisClient(configuration: through, logger: Self.quiet)
        try await redis.waitUntilReady()
        let claims = InteractionClaims(redis: redis, logger: Self.quiet)
        proxy.apply(.silence)
        #expect(await claims.take(self.interaction, comesAgain: false) == .unknown)
        await claims.settle(self.interaction)
        await redis.shutdown()
        await proxy.stop()
    }

    @Test func `A second copy is acked and not run, whoever had the first`() async throws {
        let module = CountingModule()
        let limit: Duration = .milliseconds(400)
        try await self.run { first, second, _ in
            try await DeliverySurroundings.with([module], limit: limit, claims: first) { one in
                try await DeliverySurroundings.with([module], limit: limit, claims: second) { other in
                    for place in [one, other, one] {
                        let delivery = try await place.deliver([self.line])
                        #expect(await place.handler.handle(delivery, place.reader))
                    }
                    #expect(module.runs == 1)
                    for place in [one, other] {
                        #expect(place.metrics.prometheusText().contains("flotilla_worker_interaction_repeats_total 1"))
                        #expect(try await place.parked().isEmpty)
                        await place.reader.close()
                        #expect(try await place.channel.get(place.lane) == nil)
                    }
                }
            }
        }
    }

    @Test func `What was cut off is run again`() async throws {
        let module = CountingModule()
        try await self.run { claims, _, _ in
            try await DeliverySurroundings.with([module], limit: .seconds(50), claims: claims) { place in
                let delivery = try await place.deliver([self.line])
                let handling = Task { await place.handler.handle(delivery, place.reader) }
                try await eventually("the command") { module.runs == 1 }
                // Discord does not take its answer.
                handling.cancel()
                #expect(await handling.value == false)
                await place.reader.close()
                let again = try #require(try await place.channel.get(place.lane))
                #expect(again.redelivered)
                #expect(await place.handler.handle(again, place.channel))
                #expect(module.runs == 2)
            }
        }
    }

    @Test func `What is parked is not run again by a copy`() async throws {
        let module = CountingModule()
        try await self.run { claims, _, _ in
            try await DeliverySurroundings.with(
                [module], limit: .milliseconds(400), tokens: "10=t", claims: claims
            ) { place in
                for _ in 0..<2 {
                    // This worker has no token for it.
                    let delivery = try await place.deliver([self.line], application: "20")
                    #expect(await place.handler.handle(delivery, place.reader))
                }
                #expect(module.runs == 1)
                #expect(try await place.parked().count == 1)
            }
        }
    }

    @Test func `Without Redis an interaction is run as often as it comes, and counted`() async throws {
        let module = CountingModule()
        let redis = try RedisClient(
            configuration: try RedisConfiguration(url: "redis://127.0.0.1:\(try quietPort())"), logger: Self.quiet)
        let claims = InteractionClaims(redis: redis, logger: Self.quiet)
        try await DeliverySurroundings.with([module], limit: .milliseconds(400), claims: claims) { place in
            for _ in 0..<2 {
                let delivery = try await place.deliver([self.line])
                #expect(await place.handler.handle(delivery, place.reader))
            }
            #expect(module.runs == 2)
            #expect(place.metrics.prometheusText().contains("flotilla_worker_interactions_unclaimed_total 2"))
        }
        await redis.shutdown()
    }
}
