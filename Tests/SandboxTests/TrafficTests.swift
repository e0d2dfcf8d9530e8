import Discord
import NIOCore
import Testing

@testable import Sandbox

@Suite("Traffic", .timeLimit(.minutes(1)))
struct TrafficTests {
    private static let bot = DemoWorld.applicationID
    private static let spec = "seed=21,guilds=60,members=20-600,applications=2"

    private struct Heard: Equatable {
        let name: EventName
        let guild: Snowflake?
        let data: ByteBuffer
    }

    /// Lets so many things happen, a millisecond apart, and tells what the bot hears of each.
    private static func run(
        _ count: Int, seed: UInt64, _ world: inout World, _ hear: (Heard, World) throws -> Void
    ) rethrows {
        var traffic = TrafficGenerator(seed: seed)
        for step in 0..<count {
            world.now = Timestamp(milliseconds: 1_767_323_045_678 + Int64(step))
            traffic.next(in: &world)
            for dispatch in world.takeDispatches() where world.reaches(dispatch.audience, Self.bot) {
                let isGuildItself = dispatch.name == .guildCreate || dispatch.name == .guildDelete
                if let guild = dispatch.guildID, !isGuildItself, world.outages.contains(guild) { continue }
                var data = dispatch.data
                if dispatch.name == .guildCreate, let guild = dispatch.guildID.flatMap({ world.guilds[$0] }) {
                    data = world.guildCreate(guild, for: Self.bot, .bot(seesPresences: true, largeThreshold: 50))
                }
                try hear(Heard(name: dispatch.name, guild: dispatch.guildID, data: data), world)
            }
        }
    }

    @Test func `The same seed gives the same bytes, another seed others`() throws {
        func record(_ seed: UInt64) throws -> [Heard] {
            var world = try GeneratedWorldTests.world(Self.spec)
            var heard: [Heard] = []
            Self.run(1500, seed: seed, &world) { event, _ in heard.append(event) }
            return heard
        }
        let first = try record(1)
        #expect(first.count > 1000)
        #expect(try first == record(1))
        #expect(try first != record(2))
    }

    @Test func `A bot that follows the events knows the world as it is`() throws {
        var world = try GeneratedWorldTests.world(Self.spec)
        var replica = CacheReplica()
        for id in world.guilds.ids(of: Self.bot) {
            let guild = try #require(world.guilds[id])
            try replica.apply(
                .guildCreate,
                JSONValue(
                    parsing: world.guildCreate(
                        guild, for: Self.bot, .bot(seesPresences: true, largeThreshold: 50))))
        }
        var counts: [EventName: Int] = [:]
        try Self.run(12_000, seed: 5, &world) { event, _ in
            counts[event.name, default: 0] += 1
            try replica.apply(event.name, JSONValue(parsing: event.data))
        }
        for name in [
            EventName.presenceUpdate, .messageCreate, .typingStart, .messageUpdate, .messageDelete,
            .messageDeleteBulk, .messageReactionAdd, .messageReactionRemove, .voiceStateUpdate, .guildMemberAdd,
            .guildMemberUpdate, .guildMemberRemove, .interactionCreate, .channelCreate, .channelUpdate, .channelDelete,
            .guildRoleCreate, .guildRoleUpdate, .guildRoleDelete, .threadCreate, .threadUpdate, .threadDelete,
            .guildUpdate, .guildEmojisUpdate, .guildStickersUpdate, .guildCreate, .guildDelete,
        ] { #expect(counts[name, default: 0] > 0, "\(name.rawValue) did not happen") }
        let ids = world.guilds.ids(of: Self.bot)
        #expect(Set(replica.guilds.keys) == Set(ids.map(\.description)))
        #expect(replica.strange.isEmpty, "\(replica.strange.prefix(3))")
        for id in ids {
            let guild = try #require(world.guilds[id])
            let model = try JSONValue(parsing: world.modelGuild(guild, for: Self.bot, largeThreshold: 50))
            let differences = replica.differences(from: model)
            #expect(differences.isEmpty, "guild \(id): \(differences.prefix(3))")
        }
    }

    @Test func `Events have what Discord's have`() throws {
        var world = try GeneratedWorldTests.world(Self.spec)
        var sizes: [Int] = []
        try Self.run(4000, seed: 8, &world) { event, world in
            let data = try JSONValue(parsing: event.data)
            let guild = data["guild_id"]?.string ?? data["id"]?.string
            try #require(guild == event.guild?.description, "\(event.name.rawValue)")
            if event.name == .messageCreate {
                sizes.append(event.data.readableBytes)
                let keys = Set(data.object?.members.map(\.key) ?? [])
                let required: Set = [
                    "type", "content", "mentions", "mention_roles", "attachments", "embeds", "timestamp",
                    "edited_timestamp", "flags", "components", "id", "channel_id", "author", "pinned",
                    "mention_everyone", "tts", "member", "guild_id", "channel_type",
                ]
                try #require(required.isSubset(of: keys), "\(required.subtracting(keys))")
                let message = try #require(
                    data["channel_id"]?.snowflake.flatMap { channel in
                        data["id"]?.snowflake.flatMap { world.messages[channel]?[$0] }
                    })
                try #require(message.content == data["content"]?.string)
            }
        }
        sizes.sort()
        #expect((700...1600).contains(sizes[sizes.count / 2]), "median \(sizes[sizes.count / 2])")
    }

    @Test func `Without the intent a message has no content, and the rest stays`() throws {
        var world = try GeneratedWorldTests.world(Self.spec)
        var traffic = TrafficGenerator(seed: 3)
        var seen = (plain: 0, reply: 0, mention: 0)
        for step in 0..<3000 {
            world.now = Timestamp(milliseconds: 1_767_323_045_678 + Int64(step))
            traffic.next(in: &world)
            for dispatch in world.takeDispatches() where dispatch.name == .messageCreate {
                let whole = try #require(try JSONValue(parsing: dispatch.data).object)
                let stripped = try JSONValue(parsing: try #require(dispatch.strippedData))
                #expect(stripped == .object(World.stripped(whole)))
                if whole["referenced_message"] == nil { seen.plain += 1 } else { seen.reply += 1 }
                if !dispatch.contentReaders.isEmpty { seen.mention += 1 }
            }
        }
        #expect(seen.plain > 100 && seen.reply > 10 && seen.mention > 0)
    }

    @Test func `What the world keeps of the past is bounded`() throws {
        var world = try GeneratedWorldTests.world("seed=2,guilds=2,members=20-30")
        var traffic = TrafficGenerator(seed: 1)
        for step in 0..<6000 {
            world.now = Timestamp(milliseconds: 1_767_323_045_678 + Int64(step))
            traffic.next(in: &world)
            _ = world.takeDispatches()
        }
        for id in world.guilds.ids(of: Self.bot) {
            let guild = try #require(world.guilds[id])
            #expect(guild.channelIDs.added.count <= 12 && guild.threadIDs.added.count <= 12)
            #expect(guild.roles.added.count <= 12 && guild.emojis.added.count <= 20)
        }
        #expect(traffic.recent.count <= TrafficGenerator.recentLimit && traffic.outages.count <= 1)
        // While one of two guilds is away, now and then nothing can happen.
        #expect((5000...6000).contains(traffic.count))
    }
}
