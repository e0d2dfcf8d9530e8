import Discord
import Foundation
import GuildCache
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Redis
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Worker

@Suite("Refilling the guild cache", .timeLimit(.minutes(1)))
struct GuildRefillTests {
    private static let guild: UInt64 = 42 << 22
    private static let quiet = Logger(label: "refill") { _ in SwiftLogNoOpLogHandler() }

    /// Discord's REST API as a test wants it: answers by path.
    private final class ScriptedREST: Sendable {
        let answers = Mutex<[String: (status: Int, body: String)]>([:])
        let asked = Mutex<[String]>([])
        /// Called before an answer leaves.
        let onAnswer = Mutex<(@Sendable (String) async throws -> Void)?>(nil)
        private let channel = Mutex<(any Channel)?>(nil)

        var url: String { "http://127.0.0.1:\(self.channel.withLock { $0?.localAddress?.port ?? 0 })" }

        func start() async throws {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                        try channel.pipeline.syncOperations.addHandler(Handler(rest: self))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            self.channel.withLock { $0 = channel }
        }

        func stop() async throws { try await self.channel.withLock { $0.take() }?.close() }

        func answer(_ path: String) async throws -> (status: Int, body: String) {
            self.asked.withLock { $0.append(path) }
            try await self.onAnswer.withLock { $0 }?(path)
            return self.answers.withLock { $0[path] } ?? (404, #"{"code":0,"message":"404: Not Found"}"#)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let rest: ScriptedREST
        private var path = ""

        init(rest: ScriptedREST) { self.rest = rest }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.path = head.uri
            case .body: break
            case .end:
                let (rest, path) = (self.rest, self.path)
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.makeFutureWithTask { try await rest.answer(path) }.whenSuccess { answer in
                    let (handler, context) = bound.value
                    let headers = HTTPHeaders([("content-length", "\(answer.body.utf8.count)")])
                    let head = HTTPResponseHead(
                        version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
                    context.write(handler.wrapOutboundOut(.head(head)), promise: nil)
                    context.write(
                        handler.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
                    context.writeAndFlush(handler.wrapOutboundOut(.end(nil)), promise: nil)
                }
            }
        }
    }

    private struct Stage {
        let redis: RedisClient
        let rest: ScriptedREST
        let refill: GuildRefill
        let keys: CacheKeys
        let reader: GuildCache
        let encoder: CacheWriteEncoder
        let planner: CachePlanner

        var guild: GuildCache.Guild { .init(Snowflake(rawValue: GuildRefillTests.guild), of: self.keys.application) }

        func write(_ event: CacheEvent, _ data: String, s: Int64, after: Int64) async throws {
            var pipeline = RedisPipeline()
            try Array(data.utf8).withUnsafeBytes { bytes in
                let plan = try #require(try self.planner.plan(event, bytes))
                self.encoder.append(
                    plan, of: GuildRefillTests.guild, from: bytes,
                    version: CacheVersion(
                        order: CacheOrder(generation: 1, epoch: 1, ordinal: 1), session: "s", sequence: s),
                    after: after, to: &pipeline)
            }
            if let error = await self.redis.pipeline(pipeline).firstError { throw error }
        }

        func putOnList() async throws {
            try await self.redis.command(
                "ZADD", .string(self.keys.unsure), 1, .string(String(GuildRefillTests.guild)))
        }

        var listed: Int64? {
            get async throws { try await self.redis.command("ZCARD", .string(self.keys.unsure)).integer }
        }

        var index: [String] {
            get async throws {
                let bucket = CacheKeys.bucket(of: GuildRefillTests.guild)
                let reply = try await self.redis.command("SMEMBERS", .string(self.keys.index(bucket: bucket)))
                return reply.array?.compactMap(\.string) ?? []
            }
        }

        func state() async throws -> CachedGuildState? { try await self.reader.state(of: self.guild) }
    }

    private static func run(_ body: (Stage) async throws -> Void) async throws {
        var configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        configuration.scripts = CacheScripts.all
        let redis = try RedisClient(configuration: configuration, logger: self.quiet)
        let keys = CacheKeys(application: Snowflake(rawValue: .random(in: 1 << 40...1 << 60)))
        let rest = ScriptedREST()
        try await rest.start()
        let metrics = MetricRegistry()
        let client = DiscordREST(
            apiURL: rest.url, token: Secret("token"),
            global: GlobalRateLimit(redis: redis, application: "\(keys.application)", logger: self.quiet),
            metrics: metrics, logger: self.quiet)
        var kinds = CacheKinds()
        kinds.members = .seen
        var limits = GuildCache.Limits()
        limits.lifetime = .zero
        let stage = Stage(
            redis: redis, rest: rest,
            refill: GuildRefill(
                redis: redis, rest: RefillSource(rest: client), requestsPerSecond: 40,
                metrics: RefillMetrics(metrics), logger: self.quiet),
            keys: keys, reader: GuildCache(redis: redis, limits: limits),
            encoder: CacheWriteEncoder(keys: keys, kinds: kinds), planner: CachePlanner(kinds: kinds, user: 1))
        rest.answers.withLock { answers in
            answers["/guilds/\(self.guild)?with_counts=true"] = (
                200,
                #"{"id":"\#(self.guild)","name":"Harbor","owner_id":"5","approximate_member_count":7,"#
                    + #""roles":[{"id":"2"}],"emojis":[],"stickers":[{"id":"3"}],"approximate_presence_count":2}"#
            )
            answers["/guilds/\(self.guild)/channels"] = (
                200, #"[{"id":"10","type":0,"name":"rest"},{"id":"11","type":2}]"#
            )
            answers["/guilds/\(self.guild)/threads/active"] = (200, #"{"threads":[{"id":"20"}],"members":[]}"#)
        }
        try await redis.command("SET", .string(keys.marker), .string(CacheMarker.text(kinds)))
        let outcome: Result<Void, any Error>
        do {
            try await body(stage)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await rest.stop()
        for key in try await redis.command("KEYS", .string("a:\(keys.application):*")).array ?? [] {
            try await redis.command("UNLINK", .buffer(key.buffer ?? .init()))
        }
        await redis.shutdown()
        try outcome.get()
    }

    private static let unsureChannel = #"{"id":"10","type":0,"name":"gateway"}"#

    @Test func `A guild that nothing is known of is filled`() async throws {
        try await Self.run { stage in
            let first = try await stage.refill.refillNext(stage.keys)
            #expect(!first)
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.reader.guild(stage.guild).value?.name == "Harbor")
            #expect(try await stage.reader.channel(10, of: stage.guild).value?.name == "rest")
            #expect(try await stage.reader.json(.roles, 2, of: stage.guild).value != nil)
            #expect(try await stage.reader.json(.threads, 20, of: stage.guild).value != nil)
            #expect(
                try await stage.reader.json(.guild, stage.guild.id, of: stage.guild).value.map { String(buffer: $0) }
                    == #"{"id":"\#(Self.guild)","name":"Harbor","owner_id":"5"}"#)
            let state = try await stage.state()
            #expect(state?.status == .warm && state?.unsure == [])
            #expect(state?.memberCount == 7)
            #expect(try await stage.listed == 0)
            // The next event of the guild changes it, and doubts nothing.
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 9, after: 5)
            #expect(try await stage.reader.channel(10, of: stage.guild).value?.name == "gateway")
            #expect(try await stage.state()?.status == .warm)
        }
    }

    @Test func `A guild that is filled after a flush is on the index that a census reads`() async throws {
        try await Self.run { stage in
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.index == ["\(Self.guild)"])
            // To the shard nothing is amiss: it has no reason to put the guild there.
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 9, after: 5)
            #expect(try await stage.state()?.status == .warm)
            // The one who refilled it may have died before it was on the index.
            try await stage.redis.command(
                "DEL", .string(stage.keys.index(bucket: CacheKeys.bucket(of: Self.guild))))
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.index == ["\(Self.guild)"])
            #expect(try await stage.listed == 0)
        }
    }

    @Test func `Voice states, which REST doesn't list, are kept in part until the next GUILD_CREATE`() async throws {
        try await Self.run { stage in
            let create = #"{"id":"1","name":"n","owner_id":"5","voice_states":[{"user_id":"5","channel_id":"11"}]}"#
            try await stage.write(.guildCreate, create, s: 3, after: 0)
            #expect(try await stage.reader.voiceState(5, of: stage.guild).value?.channelID == 11)
            // A write is missing: whoever was in voice may have left.
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 6, after: 5)
            #expect(try await stage.state()?.isCertain(of: .voice) == false)
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            let refilled = try await stage.state()
            #expect(refilled?.status == .warm)
            #expect(refilled?.kinds.contains(.voice) == false && refilled?.parts.contains(.voice) == true)
            #expect(try await stage.reader.voiceState(5, of: stage.guild) == .unknown)
            try await stage.write(.voiceStateUpdate, #"{"user_id":"6","channel_id":"11"}"#, s: 7, after: 6)
            #expect(try await stage.reader.voiceState(6, of: stage.guild).value?.channelID == 11)
            #expect(try await stage.reader.voiceState(5, of: stage.guild) == .unknown)
            try await stage.write(.guildCreate, create, s: 8, after: 7)
            #expect(try await stage.reader.voiceState(6, of: stage.guild) == .absent)
            #expect(try await stage.state()?.kinds.contains(.voice) == true)
        }
    }

    @Test func `What the gateway wrote meanwhile stays`() async throws {
        try await Self.run { stage in
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 3, after: 0)
            #expect(try await stage.state()?.status == .unsure)
            try await stage.putOnList()
            stage.rest.onAnswer.withLock { hook in
                hook = { path in
                    guard path.hasSuffix("/channels") else { return }
                    try await stage.write(.channelUpdate, #"{"id":"10","type":0,"name":"newer"}"#, s: 4, after: 3)
                }
            }
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.reader.channel(10, of: stage.guild).value?.name == "newer")
            // The channels are still unsure, and will be asked for again; the guild is not.
            #expect(try await stage.state()?.unsure == [.channels])
            #expect(try await stage.listed == 1)
            stage.rest.onAnswer.withLock { $0 = nil }
            stage.rest.asked.withLock { $0 = [] }
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(stage.rest.asked.withLock { $0 } == ["/guilds/\(Self.guild)/channels"])
            #expect(try await stage.state()?.status == .warm)
            #expect(try await stage.listed == 0)
        }
    }

    @Test func `Doubts that come up meanwhile stay`() async throws {
        try await Self.run { stage in
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 3, after: 0)
            try await stage.putOnList()
            stage.rest.onAnswer.withLock { hook in
                hook = { path in
                    guard path.hasSuffix("/channels") else { return }
                    // A write is missing.
                    try await stage.write(.roleDelete, #"{"role_id":"99"}"#, s: 9, after: 8)
                }
            }
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.state()?.unsure.contains(.guild) == true)
            #expect(try await stage.listed == 1)
        }
    }

    @Test func `A guild that Discord does not know goes`() async throws {
        try await Self.run { stage in
            try await stage.write(.channelUpdate, Self.unsureChannel, s: 3, after: 0)
            try await stage.putOnList()
            stage.rest.answers.withLock {
                $0["/guilds/\(Self.guild)?with_counts=true"] = (404, #"{"code":10004,"message":"Unknown Guild"}"#)
            }
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.state()?.status == .gone)
            #expect(try await stage.reader.channel(10, of: stage.guild) == .absent)
            #expect(try await stage.listed == 0)
            // Somebody asks for it once more.
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.index == [])
            #expect(try await stage.listed == 0)
        }
    }

    @Test func `A guild that is warm again is not asked for`() async throws {
        try await Self.run { stage in
            try await stage.write(.guildCreate, #"{"id":"1","name":"n","owner_id":"5"}"#, s: 3, after: 0)
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(stage.rest.asked.withLock { $0 }.isEmpty)
            #expect(try await stage.listed == 0)
        }
    }

    @Test func `What can't be had is left, and not asked for again at once`() async throws {
        try await Self.run { stage in
            stage.rest.answers.withLock { $0["/guilds/\(Self.guild)/threads/active"] = nil }
            try await stage.putOnList()
            #expect(try await stage.refill.refillNext(stage.keys))
            #expect(try await stage.state()?.unsure == [.threads])
            #expect(try await stage.listed == 0)
        }
    }

    // MARK: The command

    @Test func `The command tells what the cache knows`() async throws {
        try await Self.run { stage in
            let registry = CommandRegistry(modules: [GuildModule(cache: stage.reader)])
            let handler = CommandHandler(registry: registry) { 0 }
            func answer(_ guild: String) async throws -> String? {
                var event = WorkerEvent(
                    sequence: 1, name: .messageCreate, guildID: nil, receivedAt: 0,
                    payload: ByteBuffer(
                        string: #"{"id":"1","channel_id":"5",\#(guild)"author":{"id":"9"},"content":"!guild"}"#))
                event.application = stage.keys.application
                guard case .sendMessage(_, _, let content)? = try await handler.effects(of: event).first else {
                    return nil
                }
                return content
            }
            #expect(try await answer("") == "This is no server.")
            let here = #""guild_id":"\#(Self.guild)","#
            #expect(try await answer(here) == "I don't know this server yet.")
            let create =
                #"{"id":"1","name":"Harbor","owner_id":"5","member_count":1,"channels":[{"id":"1"},{"id":"2"}]}"#
            try await stage.write(.guildCreate, create, s: 3, after: 0)
            #expect(try await answer(here) == "**Harbor**: 1 member, 2 channels, 0 roles")
            try await stage.write(.roleDelete, #"{"role_id":"99"}"#, s: 9, after: 8)
            #expect(try await answer(here) == "**Harbor**: 1 member, 2 channels, 0 roles (when I last looked)")
        }
    }
}
