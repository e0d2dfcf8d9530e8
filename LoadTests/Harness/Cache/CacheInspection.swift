import Discord
import Foundation
import GuildCache
import Logging
import NIOCore
import Redis

/// Reads both sides of a ``CacheComparison``.
struct CacheInspection: Sendable {
    /// Of one request for members by their ids.
    private static let idsAtOnce = 200
    private static let page = 1000

    let control: SandboxControl
    let redisURL: String
    let application: Snowflake

    private var keys: CacheKeys { CacheKeys(application: self.application) }

    /// - Parameter kinds: what the fleet keeps.
    func verdict(_ kinds: CacheKinds, mayLack: Bool, hasHealed: Bool) async throws -> Verdict {
        let cache = try await self.cache()
        let model = try await self.model(beside: cache, kinds)
        var comparison = CacheComparison(kinds: kinds)
        comparison.mayLack = mayLack
        comparison.hasHealed = hasHealed
        return comparison.verdict(model, cache)
    }

    // MARK: Redis

    private func withRedis<Result: Sendable>(_ body: (RedisClient) async throws -> Result) async throws -> Result {
        let client = try RedisClient(
            configuration: RedisConfiguration(url: self.redisURL),
            logger: Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() }))
        let outcome: Swift.Result<Result, any Error>
        do {
            try await client.waitUntilReady()
            outcome = .success(try await body(client))
        } catch {
            outcome = .failure(error)
        }
        await client.shutdown()
        return try outcome.get()
    }

    /// Every guild that Redis has anything of.
    func cache() async throws -> [GuildInCache] {
        try await self.withRedis { redis in
            // Nobody else waits for this Redis.
            let reply = try await redis.command(
                "KEYS", .string("a:\(self.application):g:{*}:meta"), timeout: .seconds(20))
            let ids = (reply.array ?? []).compactMap { key in
                key.string?.split(separator: "{").last?.split(separator: "}").first.flatMap { UInt64($0) }
            }
            var guilds: [GuildInCache] = []
            for batch in stride(from: 0, to: ids.count, by: 50).map({ ids[$0..<min($0 + 50, ids.count)] }) {
                var pipeline = RedisPipeline()
                for id in batch { GuildInCache.append(id, self.keys, to: &pipeline) }
                let replies = await redis.pipeline(pipeline, timeout: .seconds(20))
                if let error = replies.firstError { throw error }
                let count = replies.count / batch.count
                for (index, id) in batch.enumerated() {
                    guard let guild = GuildInCache(id: id, replies[(index * count)..<((index + 1) * count)]) else {
                        continue
                    }
                    guilds.append(guild)
                }
            }
            return guilds
        }
    }

    /// Puts what is missing on the list of guilds to fetch, as a reader does that finds it missing.
    func askForMissing() async throws {
        let ids = try await self.ids()
        let known = Set(try await self.cache().map(\.id))
        try await self.withRedis { redis in
            for id in ids where !known.contains(id) {
                let now = Int64(Date().timeIntervalSince1970 * 1000)
                try await redis.command("ZADD", .string(self.keys.unsure), "NX", .integer(now), .string("\(id)"))
            }
        }
    }

    // MARK: The model

    private func ids() async throws -> [UInt64] {
        var ids: [UInt64] = []
        while true {
            let answer = try await self.control.get(
                "/model/guilds?application=\(self.application)&limit=\(Self.page)&after=\(ids.last ?? 0)")
            let page = try answer.readableBytesView.sliced { (slice) throws(SliceError) in
                var page: [UInt64] = []
                try slice.member("guilds")?.forEachElement { (guild) throws(SliceError) in
                    if let id = try guild.member("id")?.id { page.append(id) }
                }
                return page
            }
            ids += page
            guard page.count == Self.page else { return ids }
        }
    }

    private func model(beside cache: [GuildInCache], _ kinds: CacheKinds) async throws -> [ModelGuild] {
        let cached = Dictionary(cache.map { ($0.id, $0) }) { first, _ in first }
        var guilds: [ModelGuild] = []
        for id in try await self.ids() {
            let answer = try await self.control.get("/model/guilds/\(id)?application=\(self.application)")
            var guild = try ModelGuild(answer)
            if kinds.members == .all {
                try await self.addAllMembers(to: &guild)
            } else if let known = cached[id]?.lists[.members]?.keys.sorted() {
                for start in stride(from: 0, to: known.count, by: Self.idsAtOnce) {
                    let ids = known[start..<min(start + Self.idsAtOnce, known.count)].map { "\($0)" }
                    let list = ids.joined(separator: ",")
                    try guild.addMembers(
                        try await self.control.get(
                            "/model/guilds/\(id)/members?application=\(self.application)&ids=\(list)"))
                }
            }
            guilds.append(guild)
        }
        return guilds
    }

    private func addAllMembers(to guild: inout ModelGuild) async throws {
        while true {
            let before = guild.lists[.members]?.count ?? 0
            let last = guild.lists[.members]?.keys.max() ?? 0
            let path =
                "/model/guilds/\(guild.id)/members?application=\(self.application)&after=\(last)&limit=\(Self.page)"
            try guild.addMembers(try await self.control.get(path))
            guard (guild.lists[.members]?.count ?? 0) - before == Self.page else { return }
        }
    }
}
