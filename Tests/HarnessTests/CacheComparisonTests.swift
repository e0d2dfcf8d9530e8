import GuildCache
import NIOCore
import Testing

@testable import Harness

@Suite("Cache comparison")
struct CacheComparisonTests {
    private static let kinds = "threads,emojis,stickers,voice,members=all"

    /// What the sandbox says, as JSON of its route.
    private static let answer = """
        {"id":"7","unavailable":false,"create":{"id":"7","name":"Harbor","owner_id":"1","member_count":2,\
        "joined_at":"2026","large":false,"unavailable":false,"presences":[],\
        "channels":[{"id":"10","type":0,"name":"general","last_message_id":"99","last_pin_timestamp":null,\
        "permission_overwrites":[{"id":"7","type":0,"allow":"0","deny":"0"}]}],\
        "roles":[{"id":"7","name":"@everyone"},{"id":"8","name":"crew"}],\
        "emojis":[],"stickers":[],"threads":[{"id":"12","parent_id":"10","message_count":3}],\
        "voice_states":[{"user_id":"1","channel_id":"11"}],"members":[]},"members_changed":[],"members_gone":[]}
        """
    private static let members = """
        {"member_count":2,"members":[{"user":{"id":"1"},"roles":["8"],"deaf":false,"mute":false},\
        {"user":{"id":"2"},"roles":[],"deaf":false,"mute":false}]}
        """

    private static func model() throws -> ModelGuild {
        var guild = try ModelGuild(ByteBuffer(string: self.answer))
        try guild.addMembers(ByteBuffer(string: self.members))
        return guild
    }

    /// The same as a cache that has it right.
    private static func cached() throws -> GuildInCache {
        let kinds = try CacheKinds(self.kinds)
        var guild = GuildInCache(id: 7)
        guild.state = "warm"
        guild.kinds = Set(CacheKind.allCases.filter { kinds.keeps($0) })
        guild.memberCount = 2
        guild.fields = ByteBuffer(string: #"{"name":"Harbor","id":"7","owner_id":"1"}"#)
        func put(_ kind: CacheKind, _ id: UInt64, _ text: String) {
            guild.lists[kind, default: [:]][id] = ByteBuffer(string: text)
        }
        // As they were told at different times, which is no difference.
        put(
            .channels, 10,
            #"{"id":"10","guild_id":"7","type":0,"name":"general","last_message_id":"50","last_pin_timestamp":"2020","#
                + #""permission_overwrites":[{"id":"7","type":0,"allow":"0","deny":"0"},{"id":"9","type":0}]}"#)
        guild.notes["10:last_pin_timestamp"] = ByteBuffer(string: "null")
        put(.roles, 7, #"{"id":"7","name":"@everyone"}"#)
        put(.roles, 8, #"{"name":"crew","id":"8"}"#)
        put(.threads, 12, #"{"id":"12","parent_id":"10","message_count":1}"#)
        put(.voice, 1, #"{"user_id":"1","channel_id":"11"}"#)
        put(.members, 1, #"{"user":{"id":"1"},"guild_id":"7","roles":["9","8"]}"#)
        put(.members, 2, #"{"user":{"id":"2"},"roles":[],"deaf":false,"mute":false}"#)
        return guild
    }

    private static func verdict(
        _ model: [ModelGuild], _ cache: [GuildInCache], mayLack: Bool = false, hasHealed: Bool = false
    ) throws -> Verdict {
        var comparison = CacheComparison(kinds: try CacheKinds(self.kinds))
        comparison.mayLack = mayLack
        comparison.hasHealed = hasHealed
        return comparison.verdict(model, cache)
    }

    @Test(arguments: [false, true])
    func `What is the same in all that is compared holds`(hasHealed: Bool) throws {
        let verdict = try Self.verdict([try Self.model()], [try Self.cached()], hasHealed: hasHealed)
        #expect(verdict.holds, "\(verdict)")
        #expect(verdict.checked == 1 && verdict.figures["objects"] == 8 && verdict.figures["warm guilds"] == 1)
    }

    enum Planted: String, CaseIterable {
        case missingGuild, surplusGuild, goneGuild, renamedGuild, extraField, noFields, unindexed
        case staleChannel, missingChannel, surplusChannel, staleOverwrite, lostNote, staleRole, missingRole, surplusRole
        case missingMember, surplusMember, staleMember, missingThread, surplusThread, staleVoice, surplusVoice
        case wrongCount, unavailable, wrongKinds, warmAndUnsure, brokenJSON
    }

    @Test(arguments: Planted.allCases)
    func `A planted difference is caught`(planted: Planted) throws {
        var cache = [try Self.cached()]
        func change(_ kind: CacheKind, _ id: UInt64, _ text: String?) {
            cache[0].lists[kind, default: [:]][id] = text.map { ByteBuffer(string: $0) }
        }
        switch planted {
        case .missingGuild: cache = []
        case .surplusGuild:
            var other = GuildInCache(id: 9)
            other.state = "warm"
            cache.append(other)
        case .goneGuild: cache[0].state = "gone"
        case .renamedGuild: cache[0].fields = ByteBuffer(string: #"{"name":"Haven","id":"7","owner_id":"1"}"#)
        case .extraField:
            cache[0].fields = ByteBuffer(string: #"{"name":"Harbor","id":"7","owner_id":"1","nsfw":true}"#)
        case .noFields: cache[0].fields = nil
        case .unindexed: cache[0].isIndexed = false
        case .staleChannel:
            change(
                .channels, 10,
                #"{"id":"10","type":0,"name":"old","last_pin_timestamp":null,"permission_overwrites":[]}"#)
        case .missingChannel: change(.channels, 10, nil)
        case .surplusChannel: change(.channels, 13, #"{"id":"13"}"#)
        case .staleOverwrite:
            change(
                .channels, 10,
                #"{"id":"10","type":0,"name":"general","permission_overwrites":[{"id":"7","type":0,"allow":"8","deny":"0"}]}"#
            )
        case .lostNote: cache[0].notes = [:]
        case .staleRole: change(.roles, 8, #"{"id":"8","name":"old"}"#)
        case .missingRole: change(.roles, 8, nil)
        case .surplusRole: change(.roles, 9, #"{"id":"9"}"#)
        case .missingMember: change(.members, 2, nil)
        case .surplusMember: change(.members, 3, #"{"user":{"id":"3"},"roles":[]}"#)
        case .staleMember: change(.members, 1, #"{"user":{"id":"1"},"roles":[]}"#)
        case .missingThread: change(.threads, 12, nil)
        case .surplusThread: change(.threads, 13, #"{"id":"13","parent_id":"10"}"#)
        case .staleVoice: change(.voice, 1, #"{"user_id":"1","channel_id":"10"}"#)
        case .surplusVoice: change(.voice, 2, #"{"user_id":"2","channel_id":"10"}"#)
        case .wrongCount: cache[0].memberCount = 3
        case .unavailable: cache[0].state = "unavailable"
        case .wrongKinds: cache[0].kinds.remove(.voice)
        case .warmAndUnsure: cache[0].unsure = [.roles]
        case .brokenJSON: change(.roles, 8, #"{"id":"8""#)
        }
        let verdict = try Self.verdict([try Self.model()], cache)
        #expect(!verdict.holds && !verdict.violations.isEmpty, "\(verdict)")
    }

    @Test func `A guild that is unavailable has to be known as such, and is not looked into`() throws {
        var model = try Self.model()
        model.isUnavailable = true
        var cached = try Self.cached()
        #expect(!(try Self.verdict([model], [cached]).holds))
        cached.state = "unavailable"
        cached.lists[.roles] = [:]
        #expect(try Self.verdict([model], [cached]).holds)
    }

    @Test func `What the cache calls unsure may be wrong until it is fetched`() throws {
        var cached = try Self.cached()
        cached.state = "unsure"
        cached.unsure = [.roles, .voice]
        cached.lists[.roles] = [:]
        cached.lists[.voice] = [:]
        cached.memberCount = 5
        // Overwrites and members still name a role that is there.
        let verdict = try Self.verdict([try Self.model()], [cached])
        #expect(verdict.holds && verdict.figures["unsure kinds"] == 2, "\(verdict)")
        #expect(!(try Self.verdict([try Self.model()], [cached], hasHealed: true).holds))
        // Nothing but the gateway tells who is in voice.
        cached.unsure = [.voice]
        cached.lists[.roles] = try Self.cached().lists[.roles]
        #expect(try Self.verdict([try Self.model()], [cached], hasHealed: true).holds)
        // What it does not call unsure counts all the same.
        cached.lists[.channels] = [:]
        #expect(!(try Self.verdict([try Self.model()], [cached]).holds))
    }

    @Test func `A guild may be missing after a flush, until it is fetched`() throws {
        #expect(try Self.verdict([try Self.model()], [], mayLack: true).holds)
        #expect(!(try Self.verdict([try Self.model()], [], mayLack: true, hasHealed: true).holds))
    }

    @Test func `Of what is kept in part nothing is missed, and what is there has to be right`() throws {
        let kinds = try CacheKinds("threads,emojis,stickers,voice,members=seen")
        var cached = try Self.cached()
        cached.kinds.remove(.members)
        cached.parts = [.members]
        cached.lists[.members]?[2] = nil
        #expect(CacheComparison(kinds: kinds).verdict([try Self.model()], [cached]).holds)
        cached.lists[.members]?[1] = ByteBuffer(string: #"{"user":{"id":"1"},"roles":[]}"#)
        #expect(!CacheComparison(kinds: kinds).verdict([try Self.model()], [cached]).holds)
    }
}
