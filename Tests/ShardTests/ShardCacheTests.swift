import ClusterAPI
import Discord
import Foundation
import GuildCache
import Logging
import NIOCore
import Redis
import Runtime
import TestSupport
import Testing

@testable import Shard

/// A whole shard process with the real Redis, through a proxy that a test can harm.
@Suite("Shard's guild cache", .timeLimit(.minutes(2)), .serialized)
struct ShardCacheTests {
    struct Stage: Sendable {
        let process: ShardProcessTests.Stage
        let proxy: FaultProxy
        let redis: RedisClient
        let reader: GuildCache
        let slot: Slot

        var keys: CacheKeys { CacheKeys(application: self.slot.application) }

        func guild(_ number: UInt64) -> GuildCache.Guild {
            .init(Snowflake(rawValue: number << 22), of: self.slot.application)
        }

        func grant(epoch: Int64 = 1, session: SessionState? = nil, intents: UInt64 = 33_281) {
            self.process.coordinator.grant([
                SlotGrant(
                    slot: self.slot, numShards: 1, epoch: epoch, intents: intents,
                    gatewayURL: self.process.discord.url, session: session)
            ])
        }

        func begin(
            guilds: [UInt64], intents: UInt64 = 33_281, connection number: Int = 0, session: String = "abc"
        )
            async throws -> ScriptedConnection
        {
            self.grant(intents: intents)
            let connection = try await self.process.discord.connection(number)
            connection.hello()
            _ = try await connection.body(op: 2)
            connection.ready(
                session: session, resumeURL: self.process.discord.url, guilds: guilds.map { Int($0 << 22) })
            try await self.process.topology.waitFor(sequences: [1])
            return connection
        }

        func status(_ guild: UInt64) async throws -> CachedGuildState.Status? {
            try await self.reader.state(of: self.guild(guild))?.status
        }

        func wait(for status: CachedGuildState.Status?, _ guild: UInt64) async throws {
            try await eventually("guild \(guild) is \(status.map { "\($0)" } ?? "not there")") {
                try await self.status(guild) == status
            }
        }

        /// The lines of these sequence numbers as the broker has them.
        func lines(_ sequences: ClosedRange<Int>) -> [String] {
            self.process.topology.lines.filter { line in
                sequences.contains { line.hasPrefix(#"{"s":\#($0),"#) }
            }
        }
    }

    static func create(_ guild: UInt64, s: Int, members: Int = 1, list: String = "") -> String {
        """
        {"op":0,"t":"GUILD_CREATE","s":\(s),"d":{"id":"\(guild << 22)","name":"g\(guild)","owner_id":"5",\
        "member_count":\(members),"channels":[{"id":"10","type":0,"name":"general"}],\
        "roles":[{"id":"\(guild << 22)","name":"@everyone","position":0,"permissions":"1024"}],\
        "members":[\(list)]}}
        """
    }

    static func rename(_ guild: UInt64, s: Int, to name: String) -> String {
        """
        {"op":0,"t":"CHANNEL_UPDATE","s":\(s),"d":{"id":"10","type":0,"guild_id":"\(guild << 22)","name":"\(name)"}}
        """
    }

    static func run(
        _ test: String, settings: [String: String] = [:],
        configure: @escaping (inout ShardSettings) -> Void = { _ in },
        _ body: (Stage) async throws -> Void
    ) async throws {
        var configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        configuration.commandTimeout = .seconds(20)
        let proxy = FaultProxy(to: configuration.endpoints[0].host, port: configuration.endpoints[0].port)
        try await proxy.start()
        let slot = Slot(application: Snowflake(rawValue: .random(in: 1 << 40...1 << 60)), generation: 1, shard: 0)
        let redis = try RedisClient(
            configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var limits = GuildCache.Limits()
        limits.lifetime = .zero
        limits.askInterval = .seconds(600)
        let reader = GuildCache(redis: redis, limits: limits)
        let outcome: Result<Void, any Error>
        do {
            let environment = settings.merging([
                "FLOTILLA_REDIS_URL":
                    "redis://:\(configuration.password ?? "")@127.0.0.1:\(proxy.port)/"
            ]) { first, _ in first }
            try await ShardProcessTests.run(
                test, settings: environment,
                configure: { settings in
                    settings.slot.cache?.checkInterval = .milliseconds(100)
                    // An event is never seen before its write, unless Redis is away.
                    settings.slot.cache?.limits.patience = .seconds(20)
                    configure(&settings)
                }
            ) { process in
                try await body(Stage(process: process, proxy: proxy, redis: redis, reader: reader, slot: slot))
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await proxy.stop()
        let left = try await redis.command("KEYS", .string("a:\(slot.application):*")).array ?? []
        for key in left { try await redis.command("UNLINK", .buffer(key.buffer ?? .init())) }
        await redis.shutdown()
        try outcome.get()
    }

    @Test func `Guilds are there when their events are`() async throws {
        try await Self.run("cache") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            try await stage.wait(for: .filling, 1)
            connection.send(Self.create(1, s: 2))
            connection.send(Self.rename(1, s: 3, to: "harbour"))
            try await stage.process.topology.waitFor(sequences: [3])
            // No waiting here: the event leaves after its write.
            #expect(try await stage.reader.channel(10, of: stage.guild(1)).value?.name == "harbour")
            #expect(try await stage.status(1) == .warm)
            #expect(try await stage.status(2) == .filling)
            connection.send(#"{"op":0,"t":"GUILD_DELETE","s":4,"d":{"id":"\#(2 << 22)","unavailable":true}}"#)
            connection.send(#"{"op":0,"t":"GUILD_DELETE","s":5,"d":{"id":"\#(1 << 22)"}}"#)
            try await stage.process.topology.waitFor(sequences: [4, 5])
            #expect(try await stage.status(2) == .unavailable)
            #expect(try await stage.status(1) == .gone)
            let metrics = stage.process.metrics.prometheusText()
            #expect(metrics.contains("flotilla_shard_cache_writes_total 6"))
        }
    }

    @Test func `Guilds that READY does not name are removed, and only this shard's`() async throws {
        try await Self.run("departure") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            // Discord does not resume it; guild 2 is left meanwhile.
            connection.send(#"{"op":9,"d":false}"#)
            try await stage.wait(for: .unsure, 1)
            let next = try await stage.process.discord.connection(1)
            next.hello()
            _ = try await next.body(op: 2)
            next.ready(session: "next", resumeURL: stage.process.discord.url, guilds: [1 << 22])
            try await stage.wait(for: .gone, 2)
            next.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            let index = try await stage.redis.command(
                "SMEMBERS", .string(stage.keys.index(bucket: CacheKeys.bucket(of: 2 << 22))))
            #expect(index.array?.isEmpty == true)
        }
    }

    /// Two generations of one shard, of which the new one publishes nothing yet, and guilds 1 and 2.
    private struct Generations {
        let stage: Stage
        let old: ScriptedConnection
        let slot: Slot

        init(_ stage: Stage) async throws {
            self.stage = stage
            self.old = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { self.old.send(create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            self.slot = Slot(application: stage.slot.application, generation: 2, shard: 0)
            try await self.publish([])
            let coordinator = stage.process.coordinator
            coordinator.grant(
                coordinator.now.grants + [
                    SlotGrant(
                        slot: self.slot, numShards: 1, epoch: 1, intents: 33_281, gatewayURL: stage.process.discord.url,
                        session: nil)
                ])
        }

        /// A session of the new generation, up to its number 2.
        func begin(_ session: String, connection number: Int) async throws -> ScriptedConnection {
            let new = try await self.stage.process.discord.connection(number)
            new.hello()
            _ = try await new.body(op: 2)
            // Guild 2 was joined after its READY.
            new.ready(session: session, resumeURL: self.stage.process.discord.url, guilds: [1 << 22])
            new.send(create(1, s: 2))
            try await self.waitForWatermark(2, of: self.slot)
            return new
        }

        /// What the new generation publishes; the old one publishes everything.
        func publish(_ lanes: [Int], cached: [Int]? = nil) async throws {
            let application = self.slot.application
            try await self.stage.process.coordinator.publish([
                GenerationPublishing(application: application, generation: 1, lanes: Array(0..<32), commands: true),
                GenerationPublishing(
                    application: application, generation: 2, lanes: lanes, cached: cached, commands: false),
            ])
        }

        func waitForWatermark(_ sequence: Int64, of slot: Slot) async throws {
            try await eventually("watermark \(sequence) of \(slot)") {
                self.stage.process.coordinator.told(slot)?.session?.sequence == sequence
            }
        }

        func channel(_ guild: UInt64) async throws -> String? {
            try await self.stage.reader.channel(10, of: self.stage.guild(guild)).value?.name
        }
    }

    @Test func `A generation that publishes nothing leaves guilds alone`() async throws {
        try await Self.run("generations") { stage in
            let generations = try await Generations(stage)
            for (number, session) in ["lost", "new"].enumerated() {
                let new = try await generations.begin(session, connection: number + 1)
                new.send(Self.rename(1, s: 3, to: "early"))
                try await generations.waitForWatermark(3, of: generations.slot)
                if number == 0 { new.send(#"{"op":9,"d":false}"#) }
            }
            generations.old.send(Self.rename(1, s: 4, to: "harbour"))
            try await generations.waitForWatermark(4, of: stage.slot)
            #expect(try await generations.channel(1) == "harbour")
            #expect(try await stage.status(1) == .warm)
            #expect(try await stage.status(2) == .warm)
        }
    }

    @Test func `A generation takes guilds over with nothing missing, and gives them back as unsure`() async throws {
        try await Self.run("takeover") { stage in
            let generations = try await Generations(stage)
            let old = generations.old
            let new = try await generations.begin("new", connection: 1)
            // Both publish lane 1; the old one keeps its guilds.
            try await generations.publish([1], cached: [])
            new.send(Self.rename(1, s: 3, to: "pier"))
            new.send(Self.rename(2, s: 4, to: "another lane"))
            try await generations.waitForWatermark(4, of: generations.slot)
            #expect(try await generations.channel(1) == "general")
            // The old one falls silent before it hears of that.
            try await generations.publish([1], cached: [1])
            try await eventually("what was held") { try await generations.channel(1) == "pier" }
            new.send(Self.rename(1, s: 5, to: "quay"))
            old.send(Self.rename(1, s: 4, to: "late"))
            old.send(Self.rename(2, s: 5, to: "harbour"))
            try await generations.waitForWatermark(5, of: generations.slot)
            try await generations.waitForWatermark(5, of: stage.slot)
            #expect(try await generations.channel(1) == "quay")
            #expect(try await generations.channel(2) == "harbour")
            #expect(try await stage.status(1) == .warm)
            #expect(try await stage.status(2) == .warm)

            try await generations.publish([1], cached: [])
            try await stage.wait(for: .unsure, 1)
            old.send(Self.rename(1, s: 6, to: "old again"))
            try await generations.waitForWatermark(6, of: stage.slot)
            #expect(try await generations.channel(1) == "old again")
            #expect(try await stage.status(2) == .warm)
        }
    }

    @Test func `What one generation owes makes guilds unsure that another one keeps by now`() async throws {
        try await Self.run("takeover-debts") { stage in
            let generations = try await Generations(stage)
            let new = try await generations.begin("new", connection: 1)
            try await generations.publish([1], cached: [])
            stage.proxy.cut()
            generations.old.send(Self.rename(1, s: 4, to: "perhaps"))
            try await generations.waitForWatermark(4, of: stage.slot)
            try await stage.process.coordinator.publish([
                GenerationPublishing(application: stage.slot.application, generation: 1, lanes: [2], commands: false),
                GenerationPublishing(application: stage.slot.application, generation: 2, lanes: [1], commands: false),
            ])
            new.send(Self.rename(1, s: 3, to: "quay"))
            try await generations.waitForWatermark(3, of: generations.slot)
            stage.proxy.reopen()
            try await eventually("the new one's write") { try await generations.channel(1) == "quay" }
            try await stage.wait(for: .unsure, 1)
            #expect(try await stage.status(2) == .warm)
        }
    }

    @Test func `A guild that is taken over after a gap is unsure`() async throws {
        try await Self.run("takeover-gap") { stage in
            let generations = try await Generations(stage)
            let new = try await generations.begin("new", connection: 1)
            // Nobody tells what the old one had written by then.
            try await generations.publish([1])
            new.send(Self.rename(1, s: 3, to: "quay"))
            try await generations.waitForWatermark(3, of: generations.slot)
            #expect(try await generations.channel(1) == "quay")
            #expect(try await stage.status(1) == .unsure)
        }
    }

    @Test func `A guild is unsure when there was no room to hold what changed before it was taken over`() async throws {
        try await Self.run("takeover-room", configure: { $0.slot.cache?.takeoverBytes = 100 }) { stage in
            let generations = try await Generations(stage)
            let new = try await generations.begin("new", connection: 1)
            try await generations.publish([1], cached: [])
            new.send(Self.rename(1, s: 3, to: "pier"))
            try await generations.waitForWatermark(3, of: generations.slot)
            try await generations.publish([1], cached: [1])
            new.send(Self.rename(1, s: 4, to: "quay"))
            try await generations.waitForWatermark(4, of: generations.slot)
            #expect(try await generations.channel(1) == "quay")
            #expect(try await stage.status(1) == .unsure)
            let metrics = stage.process.metrics.prometheusText()
            #expect(metrics.contains("flotilla_shard_cache_held_overflows_total 1"))
        }
    }

    @Test func `The old state travels with the event`() async throws {
        let plan = try TemporaryDirectory("plan")
        let path = "\(plan.path)/plan.json"
        try Data(#"{"rules":[{"events":["CHANNEL_UPDATE"],"to":"lane","old":true}]}"#.utf8)
            .write(to: URL(fileURLWithPath: path))
        try await Self.run("old", settings: ["FLOTILLA_SHARD_PLAN_FILE": path]) { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            connection.send(Self.rename(1, s: 3, to: "harbour"))
            connection.send(Self.rename(1, s: 4, to: "quay"))
            try await stage.process.topology.waitFor(sequences: [4])
            let lines = stage.lines(3...4)
            #expect(lines[0].contains(#","old":{"id":"10","type":0,"name":"general"},"d":{"id":"10""#))
            #expect(lines[1].contains(#","name":"harbour"},"d":{"#))
        }
    }

    @Test func `Without Redis events go on, and what was missed is made up for`() async throws {
        try await Self.run("outage") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            stage.proxy.cut()
            connection.send(Self.rename(1, s: 4, to: "missed"))
            try await stage.process.topology.waitFor(sequences: [4])
            try await eventually("the coordinator hears that the cache is behind") {
                stage.process.coordinator.told(stage.slot)?.session?.cacheIsBehind == true
            }
            stage.proxy.reopen()
            // It was kept, and goes again.
            try await eventually("the channel has its name") {
                try await stage.reader.channel(10, of: stage.guild(1)).value?.name == "missed"
            }
            #expect(try await stage.status(1) == .warm)
            try await eventually("the cache is not behind any more") {
                stage.process.coordinator.told(stage.slot)?.session?.cacheIsBehind == nil
            }
        }
    }

    @Test func `A Redis that hangs holds events back for a moment only`() async throws {
        try await Self.run("stall", configure: { $0.slot.cache?.limits.patience = .milliseconds(50) }) { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            stage.proxy.apply(.stall(milliseconds: 60_000))
            for s in 3..<20 { connection.send(Self.rename(1, s: s, to: "n\(s)")) }
            try await stage.process.topology.waitFor(sequences: 3..<20)
            stage.proxy.mend()
            try await eventually("the channel has its last name") {
                try await stage.reader.channel(10, of: stage.guild(1)).value?.name == "n19"
            }
            #expect(try await stage.status(1) == .warm)
        }
    }

    @Test func `Writes that there was no room for make their guilds unsure`() async throws {
        try await Self.run("overflow", configure: { $0.slot.cache?.limits.bytes = 4_096 }) { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            stage.proxy.cut()
            for s in 4..<40 { connection.send(Self.rename(1, s: s, to: "n\(s)")) }
            try await stage.process.topology.waitFor(sequences: 4..<40)
            stage.proxy.reopen()
            try await stage.wait(for: .unsure, 1)
            #expect(try await stage.status(2) == .warm)
            let list = try await stage.redis.command("ZRANGE", .string(stage.keys.unsure), 0, -1)
            #expect(list.array?.compactMap(\.string) == ["\(1 << 22)"])
        }
    }

    @Test func `A flushed Redis makes all guilds unsure`() async throws {
        try await Self.run("flush") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            // As FLUSHALL does, but for other tests' keys.
            for key in try await stage.redis.command("KEYS", .string("a:\(stage.slot.application):*")).array ?? [] {
                try await stage.redis.command("DEL", .buffer(key.buffer ?? .init()))
            }
            try await stage.wait(for: .unsure, 1)
            try await stage.wait(for: .unsure, 2)
            try await eventually("both are to be fetched") {
                try await stage.redis.command("ZCARD", .string(stage.keys.unsure)).integer == 2
            }
            connection.send(Self.create(1, s: 4))
            try await stage.wait(for: .warm, 1)
        }
    }

    @Test func `A Redis that comes back with older data makes the guilds concerned unsure`() async throws {
        try await Self.run("older") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            connection.send(Self.rename(1, s: 4, to: "harbour"))
            try await stage.process.topology.waitFor(sequences: [4])
            #expect(try await stage.status(1) == .warm)
            stage.proxy.cut()
            // As a server that was started again from a snapshot of before the last write.
            let guild = UInt64(1) << 22
            try await stage.redis.command("HSET", .string(stage.keys.meta(of: guild)), "s", 2)
            try await stage.redis.command("DEL", .string(stage.keys.kind(.channels, of: guild)))
            stage.proxy.reopen()
            try await stage.wait(for: .unsure, 1)
            #expect(try await stage.status(2) == .warm)
        }
    }

    @Test func `The next owner of a session goes on, and looks after what the last one owed`() async throws {
        try await Self.run("takeover") { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            for guild in [1, 2] as [UInt64] { connection.send(Self.create(guild, s: Int(guild) + 1)) }
            try await stage.wait(for: .warm, 2)
            func resume(_ number: Int, epoch: Int64, isBehind: Bool?) async throws -> ScriptedConnection {
                stage.grant(
                    epoch: epoch,
                    session: SessionState(
                        sessionID: "abc", resumeURL: stage.process.discord.url, sequence: 2, cacheIsBehind: isBehind))
                let connection = try await stage.process.discord.connection(number)
                connection.hello()
                _ = try await connection.body(op: 6)
                return connection
            }
            let second = try await resume(1, epoch: 2, isBehind: nil)
            // Replayed: nothing becomes older by it.
            second.send(Self.create(2, s: 3))
            second.resumed(4)
            second.send(Self.rename(2, s: 5, to: "harbour"))
            try await stage.process.topology.waitFor(sequences: [5])
            #expect(try await stage.reader.channel(10, of: stage.guild(2)).value?.name == "harbour")
            for guild in [1, 2] as [UInt64] { #expect(try await stage.status(guild) == .warm) }
            let third = try await resume(2, epoch: 3, isBehind: true)
            third.resumed(6)
            try await stage.wait(for: .unsure, 1)
            try await stage.wait(for: .unsure, 2)
        }
    }

    @Test func `All members are asked for, and the guild is warm when they have come`() async throws {
        // GUILDS and GUILD_MEMBERS.
        try await Self.run("members", settings: ["FLOTILLA_CACHE_KINDS": "members=all"]) { stage in
            let connection = try await stage.begin(guilds: [1], intents: 3)
            connection.send(Self.create(1, s: 2, members: 3, list: #"{"user":{"id":"5"},"roles":[]}"#))
            let request = try await connection.body(op: 8)
            #expect(request["guild_id"] as? String == "\(1 << 22)")
            #expect(try await stage.status(1) == .filling)
            let nonce = try #require(request["nonce"] as? String)
            for index in 0..<2 {
                connection.send(
                    #"{"op":0,"t":"GUILD_MEMBERS_CHUNK","s":\#(index + 3),"d":{"guild_id":"\#(1 << 22)","#
                        + #""members":[{"user":{"id":"\#(index + 6)"},"roles":[]}],"chunk_index":\#(index),"#
                        + #""chunk_count":2,"nonce":"\#(nonce)"}}"#)
            }
            try await stage.wait(for: .warm, 1)
            #expect(try await stage.reader.count(.members, of: stage.guild(1)) == .known(3))
            #expect(try await stage.reader.member(404, of: stage.guild(1)) == .absent)
        }
    }
}
