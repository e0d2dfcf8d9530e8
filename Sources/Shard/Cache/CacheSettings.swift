import GuildCache
import Redis
import Runtime

/// How a shard process keeps the guild cache.
struct CacheSettings: Sendable {
    var redis: RedisConfiguration
    var kinds = CacheKinds()
    var limits = CacheQueue.Limits()
    /// Memory of what all slots of the process hold until they take guilds over.
    var takeoverBytes = 64 << 20
    /// How often it is looked whether Redis was flushed, and writes that are missing are looked after.
    var checkInterval: Duration = .seconds(1)
    /// How long a guild that READY or a lost session has made unsure waits for GUILD_CREATE before REST is asked.
    var createPatience: Duration = .seconds(120)

    init(redis: RedisConfiguration) { self.redis = redis }

    /// `nil` without a Redis: then nothing is cached.
    init?(_ reader: SettingsReader) {
        let url = reader.optionalSecret(
            "redis.url", aliases: ["REDIS_URL"], help: "Redis for the guild cache: redis://user:password@host:port/db.")
        let kinds = reader.parsed(
            "cache.kinds", default: CacheKinds.text, expected: CacheKinds.expected,
            help: "What is kept of guilds besides themselves, channels and roles."
        ) { try CacheKinds($0) }
        let memberTime = reader.duration(
            "cache.members-ttl", default: .seconds(3_600), in: .seconds(10)...(.seconds(30 * 86_400)),
            help: "How long a member that was seen is kept.")
        let mostMembers = reader.int(
            "cache.members-most", default: 1_000, in: 1...100_000, help: "Most members kept of a guild, when seen.")
        let presenceTime = reader.duration(
            "cache.presences-ttl", default: .seconds(900), in: .seconds(10)...(.seconds(86_400)),
            help: "How long a presence is kept.")
        let mostPresences = reader.int(
            "cache.presences-most", default: 1_000, in: 1...100_000, help: "Most presences kept of a guild.")
        let megabytes = reader.int(
            "cache.queue", default: 16, in: 1...4_096,
            help: "MiB of cache writes without an answer, for each thread, past which writes are skipped.")
        let takeoverMegabytes = reader.int(
            "cache.takeover", default: 64, in: 1...65_536,
            help: "MiB of guild changes held by all slots until they take the guilds over.")
        let patience = reader.duration(
            "cache.wait", default: .milliseconds(50), in: .milliseconds(1)...(.seconds(5)),
            help: "How long an event waits for its write to the cache at most.")
        guard let url else { return nil }
        do {
            self.redis = try RedisConfiguration(url: url.reveal())
        } catch {
            reader.reportProblem(
                "redis.url", given: "***", expected: "redis://user:password@host:port/db (\(error.message))")
            return nil
        }
        self.kinds = kinds ?? CacheKinds()
        self.kinds.memberBound = .init(seconds: Int(memberTime / .seconds(1)), count: mostMembers)
        self.kinds.presenceBound = .init(seconds: Int(presenceTime / .seconds(1)), count: mostPresences)
        self.limits.bytes = megabytes << 20
        self.limits.patience = patience
        self.takeoverBytes = takeoverMegabytes << 20
    }
}
