import Discord
import GuildCache
import Logging
import Redis
import TestSupport
import Testing

let quiet = Logger(label: "cache.tests") { _ in SwiftLogNoOpLogHandler() }

/// The cache of an application of the test's own in the shared Redis.
struct CacheUnderTest: Sendable {
    static let guild: UInt64 = 81_384_788_765_712_384

    let redis: RedisClient
    let keys: CacheKeys
    let kinds: CacheKinds
    let planner: CachePlanner
    let encoder: CacheWriteEncoder

    init(redis: RedisClient, kinds: CacheKinds) {
        self.redis = redis
        self.keys = CacheKeys(application: Snowflake(rawValue: .random(in: 1 << 40...1 << 60)))
        self.kinds = kinds
        self.planner = CachePlanner(kinds: kinds, user: 99)
        self.encoder = CacheWriteEncoder(keys: self.keys, kinds: kinds)
    }

    /// A session's writes, in order.
    struct Session {
        var order: CacheOrder
        let id: String
        /// The last write of this writer.
        var after: Int64 = 0

        init(_ id: String, generation: Int = 1, epoch: Int64 = 1, ordinal: Int = 1) {
            self.id = id
            self.order = CacheOrder(generation: generation, epoch: epoch, ordinal: ordinal)
        }
    }

    enum Outcome: Int64 {
        case refused, applied, doubted
    }

    /// Writes one event; `nil` when it changes nothing.
    @discardableResult
    func write(
        _ name: String, _ data: String, s: Int64, by session: inout Session, guild: UInt64 = CacheUnderTest.guild,
        wantsOld: Bool = false
    ) async throws -> (outcome: Outcome, unsure: String, old: String?)? {
        var pipeline = RedisPipeline()
        let isPlanned = try Array(name.utf8).withUnsafeBytes { name in
            guard let event = CacheEvent(name) else { return false }
            return try Array(data.utf8).withUnsafeBytes { bytes in
                guard let plan = try self.planner.plan(event, bytes) else { return false }
                self.encoder.append(
                    plan, of: guild, from: bytes,
                    version: CacheVersion(order: session.order, session: session.id, sequence: s),
                    after: session.after, wantsOld: wantsOld, to: &pipeline)
                return true
            }
        }
        guard isPlanned else { return nil }
        session.after = s
        return try await self.outcome(pipeline)
    }

    func expect(by session: inout Session, s: Int64 = 1) async throws -> Outcome {
        var pipeline = RedisPipeline()
        [UInt8]().withUnsafeBytes { bytes in
            self.encoder.append(
                CachePlan(.expect), of: Self.guild, from: bytes,
                version: CacheVersion(order: session.order, session: session.id, sequence: s), after: 0, to: &pipeline)
        }
        session.after = s
        return try await self.outcome(pipeline).outcome
    }

    func check(_ session: Session, s: Int64, always: Bool = false) async throws -> Bool {
        var pipeline = RedisPipeline()
        self.encoder.appendCheck(
            of: Self.guild, version: CacheVersion(order: session.order, session: session.id, sequence: s),
            always: always, to: &pipeline)
        let result = try #require(await self.redis.pipeline(pipeline).last).get()
        return result.integer == 1
    }

    private func outcome(_ pipeline: RedisPipeline) async throws -> (outcome: Outcome, unsure: String, old: String?) {
        let results = await self.redis.pipeline(pipeline, timeout: .seconds(20))
        if let error = results.firstError { throw error }
        let answer = try #require(results.last?.array)
        let outcome = try #require(answer[0].integer.flatMap(Outcome.init(rawValue:)))
        return (outcome, answer[1].string ?? "", answer.count > 2 ? answer[2].string : nil)
    }

    // MARK: Looking

    func meta(_ field: String, guild: UInt64 = CacheUnderTest.guild) async throws -> String? {
        try await self.redis.command("HGET", .string(self.keys.meta(of: guild)), .string(field)).string
    }

    func object(_ guild: UInt64 = CacheUnderTest.guild) async throws -> String? {
        try await self.redis.command("GET", .string(self.keys.guild(guild))).string
    }

    func hash(_ kind: CacheKind, guild: UInt64 = CacheUnderTest.guild) async throws -> [String: String] {
        try await self.hash(self.keys.kind(kind, of: guild))
    }

    func hash(_ key: String) async throws -> [String: String] {
        let pairs = try await self.redis.command("HGETALL", .string(key)).pairs ?? []
        return Dictionary(uniqueKeysWithValues: pairs.map { ($0.key.string ?? "", $0.value.string ?? "") })
    }

    func allKeys() async throws -> [String] {
        try await self.redis.command("KEYS", .string("a:\(self.keys.application):*")).array?.compactMap(\.string) ?? []
    }

    func timeToLive(_ key: String) async throws -> Int64? { try await self.redis.command("TTL", .string(key)).integer }
}

/// Gives the body a cache, and removes its keys afterwards.
func withCache<Result>(
    _ kinds: CacheKinds = CacheKinds(), _ body: (CacheUnderTest) async throws -> Result
) async throws -> Result {
    var configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
    configuration.scripts = CacheScripts.all
    configuration.commandTimeout = .seconds(20)
    let client = try RedisClient(configuration: configuration, logger: quiet)
    let cache = CacheUnderTest(redis: client, kinds: kinds)
    func cleanUp() async throws {
        for key in try await cache.allKeys() { try await client.command("UNLINK", .string(key)) }
        await client.shutdown()
    }
    do {
        let result = try await body(cache)
        try await cleanUp()
        return result
    } catch {
        try await cleanUp()
        throw error
    }
}
