import Discord
import Foundation
import GuildCache
import Logging
import NIOCore
import NIOPosix
import Redis

/// Guards the start of a fleet, when every guild's GUILD_CREATE comes at once: 10,000 of them go into an empty cache,
/// planned, encoded and carried out by the script, over one connection. The limit is redis-benchmark with 50
/// connections and SETs of values as long as those of the guilds: it copies each value once, a script three times.
struct GuildLoadBenchmark {
    private static let guildCount = 10_000
    /// Different bodies; one guild after another has the next.
    private static let bodyCount = 1_000
    /// Bytes of one pipeline, and how many are under way at once.
    private static let pipelineBytes = 1 << 20
    private static let pipelines = 8

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = try RedisConfiguration(url: self.url)
        configuration.scripts = CacheScripts.all
        let client = try RedisClient(configuration: configuration, group: group, logger: Logger(label: "bench.redis"))
        try await client.waitUntilReady()
        let guilds = GuildBodies(count: Self.bodyCount)
        let keys = CacheKeys(application: Snowflake(rawValue: UInt64(ProcessInfo.processInfo.processIdentifier)))
        var limitRate = 300_000.0
        let samples = try await rounds.compare { length in
            let rate = try await Self.load(
                length < rounds.length ? Self.bodyCount : Self.guildCount, of: guilds, keys: keys, client)
            try await Self.deleteKeys(keys, client)
            return rate
        } limit: { length in
            limitRate = try await SetBenchmark.limit(
                configuration, connections: 50, depth: 64, commands: Int(limitRate * length.inSeconds),
                valueSize: guilds.valueSize, keyCount: 10_000)
            return limitRate * Double(guilds.valueSize)
        }
        await client.shutdown()
        try await group.shutdownGracefully()
        Measurement(
            scenario: "guild-load", metric: "\(Self.guildCount) GUILD_CREATEs into the cache", unit: "bytes/s",
            ours: samples.ours.map { $0 * Double(guilds.meanBytes) }, limit: samples.limit, goal: .atLeast(0.25)
        ).report()
        Measurement(
            scenario: "guild-load", metric: "GUILD_CREATEs of \(guilds.meanBytes) bytes on average", unit: "guilds/s",
            ours: samples.ours, limit: [], goal: .none
        ).report()
    }

    /// Guilds a second.
    private static func load(
        _ count: Int, of guilds: GuildBodies, keys: CacheKeys, _ client: RedisClient
    ) async throws -> Double {
        let kinds = CacheKinds()
        let planner = CachePlanner(kinds: kinds, user: 1)
        let encoder = CacheWriteEncoder(keys: keys, kinds: kinds)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { sends in
            var (number, underWay) = (0, 0)
            while number < count {
                var pipeline = RedisPipeline(reservingBytes: Self.pipelineBytes)
                while pipeline.byteCount < Self.pipelineBytes, number < count {
                    try guilds.bodies[number % guilds.bodies.count].withUnsafeReadableBytes { bytes in
                        guard let plan = try planner.plan(.guildCreate, bytes) else { return }
                        encoder.append(
                            plan, of: UInt64(number + 1) << 22, from: bytes,
                            version: CacheVersion(
                                order: CacheOrder(generation: 1, epoch: 1, ordinal: 1), session: "bench",
                                sequence: Int64(number + 1)),
                            after: 0, to: &pipeline)
                    }
                    number += 1
                }
                if underWay == Self.pipelines {
                    try await sends.next()
                    underWay -= 1
                }
                underWay += 1
                sends.addTask { [pipeline] in
                    if let error = await client.pipeline(pipeline, timeout: .seconds(60)).firstError { throw error }
                }
            }
            try await sends.waitForAll()
        }
        return Double(count) / (ContinuousClock.now - start).inSeconds
    }

    private static func deleteKeys(_ keys: CacheKeys, _ client: RedisClient) async throws {
        for first in stride(from: 1, through: self.guildCount, by: 500) {
            var pipeline = RedisPipeline()
            for number in first..<(first + 500) {
                let guild = UInt64(number) << 22
                let all =
                    CacheKind.allCases.map { keys.kind($0, of: guild) } + [
                        keys.meta(of: guild), keys.kind(.members, of: guild) + ":seen",
                    ]
                pipeline.append(RedisCommand(["UNLINK"] + all.map { .string($0) }))
            }
            if let error = await client.pipeline(pipeline, timeout: .seconds(60)).firstError { throw error }
        }
    }
}
