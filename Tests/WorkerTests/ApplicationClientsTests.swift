import Applications
import Discord
import Logging
import Redis
import Runtime
import TestSupport
import Testing

@testable import Worker

@Suite("REST clients of several applications")
struct ApplicationClientsTests {
    private static let quiet = Logger(label: "clients", factory: { _ in SwiftLogNoOpLogHandler() })

    private static func run(
        unnamed: String?, list: String?, _ body: (ApplicationClients, [Snowflake?: DiscordREST]) throws -> Void
    ) async throws {
        // Nothing is asked of it.
        let redis = try RedisClient(
            configuration: try RedisConfiguration(url: "redis://127.0.0.1:\(try quietPort())"), logger: Self.quiet)
        var made: [Snowflake?: DiscordREST] = [:]
        let tokens = try ApplicationTokens(unnamed: unnamed.map { Secret($0) }, list: list.map { Secret($0) })
        let clients = ApplicationClients(tokens) { entry in
            let client = DiscordREST(
                apiURL: "http://127.0.0.1:1", token: entry.token,
                global: GlobalRateLimit(redis: redis, application: "test", logger: Self.quiet),
                metrics: MetricRegistry(), logger: Self.quiet)
            made[entry.application] = client
            return client
        }
        let outcome = Result { try body(clients, made) }
        await redis.shutdown()
        try outcome.get()
    }

    @Test func `Each application has its own client`() async throws {
        try await Self.run(unnamed: nil, list: "10=a,20=b") { clients, made in
            #expect(clients.all.map(\.name) == ["10", "20"])
            #expect(clients.found(10) === made[10] && made[10] != nil)
            #expect(clients.found(20) === made[20] && made[20] != nil)
        }
    }

    @Test func `An application without a token is named`() async throws {
        try await Self.run(unnamed: nil, list: "10=a,20=b") { clients, _ in
            let error = #expect(throws: ApplicationClients.NoToken.self) { try clients.client(of: 30) }
            #expect("\(error as Any)".contains("application 30"))
            #expect(throws: ApplicationClients.NoToken.self) { try clients.client(of: nil) }
        }
        // The token tells whose it is: 1100000000000000001.
        try await Self.run(unnamed: "MTEwMDAwMDAwMDAwMDAwMDAwMQ.a.b", list: nil) { clients, _ in
            _ = try clients.client(of: 1_100_000_000_000_000_001)
            #expect(throws: ApplicationClients.NoToken.self) { try clients.client(of: 1_100_000_000_000_000_002) }
        }
    }

    @Test func `A token without an application serves those that no pair names`() async throws {
        try await Self.run(unnamed: "x", list: "10=a") { clients, made in
            #expect(clients.found(10) === made[10] && made[10] != nil)
            #expect(clients.found(30) === made[nil] && made[nil] != nil)
        }
        try await Self.run(unnamed: "x", list: nil) { clients, made in
            #expect(clients.found(nil) === made[nil] && made[nil] != nil)
        }
    }
}

extension ApplicationClients {
    /// nil where `client(of:)` throws.
    fileprivate func found(_ application: Snowflake?) -> DiscordREST? { try? self.client(of: application) }
}
