import Discord
import NIOCore
import Testing

@testable import Sandbox

@Suite("Generated world", .timeLimit(.minutes(1)))
struct GeneratedWorldTests {
    static func world(_ spec: String, now: Int64 = 1_767_323_045_678) throws -> World {
        var world = World(settings: .init(recordsChanges: false))
        world.now = Timestamp(milliseconds: now)
        try DemoWorld.fill(&world, passwords: [], botToken: "T")
        world.users[1] = User(id: 1, username: "owner")
        world.addApplication(
            SandboxApplication(
                id: DemoWorld.applicationID, name: "Flotilla", description: "", ownerID: 1,
                allowedIntents: Intents.documented.rawValue))
        GeneratedWorld.add(try WorldSpec(parsing: spec), to: &world)
        _ = world.takeDispatches()
        return world
    }

    // MARK: Spec

    @Test func `A spec says what differs from the usual`() throws {
        let spec = try WorldSpec(parsing: "seed=7, guilds=200,members=20-2000,channels=5,applications=2")
        var expected = WorldSpec()
        expected.seed = 7
        expected.guilds = 200
        expected.members = 20...2000
        expected.channels = 5...5
        expected.applications = 2
        #expect(spec == expected)
    }

    @Test(arguments: [
        ("", "not \"\""), ("guilds", "not \"guilds\""), ("guilds=", "from 0 to 100000, not \"\""),
        ("guilds=100001", "from 0 to 100000, not \"100001\""), ("guilds=-1", "from 0 to 100000"),
        ("seed=x", "seed as a whole number"), ("members=0", "from 1 to 1000000"),
        ("members=20-10", "or a range such as 1-200, not \"20-10\""), ("members=1-2-3", "not \"1-2-3\""),
        ("members=a-b", "not \"a-b\""), ("sed=7", "one of seed, guilds, members"), ("seed=1,seed=2", "not seed again"),
        ("seed=1,,guilds=2", "not \"\""), ("applications=17", "from 1 to 16"),
    ])
    func `A spec that is wrong says what was given and what is expected`(text: String, part: String) {
        let error = #expect(throws: WorldSpec.Problem.self) { try WorldSpec(parsing: text) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "none")")
    }

    // MARK: Blueprint

    @Test func `The same seed makes the same world, another seed another one`() throws {
        func create(_ spec: String) throws -> [ByteBuffer] {
            let world = try Self.world(spec)
            return world.guilds.ids(of: DemoWorld.applicationID).compactMap { id in
                world.guilds[id].map {
                    world.guildCreate(
                        $0, for: DemoWorld.applicationID, .bot(seesPresences: true, largeThreshold: 250))
                }
            }
        }
        let first = try create("seed=3,guilds=12,members=5-400")
        #expect(first.count == 12)
        #expect(try first == create("seed=3,guilds=12,members=5-400"))
        #expect(try Set(first).isDisjoint(with: create("seed=4,guilds=12,members=5-400")))
    }

    @Test func `Ids lead back to what they are of, and to nothing else`() throws {
        let blueprint = Blueprint(try WorldSpec(parsing: "seed=9,guilds=500"), applications: [7])
        var seen: Set<Snowflake> = []
        for guild in stride(from: 0, to: 500, by: 7) {
            for tag in [Blueprint.Tag.guild, .channel, .role, .emoji, .sticker, .thread] {
                for ordinal in tag == .guild ? [0] : [0, 1, 400] {
                    let id = blueprint.id(tag, ordinal, in: guild)
                    #expect(seen.insert(id).inserted)
                    let decoded = try #require(blueprint.decode(id))
                    #expect(decoded.tag == tag && decoded.ordinal == ordinal && decoded.guild == guild)
                    #expect(blueprint.decode(Snowflake(rawValue: id.rawValue ^ 1)) == nil)
                    #expect(blueprint.person(id) == nil)
                }
            }
        }
        for person in [0, 1, 77_777, Blueprint.population - 1] {
            let id = blueprint.userID(person)
            #expect(blueprint.person(id) == person && blueprint.decode(id) == nil)
            #expect(blueprint.person(Snowflake(rawValue: id.rawValue + 1)) == nil)
        }
        #expect(blueprint.decode(DemoWorld.harborID) == nil && blueprint.person(DemoWorld.applicationID) == nil)
    }

    @Test func `Who is in a guild is found from both ends`() throws {
        let blueprint = Blueprint(try WorldSpec(parsing: "seed=5,guilds=3,members=300"), applications: [7, 8])
        for guild in 0..<3 {
            let origin = Blueprint.Origin(blueprint: blueprint, guild: guild)
            let ids = (0..<Member.count(in: origin)).map { Member.id($0, in: origin) }
            #expect(Set(ids).count == 302 && ids.prefix(2) == [7, 8])
            for (ordinal, id) in ids.enumerated() { #expect(Member.ordinal(of: id, in: origin) == ordinal) }
            let stranger = blueprint.userID(blueprint.person(at: 300, in: guild))
            #expect(Member.ordinal(of: stranger, in: origin) == nil)
        }
    }

    @Test func `Sizes keep their range and are long-tailed`() throws {
        let blueprint = Blueprint(try WorldSpec(parsing: "seed=1,guilds=20000,members=10-50000"), applications: [7])
        let sizes = (0..<20_000).map { blueprint.size(of: $0) }
        #expect(sizes.allSatisfy { (10...50_000).contains($0) })
        #expect(sizes.count { $0 < 50 } > 14_000)
        #expect((2...200).contains(sizes.count { $0 >= 10_000 }))
        for guild in 0..<200 {
            let origin = Blueprint.Origin(blueprint: blueprint, guild: guild)
            #expect((4...80).contains(origin.channelCount) && (1...40).contains(origin.customRoleCount))
        }
        // Shards get equal shares.
        let shards = (0..<20_000).map { ShardID.shard(for: blueprint.guildID($0), count: 8) }
        for shard in 0..<8 { #expect((2200...2800).contains(shards.count { $0 == shard })) }
        // Lively guilds come more often, and none that is not there.
        var random = SeededRandom(seed: 1)
        let picked = (0..<20_000).map { _ in blueprint.size(of: blueprint.pickGuild(&random)) }
        #expect(picked.reduce(0, +) > 3 * sizes.reduce(0, +))
    }

    @Test func `A hundred thousand guilds are there without being made`() throws {
        let world = try Self.world("seed=2,guilds=100000,members=10-100000")
        #expect(world.guilds.count == 100_000)
        let shard = try #require(ShardID(id: 3, count: 40))
        let ids = world.guilds.ids(of: DemoWorld.applicationID) { shard.receives(guild: $0) }
        #expect((2200...2800).contains(ids.count) && ids == ids.sorted())
        let last = try #require(ids.last)
        let guild = try #require(world.guilds[last])
        #expect(guild.members.contains(DemoWorld.applicationID) && guild.channelIDs.count >= 4)
        for id in guild.channelIDs { #expect(world.channels[id]?.guildID == guild.id) }
    }

    // MARK: What is sent

    @Test func `What is written as bytes is what the values say`() throws {
        let world = try Self.world("seed=11,guilds=40,members=30-3000")
        func json(_ write: (inout JSONWriter) -> Void) throws -> JSONValue {
            var writer = JSONWriter()
            write(&writer)
            return try JSONValue(parsing: writer.bytes)
        }
        for id in world.guilds.ids(of: DemoWorld.applicationID) {
            let guild = try #require(world.guilds[id])
            for role in guild.roles.values { #expect(try json { role.write(to: &$0) } == role.json) }
            for member in guild.members.values.prefix(20) {
                let user = try #require(world.users[member.userID])
                #expect(try json { member.write(user: user, to: &$0) } == member.json(user: user))
                #expect(try json { user.write(to: &$0) } == user.json)
            }
            for channel in guild.channelIDs.all + guild.threadIDs.all {
                let channel = try #require(world.channels[channel])
                #expect(try json { channel.write(to: &$0) } == channel.json())
            }
        }
        for milliseconds: Int64 in [0, 1, 951_782_400_000, 1_767_323_045_678, 253_402_300_799_999] {
            let time = Timestamp(milliseconds: milliseconds)
            #expect(try json { $0.time(time) } == time.json)
        }
        for number in [0, 7, -1, Int.max, Int.min] { #expect(try json { $0.integer(number) } == .integer(number)) }
    }

    @Test func `GUILD_CREATE shows the members that intents and size allow`() throws {
        let bot = DemoWorld.applicationID
        func create(_ spec: String, _ view: MemberView) throws -> JSONValue {
            let world = try Self.world(spec)
            let id = try #require(world.guilds.ids(of: bot).first)
            let guild = try #require(world.guilds[id])
            return try JSONValue(parsing: world.guildCreate(guild, for: bot, view))
        }
        func ids(_ json: JSONValue) -> Set<String> {
            Set(json["members"]?.array?.compactMap { $0["user"]?["id"]?.string } ?? [])
        }
        let small = "seed=1,guilds=1,members=45"
        let all = try create(small, .bot(seesPresences: true, largeThreshold: 50))
        #expect(all["member_count"] == 46 && all["large"] == false && ids(all).count == 46)
        #expect(all["presences"]?.array?.isEmpty == false)

        let blind = try create(small, .bot(seesPresences: false, largeThreshold: 50))
        let inVoice = Set(blind["voice_states"]?.array?.compactMap { $0["user_id"]?.string } ?? [])
        #expect(inVoice.count == 1 && ids(blind) == inVoice.union([bot.description]) && blind["presences"] == [])

        let large = try create("seed=1,guilds=1,members=4000", .bot(seesPresences: true, largeThreshold: 50))
        #expect(large["large"] == true && (400...3600).contains(ids(large).count))
        let online = Set(large["presences"]?.array?.compactMap { $0["user"]?["id"]?.string } ?? [])
        for member in large["members"]?.array ?? [] {
            let id = member["user"]?["id"]?.string ?? ""
            #expect(
                id == bot.description || member["nick"]?.isNull == false || member["roles"] != []
                    || online.contains(id) || inVoice.contains(id)
                    || large["voice_states"]?.array?.contains { $0["user_id"]?.string == id } == true)
        }

        let huge = try create("seed=1,guilds=1,members=80000", .bot(seesPresences: true, largeThreshold: 250))
        #expect(huge["member_count"] == 80_001 && ids(huge).count == 61)
    }

    @Test func `A generated guild takes part in what the API does`() throws {
        var world = try Self.world("seed=6,guilds=3,members=60")
        let bot = DemoWorld.applicationID
        let id = try #require(world.guilds.ids(of: bot).first)
        let guild = try world.guild(id, seenBy: bot)
        let general = try #require(guild.channelIDs.all.first)
        let message = try world.createMessage(
            MessageDraft(.object(["content": "hello"])), in: general, by: bot)
        #expect(world.channels[general]?.lastMessageID == message.id)
        let edited = try world.editChannel(["topic": "new"], general, by: bot)
        #expect(edited.topic == "new" && world.channels[general]?.topic == "new")
        #expect(world.channels[general]?.lastMessageID == message.id)
        let made = try world.createChannel(["name": "made"], in: id, by: bot)
        #expect(world.guilds[id]?.channelIDs.count == guild.channelIDs.count + 1)
        _ = try world.deleteChannel(made.id, by: bot)
        let second = guild.channelIDs.all[2]
        _ = try world.deleteChannel(second, by: bot)
        #expect(world.channels[second] == nil && world.guilds[id]?.channelIDs.contains(second) == false)
        #expect(world.guilds[id]?.channelIDs.count == guild.channelIDs.count - 1)
        #expect(throws: APIError.self) { try world.channel(second, for: bot) }
    }

    @Test func `A table keeps what changed over what it began with`() throws {
        let blueprint = Blueprint(try WorldSpec(parsing: "guilds=1,members=10"), applications: [7])
        let origin = Blueprint.Origin(blueprint: blueprint, guild: 0)
        var members = OverlayTable<Member>(origin)
        let ids = members.keys
        #expect(members.count == 11 && ids.count == 11)
        members[ids[3]] = nil
        members[ids[3]] = nil
        #expect(members.count == 10 && members[ids[3]] == nil && !members.contains(ids[3]))
        var changed = try #require(members[ids[4]])
        changed.nick = "other"
        members[ids[4]] = changed
        members[99] = Member(guildID: 1, userID: 99, joinedAt: Timestamp(milliseconds: 0))
        #expect(members.count == 11 && members.added == [99] && members[ids[4]]?.nick == "other")
        #expect(members.keys == ids.filter { $0 != ids[3] } + [99])
        #expect(members.values.map(\.userID) == members.keys)
        members[ids[3]] = changed
        members[99] = nil
        #expect(members.count == 11 && members.keys == ids && members.added.isEmpty)
        var own = OverlayTable<Member>(nil)
        own[99] = changed
        #expect(own.count == 1 && own.keys == [99])
    }
}
