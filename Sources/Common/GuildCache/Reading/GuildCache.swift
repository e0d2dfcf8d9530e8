package import Discord
import Foundation
package import NIOCore
import NIOFoundationCompat
package import Redis
import Synchronization

/// Reads the guild cache. Keeps what it has read for a short time, in bounded memory.
package final class GuildCache: Sendable {
    package struct Limits: Sendable {
        /// Of what is kept in the process.
        package var bytes = 32 << 20
        /// How long something read counts as fresh, when no event tells otherwise.
        package var lifetime: Duration = .seconds(5)
        /// How often one guild is put on the list of those to fetch over REST, at most.
        package var askInterval: Duration = .seconds(60)

        package init() {}
    }

    /// A guild as an application sees it.
    package struct Guild: Hashable, Sendable {
        package let application: Snowflake
        package let id: Snowflake

        package init(_ id: Snowflake, of application: Snowflake) {
            self.application = application
            self.id = id
        }

        var keys: CacheKeys { CacheKeys(application: self.application) }
        var local: LocalCache.GuildKey { .init(application: self.application.rawValue, guild: self.id.rawValue) }
    }

    struct Item: Hashable {
        let kind: CacheKind
        let id: Snowflake

        /// Kinds with one value have it under the guild's own id.
        var local: LocalCache.ItemKey { .init(kind: self.kind, id: self.id.rawValue) }
    }

    private let redis: RedisClient
    private let limits: Limits
    private let local: Mutex<LocalCache>
    private let asked = Mutex<[Guild: ContinuousClock.Instant]>([:])
    private static let mostAsked = 10_000

    package init(redis: RedisClient, limits: Limits = Limits()) {
        self.redis = redis
        self.limits = limits
        self.local = Mutex(LocalCache(capacity: limits.bytes))
    }

    // MARK: Objects

    package func guild(_ guild: Guild) async throws -> CacheAnswer<CachedGuild> {
        try await self.object(.guild, guild.id, of: guild)
    }

    package func channel(_ id: Snowflake, of guild: Guild) async throws -> CacheAnswer<CachedChannel> {
        try await self.object(.channels, id, of: guild)
    }

    /// A thread that is not archived.
    package func thread(_ id: Snowflake, of guild: Guild) async throws -> CacheAnswer<CachedChannel> {
        try await self.object(.threads, id, of: guild)
    }

    package func role(_ id: Snowflake, of guild: Guild) async throws -> CacheAnswer<CachedRole> {
        try await self.object(.roles, id, of: guild)
    }

    package func member(_ user: Snowflake, of guild: Guild) async throws -> CacheAnswer<CachedMember> {
        try await self.object(.members, user, of: guild)
    }

    package func voiceState(_ user: Snowflake, of guild: Guild) async throws -> CacheAnswer<CachedVoiceState> {
        try await self.object(.voice, user, of: guild)
    }

    /// Discord's own bytes of any kind.
    package func json(_ kind: CacheKind, _ id: Snowflake, of guild: Guild) async throws -> CacheAnswer<ByteBuffer> {
        try await self.read([Item(kind: kind, id: id)], of: guild)[0]
    }

    /// - Throws: `RedisError`, or a decoding error for what is not what Discord documents.
    private func object<Object: Decodable & Sendable>(
        _ kind: CacheKind, _ id: Snowflake, of guild: Guild
    ) async throws -> CacheAnswer<Object> {
        try await self.read([Item(kind: kind, id: id)], of: guild)[0].map(Self.decode)
    }

    static func decode<Object: Decodable>(_ bytes: ByteBuffer) throws -> Object {
        try JSONDecoder().decode(Object.self, from: bytes)
    }

    /// All that is kept of a kind, by id; `nil` when the guild is not in the cache. Not kept in the process.
    package func all<Object: Decodable & Sendable>(
        _ kind: CacheKind, of guild: Guild, as type: Object.Type
    ) async throws -> CacheAnswer<[Snowflake: Object]> {
        var pipeline = RedisPipeline()
        Self.appendState(of: guild, to: &pipeline)
        pipeline.append("HGETALL", .string(guild.keys.kind(kind, of: guild.id.rawValue)))
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        guard let state = Self.state(results[0]) else {
            self.ask(for: guild)
            return .unknown
        }
        var objects: [Snowflake: Object] = [:]
        for (key, value) in results[1].pairs ?? [] {
            guard let id = key.string.flatMap(Snowflake.init), let bytes = value.buffer else { continue }
            objects[id] = try Self.decode(bytes)
        }
        guard state.isCertain(of: kind) else {
            self.askIfUseful(for: guild, state)
            return .unsure(objects)
        }
        return state.kinds.contains(kind) ? .known(objects) : .unsure(objects)
    }

    /// How many of a kind are kept.
    package func count(_ kind: CacheKind, of guild: Guild) async throws -> CacheAnswer<Int> {
        var pipeline = RedisPipeline()
        Self.appendState(of: guild, to: &pipeline)
        pipeline.append("HLEN", .string(guild.keys.kind(kind, of: guild.id.rawValue)))
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        guard let state = Self.state(results[0]), let count = results[1].integer else { return .unknown }
        return state.isCertain(of: kind) && state.kinds.contains(kind) ? .known(Int(count)) : .unsure(Int(count))
    }

    /// The state of the whole; `nil` when the guild is not in the cache.
    package func state(of guild: Guild) async throws -> CachedGuildState? {
        var pipeline = RedisPipeline()
        Self.appendState(of: guild, to: &pipeline)
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        return Self.state(results[0])
    }

    // MARK: Reading

    /// Answers in the order of the items, out of the process or by one round trip.
    func read(_ items: [Item], of guild: Guild) async throws -> [CacheAnswer<ByteBuffer>] {
        let now = ContinuousClock.now
        var answers: [CacheAnswer<ByteBuffer>?]
        let since: UInt64
        (answers, since) = self.local.withLock { local in
            (items.map { local.item($0.local, of: guild.local, now: now)?.answer }, local.invalidations)
        }
        let missing = answers.indices.filter { answers[$0] == nil }
        guard !missing.isEmpty else { return answers.compactMap { $0 } }
        var pipeline = RedisPipeline()
        Self.appendState(of: guild, to: &pipeline)
        for index in missing {
            let item = items[index]
            let key = RedisArgument.string(guild.keys.kind(item.kind, of: guild.id.rawValue))
            if item.kind == .guild {
                pipeline.append("GET", key)
            } else {
                pipeline.append("HGET", key, .string(item.id.description))
            }
        }
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        let state = Self.state(results[0])
        for (index, result) in zip(missing, results.dropFirst()) {
            answers[index] = Self.answer(result.buffer, items[index].kind, state)
        }
        self.local.withLock { local in
            for index in missing {
                guard let answer = answers[index] else { continue }
                local.store(
                    .init(answer: answer, expires: now + self.limits.lifetime), items[index].local, of: guild.local,
                    since: since)
            }
        }
        if let state { self.askIfUseful(for: guild, state) } else { self.ask(for: guild) }
        return answers.map { $0 ?? .unknown }
    }

    private static func answer(
        _ value: ByteBuffer?, _ kind: CacheKind, _ state: CachedGuildState?
    ) -> CacheAnswer<ByteBuffer> {
        guard let state else { return .unknown }
        if state.status == .gone { return .absent }
        guard state.isCertain(of: kind) else { return .unsure(value) }
        if let value { return .known(value) }
        return state.kinds.contains(kind) ? .absent : .unknown
    }

    private static func appendState(of guild: Guild, to pipeline: inout RedisPipeline) {
        pipeline.append(
            RedisCommand(
                ["HMGET", .string(guild.keys.meta(of: guild.id.rawValue))]
                    + CachedGuildState.fields.map { .string($0) }))
    }

    private static func state(_ reply: RESPValue) -> CachedGuildState? {
        reply.array.flatMap { CachedGuildState($0.map(\.string)) }
    }

    // MARK: Freshness

    /// An event has changed something: what was read before counts no more.
    package func saw(_ event: CacheEvent, of guild: Guild) {
        let kinds = event.changedKinds
        guard !kinds.isEmpty else { return }
        self.local.withLock { $0.invalidate(kinds, of: guild.local) }
    }

    private func askIfUseful(for guild: Guild, _ state: CachedGuildState) {
        if state.status == .unsure, !state.unsure.isDisjoint(with: CacheKind.overREST) { self.ask(for: guild) }
    }

    /// Puts a guild on the list of those to fetch over REST, now and then.
    private func ask(for guild: Guild) {
        let now = ContinuousClock.now
        let isDue = self.asked.withLock { asked in
            if let before = asked[guild], now - before < self.limits.askInterval { return false }
            if asked.count >= Self.mostAsked { asked = [:] }
            asked[guild] = now
            return true
        }
        guard isDue else { return }
        var pipeline = RedisPipeline()
        let milliseconds = Int64(Date().timeIntervalSince1970 * 1000)
        pipeline.append(
            "ZADD", .string(guild.keys.unsure), "NX", .integer(milliseconds), .string(guild.id.description))
        // Without an answer the next reader asks again.
        self.redis.send(pipeline) { _ in }
    }
}

extension CacheKind {
    /// What REST can tell of, of a whole guild.
    package static let overREST: Set<CacheKind> = [
        .guild, .channels, .roles, .emojis, .stickers, .threads, .events, .sounds,
    ]
    /// What nothing but GUILD_CREATE tells of a whole guild. A refill makes these kinds be kept in part.
    package static let onlyInGuildCreate: Set<CacheKind> = [.voice, .stages]
}

extension CacheEvent {
    /// What a reader has to read again.
    var changedKinds: Set<CacheKind> {
        switch self {
        case .guildCreate, .guildUpdate, .guildDelete: Set(CacheKind.allCases)
        case .channelCreate, .channelUpdate: [.channels]
        case .channelDelete: [.channels, .threads]
        case .channelPinsUpdate, .channelInfo, .voiceChannelStatusUpdate, .voiceChannelStartTimeUpdate: []
        case .threadCreate, .threadUpdate, .threadDelete, .threadListSync: [.threads]
        case .threadMemberUpdate, .threadMembersUpdate: []
        case .roleCreate, .roleUpdate, .roleDelete: [.roles]
        case .emojisUpdate: [.emojis]
        case .stickersUpdate: [.stickers]
        case .memberAdd, .memberUpdate, .memberRemove, .membersChunk: [.members]
        case .messageCreate: []
        case .voiceStateUpdate: [.voice]
        case .presenceUpdate: [.presences]
        case .stageCreate, .stageUpdate, .stageDelete: [.stages]
        case .eventCreate, .eventUpdate, .eventDelete: [.events]
        case .soundCreate, .soundUpdate, .soundDelete, .soundsUpdate, .sounds: [.sounds]
        }
    }
}
