import Discord
import GuildCache
import Redis
import TestSupport
import Testing

@Suite("Cache scripts", .timeLimit(.minutes(2)))
struct ScriptContractTests {
    typealias Session = CacheUnderTest.Session

    static let create = """
        {"id":"81384788765712384","name":"Harbor","owner_id":"5","member_count":2,\
        "joined_at":"2026-01-01T00:00:00+00:00","large":false,\
        "roles":[{"id":"81384788765712384","permissions":"1024"}],\
        "channels":[{"id":"10","name":"general"},{"id":"11","name":"harbour"}],"emojis":[{"id":"30"}],\
        "threads":[{"id":"20","parent_id":"10"},{"id":"21","parent_id":"11"}],\
        "members":[{"user":{"id":"5"},"roles":[]}],"voice_states":[{"user_id":"5","channel_id":"11"}]}
        """

    static func channel(_ id: Int, _ name: String) -> String { #"{"id":"\#(id)","name":"\#(name)"}"# }

    @Test func `A new guild is laid out under its keys`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            #expect(try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)?.outcome == .applied)
            #expect(try await cache.object() == #"{"id":"81384788765712384","name":"Harbor","owner_id":"5"}"#)
            #expect(try await cache.hash(.channels).count == 2)
            #expect(try await cache.hash(.channels)["10"] == Self.channel(10, "general"))
            #expect(try await cache.hash(.roles).count == 1)
            #expect(try await cache.hash(.threads).count == 2)
            #expect(try await cache.hash(.members) == ["5": #"{"user":{"id":"5"},"roles":[]}"#])
            #expect(try await cache.hash(.voice) == ["5": #"{"user_id":"5","channel_id":"11"}"#])
            let meta = try await cache.hash(cache.keys.meta(of: CacheUnderTest.guild))
            #expect(meta["state"] == "warm" && meta["unsure"] == "")
            #expect(meta["kinds"] == "guild,channels,roles,threads,emojis,stickers,voice")
            #expect(meta["parts"] == "members")
            #expect(meta["member_count"] == "2" && meta["large"] == "false")
            #expect(meta["joined_at"] == #""2026-01-01T00:00:00+00:00""#)
            #expect(meta["session"] == "s" && meta["s"] == "2" && meta["created"] == "2")
            // Kept in part: for a time.
            let life = try #require(
                try await cache.timeToLive(cache.keys.kind(.members, of: CacheUnderTest.guild)))
            #expect((1...3_600).contains(life))
        }
    }

    @Test func `Another GUILD_CREATE replaces all of the guild`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            try await cache.write("CHANNEL_PINS_UPDATE", #"{"channel_id":"10"}"#, s: 3, by: &session)
            try await cache.write("GUILD_CREATE", #"{"id":"1","channels":[{"id":"12"}]}"#, s: 4, by: &session)
            #expect(try await cache.hash(.channels) == ["12": #"{"id":"12"}"#])
            for kind in [CacheKind.roles, .threads, .emojis, .members, .voice] {
                #expect(try await cache.hash(kind).isEmpty, "\(kind)")
            }
            #expect(try await cache.hash(cache.keys.notes(of: CacheUnderTest.guild)).isEmpty)
            #expect(try await cache.meta("member_count") == nil)
        }
    }

    @Test func `Events change what they are about`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            try await cache.write("CHANNEL_UPDATE", Self.channel(11, "new"), s: 3, by: &session)
            #expect(try await cache.hash(.channels)["11"] == Self.channel(11, "new"))
            try await cache.write("CHANNEL_PINS_UPDATE", #"{"channel_id":"10"}"#, s: 4, by: &session)
            #expect(
                try await cache.hash(cache.keys.notes(of: CacheUnderTest.guild)) == ["10:last_pin_timestamp": "null"])
            try await cache.write("THREAD_MEMBER_UPDATE", #"{"id":"20"}"#, s: 5, by: &session)
            #expect(try await cache.hash(cache.keys.ownThreads(of: CacheUnderTest.guild)).keys.sorted() == ["20"])
            // A channel takes its threads and notes along, and no other's.
            try await cache.write("CHANNEL_DELETE", #"{"id":"10"}"#, s: 6, by: &session)
            #expect(try await cache.hash(.channels).keys.sorted() == ["11"])
            #expect(try await cache.hash(.threads).keys.sorted() == ["21"])
            #expect(try await cache.hash(cache.keys.ownThreads(of: CacheUnderTest.guild)).isEmpty)
            #expect(try await cache.hash(cache.keys.notes(of: CacheUnderTest.guild)).isEmpty)
            try await cache.write("GUILD_EMOJIS_UPDATE", #"{"emojis":[{"id":"31"}]}"#, s: 7, by: &session)
            #expect(try await cache.hash(.emojis) == ["31": #"{"id":"31"}"#])
            try await cache.write("GUILD_EMOJIS_UPDATE", #"{"emojis":[]}"#, s: 8, by: &session)
            #expect(try await cache.hash(.emojis).isEmpty)
            try await cache.write(
                "VOICE_STATE_UPDATE", #"{"user_id":"5","channel_id":null}"#, s: 9, by: &session)
            #expect(try await cache.hash(.voice).isEmpty)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test func `A list sync drops the threads of its channels only`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            try await cache.write(
                "THREAD_LIST_SYNC",
                #"{"channel_ids":["10"],"threads":[{"id":"22","parent_id":"10"}],"members":[{"id":"22"}]}"#, s: 3,
                by: &session)
            #expect(try await cache.hash(.threads).keys.sorted() == ["21", "22"])
            try await cache.write("THREAD_LIST_SYNC", #"{"threads":[],"members":[]}"#, s: 4, by: &session)
            #expect(try await cache.hash(.threads).isEmpty)
        }
    }

    @Test func `Members are counted once each`() async throws {
        var kinds = CacheKinds()
        kinds.members = .all
        try await withCache(kinds) { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            let member = #"{"user":{"id":"6"}}"#
            try await cache.write("GUILD_MEMBER_ADD", member, s: 3, by: &session)
            #expect(try await cache.meta("member_count") == "3")
            // Discord may tell of a member that is there.
            try await cache.write("GUILD_MEMBER_ADD", member, s: 4, by: &session)
            #expect(try await cache.meta("member_count") == "3")
            var replaying = Session("s", epoch: 2, ordinal: 0)
            try await cache.write("GUILD_MEMBER_ADD", #"{"user":{"id":"7"}}"#, s: 3, by: &replaying)
            #expect(try await cache.meta("member_count") == "3")
            try await cache.write("GUILD_MEMBER_REMOVE", member, s: 5, by: &session)
            #expect(try await cache.meta("member_count") == "2")
            #expect(try await cache.hash(.members).keys.sorted() == ["5"])
        }
    }

    @Test func `Members that are only seen have a bound, the latest stay`() async throws {
        var kinds = CacheKinds()
        kinds.memberBound = .init(seconds: 100, count: 10)
        try await withCache(kinds) { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            for user in 100..<125 {
                try await cache.write(
                    "GUILD_MEMBER_UPDATE", #"{"user":{"id":"\#(user)"}}"#, s: Int64(user), by: &session)
            }
            let kept = try await cache.hash(.members)
            #expect(kept.count == 10 && kept["124"] != nil)
            let seen = cache.keys.kind(.members, of: CacheUnderTest.guild) + ":seen"
            #expect(try await cache.redis.command("ZCARD", .string(seen)).integer == 10)
            // Those whose time is over go with the next write.
            for user in kept.keys { try await cache.redis.command("ZADD", .string(seen), 1, .string(user)) }
            try await cache.write("GUILD_MEMBER_UPDATE", #"{"user":{"id":"200"}}"#, s: 200, by: &session)
            #expect(try await cache.hash(.members).keys.sorted() == ["200"])
        }
    }

    // MARK: Versions

    @Test func `What a session wrote is not undone by its own replay`() async throws {
        try await withCache { (cache) async throws in
            var first = Session("s", epoch: 1)
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &first)
            try await cache.write("CHANNEL_UPDATE", Self.channel(10, "a"), s: 3, by: &first)
            try await cache.write("CHANNEL_DELETE", #"{"id":"11"}"#, s: 4, by: &first)
            // Another process RESUMEs, and Discord replays from 2.
            var second = Session("s", epoch: 2, ordinal: 0)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "old"), s: 3, by: &second)?.outcome == .refused
            )
            #expect(
                try await cache.write("CHANNEL_CREATE", Self.channel(11, "x"), s: 4, by: &second)?.outcome == .refused)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "b"), s: 5, by: &second)?.outcome == .applied)
            #expect(try await cache.hash(.channels) == ["10": Self.channel(10, "b")])
            // What the first one still had on its way comes too late, or in time.
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "z"), s: 5, by: &first)?.outcome == .refused)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test func `A later session wins, whatever its numbers`() async throws {
        try await withCache { (cache) async throws in
            var first = Session("one", epoch: 4, ordinal: 1)
            try await cache.write("GUILD_CREATE", Self.create, s: 900, by: &first)
            var second = Session("two", epoch: 4, ordinal: 2)
            try await cache.write("GUILD_CREATE", #"{"id":"1","channels":[{"id":"10"}]}"#, s: 2, by: &second)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "old"), s: 901, by: &first)?.outcome
                    == .refused)
            #expect(try await cache.write("GUILD_CREATE", Self.create, s: 902, by: &first)?.outcome == .refused)
            #expect(try await cache.hash(.channels) == ["10": #"{"id":"10"}"#])
            // The order holds over epochs and generations of more digits.
            var third = Session("three", epoch: 10, ordinal: 0)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "c"), s: 1, by: &third)?.outcome == .doubted)
            var fourth = Session("four", generation: 2, epoch: 1, ordinal: 1)
            #expect(try await cache.write("GUILD_CREATE", Self.create, s: 1, by: &fourth)?.outcome == .applied)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "d"), s: 5, by: &third)?.outcome == .refused)
        }
    }

    @Test func `An earlier session may write again when the later one has been silent`() async throws {
        try await withCache { (cache) async throws in
            var later = Session("new", generation: 2)
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &later)
            var earlier = Session("old", generation: 1)
            let update = Self.channel(10, "still here")
            #expect(try await cache.write("CHANNEL_UPDATE", update, s: 50, by: &earlier)?.outcome == .refused)
            let key = RedisArgument.string(cache.keys.meta(of: CacheUnderTest.guild))
            try await cache.redis.command("HSET", key, "at", 1)
            #expect(try await cache.write("CHANNEL_UPDATE", update, s: 50, by: &earlier)?.outcome == .doubted)
            #expect(try await cache.hash(.channels)["10"] == update)
            #expect(try await cache.meta("state") == "unsure")
        }
    }

    @Test func `A guild that is gone does not come back by an older write`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            try await cache.write("GUILD_DELETE", #"{"id":"1"}"#, s: 9, by: &session)
            #expect(try await cache.allKeys() == [cache.keys.meta(of: CacheUnderTest.guild)])
            let life = try #require(try await cache.timeToLive(cache.keys.meta(of: CacheUnderTest.guild)))
            #expect((590...600).contains(life))
            var replay = Session("s", epoch: 2, ordinal: 0)
            #expect(try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &replay)?.outcome == .refused)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "x"), s: 3, by: &replay)?.outcome == .refused)
            // A stray event of a guild that was left is of no guild.
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "x"), s: 10, by: &session)?.outcome == .refused
            )
            #expect(try await cache.allKeys() == [cache.keys.meta(of: CacheUnderTest.guild)])
            #expect(try await cache.write("GUILD_CREATE", Self.create, s: 11, by: &session)?.outcome == .applied)
            #expect(try await cache.timeToLive(cache.keys.meta(of: CacheUnderTest.guild)) == -1)
        }
    }

    @Test func `An outage keeps what is there, and tells`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            try await cache.write("GUILD_DELETE", #"{"id":"1","unavailable":true}"#, s: 3, by: &session)
            #expect(try await cache.meta("state") == "unavailable")
            #expect(try await cache.hash(.channels).count == 2)
            try await cache.write("GUILD_CREATE", Self.create, s: 4, by: &session)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    // MARK: Doubt

    @Test func `An event of an unknown guild makes it unsure`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            let outcome = try await cache.write("CHANNEL_UPDATE", Self.channel(10, "x"), s: 7, by: &session)
            #expect(outcome?.outcome == .doubted)
            #expect(outcome?.unsure == "guild,channels,roles,threads,emojis,stickers,voice")
            #expect(try await cache.meta("state") == "unsure")
            #expect(try await cache.hash(.channels).count == 1)
            // It is told once.
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "y"), s: 8, by: &session)?.outcome == .applied)
            try await cache.write("GUILD_CREATE", Self.create, s: 9, by: &session)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test func `A write that is missing is noticed by the next one`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            session.after = 5
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "x"), s: 6, by: &session)?.outcome == .doubted)
            // What is kept in part is kept no more: nothing tells which of it is still right.
            #expect(try await cache.hash(.members).isEmpty)
            #expect(try await cache.hash(.channels).count == 2)
        }
    }

    @Test func `A check finds writes that are missing`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            #expect(try await !cache.check(session, s: 2))
            #expect(try await cache.meta("state") == "warm")
            #expect(try await cache.check(session, s: 3))
            #expect(try await cache.meta("state") == "unsure")
            // A later session's guild is none of its business.
            var later = Session("t", epoch: 2)
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &later)
            #expect(try await !cache.check(session, s: 100, always: true))
            #expect(try await cache.meta("state") == "warm")
            #expect(try await cache.check(later, s: 2, always: true))
            for key in try await cache.allKeys() { try await cache.redis.command("DEL", .string(key)) }
            #expect(try await cache.check(session, s: 2))
            #expect(try await cache.meta("state") == "unsure")
        }
    }

    @Test func `READY makes its guilds wait for GUILD_CREATE`() async throws {
        try await withCache { (cache) async throws in
            var first = Session("s", ordinal: 1)
            #expect(try await cache.expect(by: &first) == .applied)
            #expect(try await cache.meta("state") == "filling")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &first)
            var second = Session("t", ordinal: 2)
            #expect(try await cache.expect(by: &second) == .applied)
            #expect(try await cache.meta("state") == "unsure")
            #expect(try await cache.hash(.channels).count == 2)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "x"), s: 90, by: &first)?.outcome == .refused)
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &second)
            #expect(try await cache.meta("state") == "warm")
            // The next generation takes over with its GUILD_CREATE, not before.
            var third = Session("u", generation: 2)
            #expect(try await cache.expect(by: &third) == .refused)
            #expect(try await cache.meta("state") == "warm")
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "y"), s: 5, by: &second)?.outcome == .applied)
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &third)
            #expect(
                try await cache.write("CHANNEL_UPDATE", Self.channel(10, "z"), s: 6, by: &second)?.outcome == .refused)
        }
    }

    // MARK: Old state, size

    @Test func `The value before is told when it is asked for`() async throws {
        try await withCache { (cache) async throws in
            var session = Session("s")
            try await cache.write("GUILD_CREATE", Self.create, s: 2, by: &session)
            let renamed = try await cache.write(
                "CHANNEL_UPDATE", Self.channel(10, "new"), s: 3, by: &session, wantsOld: true)
            #expect(renamed?.old == Self.channel(10, "general"))
            let created = try await cache.write(
                "CHANNEL_UPDATE", Self.channel(12, "new"), s: 4, by: &session, wantsOld: true)
            #expect(created?.outcome == .applied && created?.old == nil)
            let left = try await cache.write("GUILD_DELETE", #"{"id":"1"}"#, s: 5, by: &session, wantsOld: true)
            #expect(left?.old == #"{"id":"81384788765712384","name":"Harbor","owner_id":"5"}"#)
        }
    }

    @Test func `A large guild is put in place at once, with nothing left over`() async throws {
        var kinds = CacheKinds()
        kinds.members = .all
        try await withCache(kinds) { (cache) async throws in
            let members = (1...6_000).map {
                #"{"user":{"id":"\#($0)","username":"\#(String(repeating: "n", count: 150))"},"roles":[]}"#
            }
            let channels = (1...600).map { Self.channel($0, String(repeating: "c", count: 200)) }
            let data = """
                {"id":"1","member_count":6000,"channels":[\(channels.joined(separator: ","))],\
                "members":[\(members.joined(separator: ","))]}
                """
            var session = Session("s")
            #expect(try await cache.write("GUILD_CREATE", data, s: 2, by: &session)?.outcome == .applied)
            #expect(try await cache.hash(.members).count == 6_000)
            #expect(try await cache.hash(.members)["6000"] == members[5_999])
            #expect(try await cache.hash(.channels).count == 600)
            #expect(try await cache.allKeys().allSatisfy { !$0.contains(":new:") })
            for kind in [CacheKind.members, .channels] {
                #expect(try await cache.timeToLive(cache.keys.kind(kind, of: CacheUnderTest.guild)) == -1)
            }
            #expect(try await cache.meta("state") == "warm")
        }
    }
}
