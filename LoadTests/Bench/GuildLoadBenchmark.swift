import Discord
import Foundation
import GuildCache
import Logging
import NIOCore
import NIOPosix
import Redis

/// Guards the start of a fleet, when every guild's GUILD_CREATE comes at once: that planning, encoding and the script
/// move the guilds' bytes about as fast as plain SETs of values of the same size do. One connection and one script call
/// a guild against redis-benchmark's 50 connections.
struct GuildLoadBenchmark {
    /// Bytes of `d` under way at once.
    private static let window = 8 << 20
    private static let guildCount = 500
    private static let valueSize = 400

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = try RedisConfiguration(url: self.url)
        configuration.scripts = CacheScripts.all
        let client = try RedisClient(configuration: configuration, group: group, logger: Logger(label: "bench.redis"))
        try await client.waitUntilReady()
        let guilds = Self.guilds
        let bytes = guilds.reduce(0) { $0 + $1.readableBytes }
        let keys = CacheKeys(application: Snowflake(rawValue: UInt64(ProcessInfo.processInfo.processIdentifier)))
        var session = 0
        var rates: [Double] = []
        var limitRate = 300_000.0
        let samples = try await rounds.compare { length in
            session += 1
            let rate = try await Self.load(guilds, keys: keys, session: session, client, for: length)
            rates.append(rate * Double(guilds.count) / Double(bytes))
            return rate
        } limit: { length in
            limitRate = try await Self.limit(configuration, commands: Int(limitRate * length.inSeconds))
            return limitRate * Double(Self.valueSize)
        }
        try await Self.deleteKeys(keys, client)
        await client.shutdown()
        try await group.shutdownGracefully()
        Measurement(
            scenario: "guild-load", metric: "GUILD_CREATE into the cache", unit: "bytes/s", ours: samples.ours,
            limit: samples.limit, goal: .atLeast(0.5)
        ).report()
        Measurement(
            scenario: "guild-load", metric: "GUILD_CREATE of \(bytes / guilds.count) bytes", unit: "guilds/s",
            ours: Array(rates.dropFirst()), limit: [], goal: .none
        ).report()
    }

    /// Bytes of `d` a second.
    private static func load(
        _ guilds: [ByteBuffer], keys: CacheKeys, session: Int, _ client: RedisClient, for length: Duration
    ) async throws -> Double {
        let kinds = CacheKinds()
        let planner = CachePlanner(kinds: kinds, user: 1)
        let encoder = CacheWriteEncoder(keys: keys, kinds: kinds)
        let start = ContinuousClock.now
        var sequence: Int64 = 1
        var moved = 0
        while ContinuousClock.now - start < length {
            var pipeline = RedisPipeline(reservingBytes: Self.window)
            while pipeline.byteCount < Self.window {
                let number = Int(sequence) % guilds.count
                try guilds[number].withUnsafeReadableBytes { bytes in
                    guard let plan = try planner.plan(.guildCreate, bytes) else { return }
                    encoder.append(
                        plan, of: UInt64(number + 1) << 22, from: bytes,
                        version: CacheVersion(
                            order: CacheOrder(generation: 1, epoch: 1, ordinal: session), session: "\(session)",
                            sequence: sequence),
                        after: 0, to: &pipeline)
                    moved += bytes.count
                }
                sequence += 1
            }
            if let error = await client.pipeline(pipeline, timeout: .seconds(60)).firstError { throw error }
        }
        return Double(moved) / (ContinuousClock.now - start).inSeconds
    }

    /// Most guilds are small, some are not.
    private static var guilds: [ByteBuffer] {
        (0..<self.guildCount).map { number in
            let scale = number.isMultiple(of: 50) ? 20 : number.isMultiple(of: 7) ? 5 : 1
            func list(_ count: Int, _ element: (Int) -> String) -> String {
                (0..<count).map(element).joined(separator: ",")
            }
            let channels = list(12 * scale) {
                #"{"id":"\#($0 + 1)","type":0,"name":"channel-\#($0)","position":\#($0),"parent_id":null,"topic":"#
                    + #""A topic of a few words, as they often are.","nsfw":false,"rate_limit_per_user":0,"flags":0,"#
                    + #""last_message_id":"81384788765712385","#
                    + #""permission_overwrites":[{"id":"\#($0)","type":0,"allow":"1024","deny":"2048"},"#
                    + #"{"id":"9","type":0,"allow":"0","deny":"1024"}]}"#
            }
            let roles = list(8 * scale) {
                #"{"id":"\#($0 + 1)","name":"role \#($0)","color":3447003,"colors":{"primary_color":3447003,"#
                    + #""secondary_color":null,"tertiary_color":null},"hoist":false,"icon":null,"unicode_emoji":null,"#
                    + #""position":\#($0),"permissions":"2248473465835073","managed":false,"#
                    + #""mentionable":false,"flags":0}"#
            }
            let members = list(15 * scale) {
                #"{"user":{"id":"\#($0 + 1)","username":"user\#($0)","discriminator":"0","#
                    + #""global_name":"User \#($0)","#
                    + #""avatar":"8342729096ea3675442027381ff50dfe","public_flags":0,"bot":false},"#
                    + #""nick":null,"avatar":null,"banner":null,"roles":["1","2","3"],"#
                    + #""joined_at":"2025-01-01T00:00:00.000000+00:00","premium_since":null,"deaf":false,"mute":false,"#
                    + #""flags":0,"pending":false,"communication_disabled_until":null}"#
            }
            return ByteBuffer(
                string:
                    #"{"id":"\#(number)","name":"Guild \#(number)","owner_id":"1","features":[],"member_count":100,"#
                    + #""channels":[\#(channels)],"roles":[\#(roles)],"members":[\#(members)],"emojis":[],"#
                    + #""stickers":[]}"#
            )
        }
    }

    private static func deleteKeys(_ keys: CacheKeys, _ client: RedisClient) async throws {
        for number in 1...self.guildCount {
            let guild = UInt64(number) << 22
            let all =
                CacheKind.allCases.map { keys.kind($0, of: guild) } + [
                    keys.meta(of: guild), keys.kind(.members, of: guild) + ":seen",
                ]
            _ = try await client.command(RedisCommand(["UNLINK"] + all.map { .string($0) }))
        }
    }

    private static func limit(_ configuration: RedisConfiguration, commands: Int) async throws -> Double {
        try await SetBenchmark.limit(
            configuration, connections: 50, depth: 64, commands: commands, valueSize: self.valueSize, keyCount: 10_000)
    }
}
