import Discord
import GuildCache
import Logging
import NIOCore
import Redis
import Runtime
import ServiceLifecycle

/// Fetches guilds whose cache is unsure over REST, one at a time and slowly. What the gateway wrote meanwhile stays.
///
/// The list of such guilds is a sorted set in Redis, by when each is due. A guild that is taken comes due again after a
/// while, should this process not get it done.
struct GuildRefill: Service {
    /// Milliseconds until a guild that was taken, or fetched in vain, comes due again.
    private static let lease: Int64 = 60_000
    private static let again: Int64 = 5_000

    let redis: RedisClient
    let rest: RefillSource
    let requestsPerSecond: Int
    let metrics: RefillMetrics
    let logger: Logger
    /// Between looks at an empty list.
    var idle: Duration = .seconds(1)

    /// Takes the guild that is due for longest.
    ///
    /// KEYS[1]: the list. ARGV[1]: milliseconds until it comes due again.
    private static let take = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)
        if not due[1] then return false end
        redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], due[1])
        return due[1]
        """)

    /// Puts a guild on the list again, for later.
    ///
    /// KEYS[1]: the list. ARGV: the guild, milliseconds from now.
    private static let postpone = RedisScript(
        """
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[1], time[1] * 1000 + ARGV[2], ARGV[1])
        return 1
        """)

    func run() async throws {
        if self.requestsPerSecond > 0 {
            await cancelWhenGracefulShutdown { await self.work() }
        }
        // A service that returns would stop its group.
        try? await gracefulShutdown()
    }

    private func work() async {
        var application: Snowflake?
        while !Task.isCancelled {
            do {
                if application == nil { application = try await self.rest.application() }
                guard let application, try await self.refillNext(CacheKeys(application: application)) else {
                    try await Task.sleep(for: self.idle * Double.random(in: 0.5...1.5))
                    continue
                }
            } catch is CancellationError {
                return
            } catch {
                self.logger.warning("a guild can't be fetched for the cache", metadata: ["error": "\(error)"])
                self.metrics.failed.increment()
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: .seconds(5) * Double.random(in: 0.5...1.5))
            }
        }
    }

    /// - Returns: false when no guild is due.
    func refillNext(_ keys: CacheKeys) async throws -> Bool {
        let taken = try await self.redis.run(
            Self.take, keys: [.string(keys.unsure)], arguments: [.integer(Self.lease)])
        guard let text = taken.string else { return false }
        guard let guild = Snowflake(text) else {
            try await self.redis.command("ZREM", .string(keys.unsure), .string(text))
            return true
        }
        let marker = CacheMarker(try await self.redis.command("GET", .string(keys.marker)).string)
        // Without a shard that tells what is kept, nothing is.
        guard let kept = marker?.whole else { return true }
        let stamp = try await self.stamp(of: guild, keys)
        let wanted = stamp.wanted(kept: kept)
        guard !wanted.isEmpty else {
            // Whoever refilled it may have died before the index was written.
            if let status = stamp.status, status != .gone { try await self.index(guild, keys) }
            try await self.finish(guild, keys, kept: kept)
            return true
        }
        var refill = CacheRefill(stamp, kept: kept)
        guard try await self.fetch(wanted, of: guild, into: &refill) else {
            var pipeline = RedisPipeline()
            CacheRefill.appendForget(guild.rawValue, stamp, keys, to: &pipeline)
            if let error = await self.redis.pipeline(pipeline).firstError { throw error }
            self.metrics.forgotten.increment()
            try await self.finish(guild, keys, kept: kept)
            return true
        }
        var pipeline = RedisPipeline(reservingBytes: 64 << 10)
        refill.append(to: &pipeline, guild: guild.rawValue, keys)
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        let put = results.first?.array ?? []
        if put.isEmpty {
            self.metrics.stale.increment()
        } else {
            self.metrics.refilled.increment()
            try await self.index(guild, keys)
        }
        // Kinds that Discord refuses to tell of are not asked for again at once.
        let missed = !refill.kinds.isEmpty && put.count - 1 < refill.kinds.count
        if missed {
            try await self.postpone(guild, keys)
        } else {
            try await self.finish(guild, keys, kept: refill.kinds)
        }
        return true
    }

    private func stamp(of guild: Snowflake, _ keys: CacheKeys) async throws -> CacheStamp {
        var pipeline = RedisPipeline()
        CacheStamp.append(of: guild.rawValue, keys, to: &pipeline)
        let results = await self.redis.pipeline(pipeline)
        if let error = results.firstError { throw error }
        guard let stamp = results.first.flatMap(CacheStamp.init) else {
            throw RedisError(.unexpectedReply, "a guild's state is no array", delivery: .answered)
        }
        return stamp
    }

    /// - Returns: false when Discord does not know the guild.
    private func fetch(
        _ wanted: Set<CacheKind>, of guild: Snowflake, into refill: inout CacheRefill
    ) async throws -> Bool {
        if !wanted.isDisjoint(with: [.guild, .roles, .emojis, .stickers]) {
            switch try await self.get(.guild(guild)) {
            case .found(let answer): try refill.setGuild(answer)
            case .noSuchGuild: return false
            case .refused: break
            }
        }
        if wanted.contains(.channels) {
            switch try await self.get(.guild(guild, list: "channels")) {
            case .found(let answer): try refill.setList(.channels, answer)
            case .noSuchGuild: return false
            case .refused: break
            }
        }
        if wanted.contains(.threads),
            case .found(let answer) = try await self.get(.guild(guild, list: "threads/active"))
        {
            try refill.setList(.threads, answer, member: "threads")
        }
        if wanted.contains(.events),
            case .found(let answer) = try await self.get(.guild(guild, list: "scheduled-events"))
        {
            try refill.setList(.events, answer)
        }
        if wanted.contains(.sounds),
            case .found(let answer) = try await self.get(.guild(guild, list: "soundboard-sounds"))
        {
            try refill.setList(.sounds, answer, member: "items", key: "sound_id")
        }
        return true
    }

    private func get(_ route: DiscordRoute) async throws -> RefillSource.Answer {
        try await Task.sleep(for: .seconds(1) / Double(self.requestsPerSecond))
        return try await self.rest.get(route)
    }

    /// After Redis has lost everything no shard has a reason to write the index again: to it the guild is all right.
    ///
    /// A guild that is gone by now is put there too. The next READY takes it off: an entry too many costs a look, one
    /// too few keeps the guild out of every census.
    private func index(_ guild: Snowflake, _ keys: CacheKeys) async throws {
        let bucket = CacheKeys.bucket(of: guild.rawValue)
        try await self.redis.command("SADD", .string(keys.index(bucket: bucket)), .string(guild.description))
    }

    /// Takes the guild off the list, unless something came up meanwhile: whoever found that had it on the list already.
    private func finish(_ guild: Snowflake, _ keys: CacheKeys, kept: Set<CacheKind>) async throws {
        try await self.redis.command("ZREM", .string(keys.unsure), .string(guild.description))
        let now = try await self.stamp(of: guild, keys)
        if now.status != nil, !now.wanted(kept: kept).isDisjoint(with: kept) { try await self.postpone(guild, keys) }
    }

    private func postpone(_ guild: Snowflake, _ keys: CacheKeys) async throws {
        try await self.redis.run(
            Self.postpone, keys: [.string(keys.unsure)],
            arguments: [.string(guild.description), .integer(Self.again)])
    }
}
