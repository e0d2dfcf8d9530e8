import Discord
import GuildCache
import Redis
import TestSupport
import Testing

/// In a cluster a script may touch the keys of one hash slot only.
@Suite("Cache in a cluster", .timeLimit(.minutes(1)))
struct ClusterTests {
    private func withCluster(_ body: (RedisClient) async throws -> Void) async throws {
        // The cluster bus listens 10,000 above.
        let port = try quietPort(below: 22_000)
        let directory = try TemporaryDirectory("cluster")
        let server = try ChildProcess(
            "redis-server",
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", directory.path, "--cluster-enabled",
                "yes",
            ])
        try await server.wait(forPort: port)
        let single = try RedisClient(
            configuration: RedisConfiguration(endpoints: [.init(host: "127.0.0.1", port: port)]), logger: quiet)
        try await single.command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        try await eventually("the cluster is up") {
            try await single.command("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
        }
        await single.shutdown()
        var configuration = RedisConfiguration(endpoints: [.init(host: "127.0.0.1", port: port)])
        configuration.isCluster = true
        configuration.scripts = CacheScripts.all
        let client = try RedisClient(configuration: configuration, logger: quiet)
        let outcome: Result<Void, any Error>
        do {
            try await client.waitUntilReady()
            try await body(client)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await client.shutdown()
        server.signal(9)
        try outcome.get()
    }

    @Test func `Every script stays in its guild's slot`() async throws {
        var kinds = CacheKinds()
        kinds.members = .all
        try await self.withCluster { client in
            let cache = CacheUnderTest(redis: client, kinds: kinds)
            var session = CacheUnderTest.Session("s")
            let members = (1...4_000).map {
                #"{"user":{"id":"\#($0)","username":"\#(String(repeating: "n", count: 200))"}}"#
            }
            let create = #"{"id":"1","channels":[{"id":"10"}],"members":[\#(members.joined(separator: ","))]}"#
            #expect(try await cache.write("GUILD_CREATE", create, s: 2, by: &session)?.outcome == .applied)
            #expect(try await cache.hash(.members).count == 4_000)
            let stream = GuildStream(seed: 1, count: 60)
            for (index, event) in stream.events.enumerated() {
                let outcome = try await cache.write(event.name, event.data, s: Int64(index + 3), by: &session)
                #expect(outcome?.outcome == .applied)
            }
            #expect(try await cache.check(session, s: 1_000))
            try await cache.write("GUILD_DELETE", #"{"id":"1"}"#, s: 1_001, by: &session)
            #expect(try await cache.meta("state") == "gone")
        }
    }
}
