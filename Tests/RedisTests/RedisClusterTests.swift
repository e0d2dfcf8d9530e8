import NIOCore
import TestSupport
import Testing

@testable import Redis

private struct ClusterNotMade: Error {
    let output: String
}

/// Three masters of the test's own.
private struct RedisCluster {
    let servers: [RedisServer]

    init() async throws {
        var servers: [RedisServer] = []
        for _ in 0..<3 {
            servers.append(try await RedisServer(["--cluster-enabled", "yes", "--cluster-node-timeout", "15000"]))
        }
        self.servers = servers
        let create = try ChildProcess(
            "redis-cli",
            ["--cluster", "create"] + servers.map(\.endpoint.description) + ["--cluster-yes"]
        )
        guard try await create.exitStatus() == 0 else { throw ClusterNotMade(output: create.output) }
        for server in servers {
            try await withClient(server.configuration) { node in
                try await eventually("the cluster's agreement") {
                    let info = try await node.command("CLUSTER", "INFO").string ?? ""
                    return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
                }
            }
        }
    }

    var configuration: RedisConfiguration {
        get throws {
            try RedisConfiguration(url: "redis://" + self.servers.map(\.endpoint.description).joined(separator: ","))
        }
    }

    func owner(of slot: Int) async throws -> RedisServer {
        let map = try await withClient(self.servers[0].configuration) { node in
            try ClusterSlotMap(reply: try await node.command("CLUSTER", "SLOTS"), asked: self.servers[0].endpoint)
        }
        return try #require(self.servers.first { $0.endpoint == map.owner(of: slot) })
    }
}

@Suite(.timeLimit(.minutes(1)), .serialized) struct RedisClusterTests {
    @Test
    func `Keys of all slots, pipelines, scripts and subscriptions work; the keys of one command must share a slot`()
        async throws
    {
        let cluster = try await RedisCluster()
        try await withClient(try cluster.configuration) { client in
            try await client.waitUntilReady()
            let keys = (0..<300).map { "key\($0)" }
            let written = await client.pipeline(keys.map { ["SET", .string($0), .string("value of \($0)")] })
            #expect(written.firstError == nil)
            #expect(written.count == 300)
            let read = await client.pipeline(keys.map { ["GET", .string($0)] })
            #expect(read.map(\.string) == keys.map { "value of \($0)" })
            #expect(client.statistics.connectionsMade == 3)
            #expect(client.statistics.clusterRedirections == 0)
            for server in cluster.servers {
                let count = try await withClient(server.configuration) { try await $0.command("DBSIZE").integer }
                #expect((count ?? 0) > 50, "the keys are not spread")
            }

            let append = RedisScript("redis.call('APPEND', KEYS[1], ARGV[1]); return redis.call('STRLEN', KEYS[2])")
            for tag in ["{a}", "{b}", "{c}", "{d}"] {
                let length = try await client.run(
                    append, keys: [.string(tag + "1"), .string(tag + "1")], arguments: ["xyz"])
                #expect(length.integer == 3)
            }
            let error = try await redisError { try await client.run(append, keys: ["{a}1", "{b}1"], arguments: ["x"]) }
            #expect(error.code == .crossSlot)
            #expect(error.delivery == .notSent)
            let mixed = await client.pipeline([
                ["SET", "{a}2", "1"], ["MGET", "{a}2", "{b}2"], ["MGET", "{a}2", "{a}3"],
            ])
            #expect(mixed[0] == .simpleString("OK"))
            #expect(mixed[1].error?.code == .crossSlot)
            #expect(mixed[2].array?.count == 2)

            let subscription = try await client.subscribe(to: ["news"])
            try await client.command("PUBLISH", "news", "x")
            var messages = subscription.makeAsyncIterator()
            #expect(await messages.next()?.channel == "news")
            #expect(client.outstanding == (0, 0))
        }
    }

    @Test func `A slot that moves is followed: ASK while it moves, MOVED afterwards`() async throws {
        let cluster = try await RedisCluster()
        try await withClient(try cluster.configuration) { client in
            let slot = HashSlot.of("{tag}")
            let source = try await cluster.owner(of: slot)
            let target = try #require(cluster.servers.first { $0.port != source.port })
            try await client.command("SET", "{tag}old", "old")
            try await withClient(source.configuration) { from in
                try await withClient(target.configuration) { to in
                    let sourceID = try #require(try await from.command("CLUSTER", "MYID").string)
                    let targetID = try #require(try await to.command("CLUSTER", "MYID").string)
                    let number = RedisArgument(slot)
                    try await to.command("CLUSTER", "SETSLOT", number, "IMPORTING", .string(sourceID))
                    try await from.command("CLUSTER", "SETSLOT", number, "MIGRATING", .string(targetID))

                    // What is not at the source any more, or not yet, is asked of the target.
                    #expect(try await client.command("SET", "{tag}new", "new") == .simpleString("OK"))
                    #expect(try await client.command("GET", "{tag}new").string == "new")
                    #expect(try await client.command("GET", "{tag}old").string == "old")
                    #expect(client.statistics.clusterRedirections >= 2)
                    let held = try await to.command("CLUSTER", "COUNTKEYSINSLOT", number).integer
                    #expect(held == 1)
                    let both = await client.pipeline([["GET", "{tag}old"], ["GET", "{tag}new"], ["GET", "{tag}old"]])
                    #expect(both.map(\.string) == ["old", "new", "old"])

                    // Half here, half there: tried again, then the server's word, unless that is late.
                    var split: RedisError?
                    try await eventually("an answer in time") {
                        split = try await redisError {
                            try await client.command("MGET", "{tag}old", "{tag}new", timeout: .milliseconds(500))
                        }
                        return split?.code != .timedOut
                    }
                    #expect(split?.serverKind == "TRYAGAIN")

                    try await from.command("MIGRATE", "127.0.0.1", RedisArgument(target.port), "{tag}old", 0, 5_000)
                    try await to.command("CLUSTER", "SETSLOT", number, "NODE", .string(targetID))
                    try await from.command("CLUSTER", "SETSLOT", number, "NODE", .string(targetID))
                    #expect(
                        try await client.command("MGET", "{tag}old", "{tag}new").array?.map(\.string) == ["old", "new"])
                    let redirections = client.statistics.clusterRedirections
                    #expect(try await client.command("GET", "{tag}old").string == "old")
                    #expect(client.statistics.clusterRedirections == redirections, "the new owner was not remembered")
                }
            }
        }
    }

    @Test func `A node that dies fails its own slots only, within the deadline`() async throws {
        let cluster = try await RedisCluster()
        var configuration = try cluster.configuration
        configuration.commandTimeout = .seconds(1)
        try await withClient(configuration) { client in
            try await client.waitUntilReady()
            let victim = try await cluster.owner(of: HashSlot.of("foo"))
            let keys = (0..<100).map { "k\($0)" }
            #expect(await client.pipeline(keys.map { ["SET", .string($0), "1"] }).firstError == nil)
            try await victim.stop()
            let clock = ContinuousClock()
            let began = clock.now
            let error = try await redisError { try await client.command("GET", "foo") }
            #expect([.connectionLost, .timedOut, .clusterUnavailable].contains(error.code))
            #expect(clock.now - began < .seconds(10))
            try await victim.startAgain()
            try await eventually("the node's return") {
                await client.pipeline(keys.map { ["SET", .string($0), "2"] }).firstError == nil
            }
            #expect(client.outstanding == (0, 0))
        }
    }

    @Test func `No cluster at the seeds is an error within the deadline`() async throws {
        var configuration = try RedisConfiguration(url: "redis+cluster://127.0.0.1:\(try quietPort())")
        configuration.commandTimeout = .seconds(1)
        try await withClient(configuration) { client in
            let error = try await redisError { try await client.command("GET", "foo") }
            #expect([.clusterUnavailable, .timedOut].contains(error.code))
            #expect(error.delivery == .notSent)
        }
        let plain = try await RedisServer()
        configuration.endpoints = [plain.endpoint]
        configuration.commandTimeout = .seconds(10)
        try await withClient(configuration) { client in
            let error = try await redisError { try await client.command("GET", "foo") }
            #expect(error.code == .clusterUnavailable)
        }
    }
}
