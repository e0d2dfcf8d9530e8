import Discord
import GuildCache
import NIOCore
import Redis
import TestSupport
import Testing

@Suite("Cache reader", .timeLimit(.minutes(1)))
struct ReaderTests {
    typealias Session = CacheUnderTest.Session

    static let guildID = Snowflake(rawValue: CacheUnderTest.guild)

    /// @everyone may view (1024); role 2 may send (2048); role 3 administers (8). Channel 10 takes sending from role 2,
    /// and gives it back to member 7. 20 is a thread in it.
    static let create = """
        {"id":"81384788765712384","name":"Harbor","owner_id":"5","member_count":4,"features":[],\
        "roles":[{"id":"81384788765712384","name":"@everyone","position":0,"permissions":"1024"},\
        {"id":"2","name":"writer","position":1,"permissions":"2048"},\
        {"id":"3","name":"boss","position":2,"permissions":"8"}],\
        "channels":[{"id":"10","type":0,"name":"general","position":0,"permission_overwrites":\
        [{"id":"2","type":0,"allow":"0","deny":"2048"},{"id":"7","type":1,"allow":"2048","deny":"0"}]},\
        {"id":"11","type":2,"name":"talk","position":1}],\
        "threads":[{"id":"20","type":11,"parent_id":"10","name":"t"}],\
        "members":[{"user":{"id":"5"},"roles":[]},{"user":{"id":"6"},"roles":["2"]},{"user":{"id":"7"},"roles":["2"]},\
        {"user":{"id":"8"},"roles":["3","404"]}],"voice_states":[{"user_id":"6","channel_id":"11","session_id":"v"}]}
        """

    private func withReader(
        _ kinds: CacheKinds = CacheKinds(),
        lifetime: Duration = .zero,
        _ body: (CacheUnderTest, GuildCache, GuildCache.Guild, inout Session) async throws -> Void
    ) async throws {
        try await withCache(kinds) { (cache) async throws in
            var limits = GuildCache.Limits()
            limits.lifetime = lifetime
            let reader = GuildCache(redis: cache.redis, limits: limits)
            var session = Session("s")
            try await body(cache, reader, .init(Self.guildID, of: cache.keys.application), &session)
        }
    }

    @Test func `Objects are read as they are`() async throws {
        try await self.withReader { cache, reader, guild, session in
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            #expect(try await reader.guild(guild).value?.name == "Harbor")
            #expect(try await reader.guild(guild).value?.ownerID == 5)
            #expect(try await reader.channel(10, of: guild).value?.overwrites?.count == 2)
            #expect(try await reader.channel(11, of: guild).value?.isVoice == true)
            #expect(try await reader.thread(20, of: guild).value?.parentID == 10)
            #expect(try await reader.role(3, of: guild).value?.permissions == .administrator)
            #expect(try await reader.member(6, of: guild).value?.roles == [2])
            #expect(try await reader.voiceState(6, of: guild).value?.channelID == 11)
            #expect(try await reader.state(of: guild)?.memberCount == 4)
            #expect(try await reader.state(of: guild)?.status == .warm)
            #expect(try await reader.count(.channels, of: guild) == .known(2))
            let roles = try await reader.all(.roles, of: guild, as: CachedRole.self)
            #expect(roles.value?.count == 3)
            let json = try await reader.json(.voice, 6, of: guild)
            #expect(
                json.value.map { String(buffer: $0) } == #"{"user_id":"6","channel_id":"11","session_id":"v"}"#)
        }
    }

    @Test func `It says what it does not know`() async throws {
        try await self.withReader { cache, reader, guild, session in
            // Nobody has told of the guild: it is put on the list of those to fetch.
            #expect(try await reader.guild(guild) == .unknown)
            #expect(try await reader.channel(10, of: guild) == .unknown)
            let keys = cache.keys
            try await eventually("the guild is on the list") {
                try await cache.redis.command("ZCARD", .string(keys.unsure)).integer == 1
            }
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            // All channels are kept, members in part.
            #expect(try await reader.channel(404, of: guild) == .absent)
            #expect(try await reader.member(404, of: guild) == .unknown)
            #expect(try await reader.json(.stages, 1, of: guild) == .unknown)
            // A write is missing.
            session.after = 8
            try await cache.write(
                "CHANNEL_UPDATE", #"{"id":"11","type":2,"name":"new"}"#, s: 9, by: &session)
            guard case .unsure(let channel?) = try await reader.channel(11, of: guild) else {
                Issue.record("channel 11 is not unsure")
                return
            }
            #expect(channel.name == "new")
            #expect(try await reader.channel(404, of: guild) == .unsure(nil))
            try await cache.write("GUILD_DELETE", #"{"id":"1"}"#, s: 10, by: &session)
            #expect(try await reader.channel(10, of: guild) == .absent)
        }
    }

    @Test func `Permissions follow Discord's rules`() async throws {
        try await self.withReader { cache, reader, guild, session in
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            func permissions(_ user: Snowflake, _ channel: Snowflake?) async throws -> CacheAnswer<Permissions> {
                try await reader.permissions(of: user, in: channel, of: guild, now: 1_800_000_000_000)
            }
            #expect(try await permissions(5, 10) == .known(.all))
            #expect(try await permissions(6, nil) == .known([.viewChannel, .sendMessages]))
            #expect(try await permissions(6, 10) == .known(.viewChannel))
            #expect(try await permissions(7, 10) == .known([.viewChannel, .sendMessages]))
            // A thread has its parent's; an unknown role is passed over.
            #expect(try await permissions(6, 20) == .known(.viewChannel))
            #expect(try await permissions(8, 10) == .known(.all))
            #expect(try await permissions(6, 404) == .absent)
            #expect(try await permissions(404, 10) == .unknown)
            // A timeout leaves little, while it lasts.
            try await cache.write(
                "GUILD_MEMBER_UPDATE",
                #"{"user":{"id":"7"},"roles":["2"],"communication_disabled_until":"2027-06-01T00:00:00.000000+00:00"}"#,
                s: 3, by: &session)
            #expect(try await permissions(7, 10) == .known(.viewChannel))
            let later = try await reader.permissions(of: 7, in: 10, of: guild, now: 1_900_000_000_000)
            #expect(later == .known([.viewChannel, .sendMessages]))
            // A member that an event showed needs no cached one.
            let shown = try await reader.permissions(
                of: CachedMember(user: 404, roles: [2]), in: nil, of: guild, now: 0)
            #expect(shown == .known([.viewChannel, .sendMessages]))
            // What may be out of date is said to be.
            session.after = 8
            try await cache.write("GUILD_ROLE_DELETE", #"{"role_id":"2"}"#, s: 9, by: &session)
            let doubtful = try await reader.permissions(
                of: CachedMember(user: 404, roles: [2]), in: nil, of: guild, now: 0)
            #expect(doubtful == .unsure(.viewChannel))
        }
    }

    @Test func `What was read stays for a while, until an event tells otherwise`() async throws {
        try await self.withReader(lifetime: .seconds(600)) { cache, reader, guild, session in
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            #expect(try await reader.channel(11, of: guild).value?.name == "talk")
            try await cache.write("CHANNEL_UPDATE", #"{"id":"11","type":2,"name":"new"}"#, s: 3, by: &session)
            #expect(try await reader.channel(11, of: guild).value?.name == "talk")
            reader.saw(.roleUpdate, of: guild)
            #expect(try await reader.channel(11, of: guild).value?.name == "talk")
            reader.saw(.channelUpdate, of: guild)
            #expect(try await reader.channel(11, of: guild).value?.name == "new")
        }
    }
}
