import Discord
import GuildCache
import Testing

/// A plan with its values as text.
struct PlanText: Equatable {
    var mode: CachePlan.Mode
    var operations: [String]

    init(_ mode: CachePlan.Mode, _ operations: [String]) {
        self.mode = mode
        self.operations = operations
    }

    init(_ plan: CachePlan, from bytes: UnsafeRawBufferPointer) {
        self.mode = plan.mode
        self.operations = plan.operations.map { Self.text($0, bytes) }
    }

    private static func text(_ operation: CacheOperation, _ bytes: UnsafeRawBufferPointer) -> String {
        func list(_ entries: [CacheEntry]) -> String {
            entries.map { "\($0.id)=\($0.value.text(from: bytes))" }.joined(separator: " ")
        }
        switch operation {
        case .setGuild(let value): return "guild \(value.text(from: bytes))"
        case .put(let kind, let entries): return "put \(kind) \(list(entries))"
        case .replace(let kind, let entries): return "replace \(kind) \(list(entries))"
        case .remove(let kind, let ids): return "remove \(kind) \(ids)"
        case .removeChannel(let id): return "removeChannel \(id)"
        case .removeThreads(let parents): return "removeThreads \(parents.map { "\($0)" } ?? "all")"
        case .putOwnThreads(let entries): return "putOwn \(list(entries))"
        case .removeOwnThread(let id): return "removeOwn \(id)"
        case .note(let channel, let field, let value):
            return "note \(channel) \(field.rawValue) \(value.text(from: bytes))"
        case .setFact(let fact, let value): return "fact \(fact.rawValue) \(value.text(from: bytes))"
        case .countMembers(let difference, let joined): return "count \(difference) \(joined.map { "\($0)" } ?? "-")"
        case .doubt(let kind): return "doubt \(kind)"
        case .trust(let kind): return "trust \(kind)"
        }
    }
}

@Suite("Cache planner")
struct PlannerTests {
    static let everything = try? CacheKinds(
        "threads,emojis,stickers,voice,stages,events,sounds,presences,last-messages,members=seen")

    static func plan(_ name: String, _ data: String, kinds: CacheKinds? = everything) throws -> PlanText? {
        try self.whole(name, data, kinds: kinds).map { $0.text }
    }

    static func whole(
        _ name: String, _ data: String, kinds: CacheKinds? = everything
    ) throws -> (plan: CachePlan, text: PlanText)? {
        let planner = CachePlanner(kinds: try #require(kinds), user: 99)
        return try Array(name.utf8).withUnsafeBytes { name in
            guard let event = CacheEvent(name) else { return nil }
            return try Array(data.utf8).withUnsafeBytes { bytes in
                try planner.plan(event, bytes).map { ($0, PlanText($0, from: bytes)) }
            }
        }
    }

    @Test func `A new guild is taken apart`() throws {
        let data = """
            {"id":"1","member_count":3,"name":"A, B","roles":[{"id":"1","permissions":"7"},{"id":"2"}],"owner_id":"5", \
            "features":[],"channels":[{"id":"10","name":"x"}],"joined_at":"2026-01-01T00:00:00+00:00","large":false,\
            "members":[{"user":{"id":"5"},"roles":["2"]}],\
            "voice_states":[{"user_id":"5","channel_id":"10","member":{}}],\
            "threads":[{"id":"20","parent_id":"10","member":{"flags":1}},\
            {"id":"21","thread_metadata":{"archived":true}}],"emojis":[{"id":null,"name":"a"},{"id":"30"}],\
            "stickers":[],"presences":[{"user":{"id":"5"},"status":"idle"}],"stage_instances":[{"id":"40"}],\
            "guild_scheduled_events":[{"id":"50"}],"soundboard_sounds":[{"sound_id":"60"}],\
            "unavailable":false,"nsfw":false}
            """
        let plan = try #require(try Self.plan("GUILD_CREATE", data))
        #expect(plan.mode == .create)
        #expect(
            plan.operations == [
                #"guild {"id":"1","name":"A, B","owner_id":"5", "features":[],"nsfw":false}"#,
                "fact member_count 3",
                #"put roles 1={"id":"1","permissions":"7"} 2={"id":"2"}"#,
                #"put channels 10={"id":"10","name":"x"}"#,
                #"fact joined_at "2026-01-01T00:00:00+00:00""#,
                "fact large false",
                #"put members 5={"user":{"id":"5"},"roles":["2"]}"#,
                #"put voice 5={"user_id":"5","channel_id":"10"}"#,
                #"put threads 20={"id":"20","parent_id":"10","member":{"flags":1}}"#,
                #"putOwn 20={"flags":1}"#,
                #"put emojis 30={"id":"30"}"#,
                #"put presences 5={"user":{"id":"5"},"status":"idle"}"#,
                #"put stages 40={"id":"40"}"#, #"put events 50={"id":"50"}"#, #"put sounds 60={"sound_id":"60"}"#,
            ])
    }

    @Test func `Kinds that are not kept are left out`() throws {
        var kinds = try CacheKinds("")
        let data = """
            {"id":"1","members":[{"user":{"id":"5"}}],"threads":[{"id":"20"}],"emojis":[{"id":"30"}],\
            "roles":[{"id":"1"}]}
            """
        #expect(
            try Self.plan("GUILD_CREATE", data, kinds: kinds)
                == PlanText(.create, [#"guild {"id":"1"}"#, #"put roles 1={"id":"1"}"#]))
        for (name, data) in [
            ("THREAD_CREATE", #"{"id":"20"}"#), ("VOICE_STATE_UPDATE", #"{"user_id":"5","channel_id":"1"}"#),
            ("GUILD_EMOJIS_UPDATE", #"{"emojis":[]}"#), ("PRESENCE_UPDATE", #"{"user":{"id":"5"},"status":"idle"}"#),
            ("GUILD_MEMBER_UPDATE", #"{"user":{"id":"5"}}"#),
            ("MESSAGE_CREATE", #"{"id":"1","channel_id":"2","author":{"id":"5"},"member":{"roles":[]}}"#),
        ] {
            #expect(try Self.plan(name, data, kinds: kinds) == nil, "\(name)")
        }
        // The number of members is told by the events of members, also where those are not kept.
        #expect(
            try Self.plan("GUILD_MEMBER_ADD", #"{"user":{"id":"5"}}"#, kinds: kinds) == PlanText(.update, ["count 1 5"])
        )
        kinds = try CacheKinds("members=all")
        let (plan, text) = try #require(
            try Self.whole(
                "GUILD_CREATE", #"{"id":"1","member_count":2,"members":[{"user":{"id":"5"}}]}"#, kinds: kinds))
        #expect(plan.lacksMembers)
        #expect(text.operations.last == "doubt members")
        let complete = try #require(
            try Self.whole(
                "GUILD_CREATE", #"{"id":"1","members":[{"user":{"id":"5"}}],"member_count":1}"#, kinds: kinds))
        #expect(!complete.plan.lacksMembers)
    }

    @Test(arguments: [
        ("GUILD_CREATE", #"{"id":"1","unavailable":true}"#, CachePlan.Mode.unavailable),
        ("GUILD_DELETE", #"{"id":"1","unavailable":true}"#, .unavailable),
        ("GUILD_DELETE", #"{"id":"1"}"#, .gone), ("GUILD_DELETE", #"{"id":"1","unavailable":false}"#, .gone),
    ])
    func `A guild is away, or gone`(name: String, data: String, mode: CachePlan.Mode) throws {
        #expect(try Self.plan(name, data) == PlanText(mode, []))
    }

    @Test(arguments: [
        ("CHANNEL_CREATE", #"{"id":"10","type":0}"#, [#"put channels 10={"id":"10","type":0}"#]),
        ("CHANNEL_UPDATE", #"{"type":0,"id":"10"}"#, [#"put channels 10={"type":0,"id":"10"}"#]),
        ("CHANNEL_DELETE", #"{"id":"10","type":0}"#, ["removeChannel 10"]),
        (
            "CHANNEL_PINS_UPDATE", #"{"channel_id":"10","last_pin_timestamp":"t"}"#,
            [#"note 10 last_pin_timestamp "t""#]
        ),
        ("CHANNEL_PINS_UPDATE", #"{"channel_id":"10"}"#, ["note 10 last_pin_timestamp null"]),
        ("VOICE_CHANNEL_STATUS_UPDATE", #"{"id":"10","status":"hm"}"#, [#"note 10 status "hm""#]),
        ("VOICE_CHANNEL_START_TIME_UPDATE", #"{"id":"10","voice_start_time":7}"#, ["note 10 voice_start_time 7"]),
        (
            "CHANNEL_INFO", #"{"channels":[{"id":"10","status":"a"},{"id":"11","voice_start_time":null}]}"#,
            [#"note 10 status "a""#, "note 11 voice_start_time null"]
        ),
        (
            "THREAD_CREATE", #"{"id":"20","member":{"a":1}}"#,
            [#"put threads 20={"id":"20","member":{"a":1}}"#, #"putOwn 20={"a":1}"#]
        ),
        ("THREAD_UPDATE", #"{"id":"20","thread_metadata":{"archived":true}}"#, ["remove threads [20]"]),
        (
            "THREAD_UPDATE", #"{"id":"20","thread_metadata":{"archived":false}}"#,
            [#"put threads 20={"id":"20","thread_metadata":{"archived":false}}"#]
        ),
        ("THREAD_DELETE", #"{"id":"20"}"#, ["remove threads [20]"]),
        (
            "THREAD_LIST_SYNC", #"{"threads":[{"id":"20"}],"channel_ids":["10"],"members":[{"id":"20"}]}"#,
            ["removeThreads [10]", #"put threads 20={"id":"20"}"#, #"putOwn 20={"id":"20"}"#]
        ),
        ("THREAD_LIST_SYNC", #"{"threads":[],"members":[]}"#, ["removeThreads all"]),
        ("THREAD_MEMBER_UPDATE", #"{"id":"20","user_id":"99"}"#, [#"putOwn 20={"id":"20","user_id":"99"}"#]),
        (
            "THREAD_MEMBERS_UPDATE", #"{"id":"20","added_members":[{"user_id":"1"},{"user_id":"99"}]}"#,
            [#"putOwn 20={"user_id":"99"}"#]
        ),
        ("THREAD_MEMBERS_UPDATE", #"{"id":"20","removed_member_ids":["1","99"]}"#, ["removeOwn 20"]),
        ("GUILD_ROLE_CREATE", #"{"guild_id":"1","role":{"id":"2"}}"#, [#"put roles 2={"id":"2"}"#]),
        ("GUILD_ROLE_UPDATE", #"{"guild_id":"1","role":{"id":"2"}}"#, [#"put roles 2={"id":"2"}"#]),
        ("GUILD_ROLE_DELETE", #"{"guild_id":"1","role_id":"2"}"#, ["remove roles [2]"]),
        ("GUILD_EMOJIS_UPDATE", #"{"emojis":[{"id":"3"}]}"#, [#"replace emojis 3={"id":"3"}"#]),
        ("GUILD_STICKERS_UPDATE", #"{"stickers":[]}"#, ["replace stickers "]),
        (
            "GUILD_UPDATE", #"{"roles":[{"id":"1"}],"id":"1","emojis":[],"name":"n"}"#,
            [#"guild {"id":"1","name":"n"}"#, #"replace roles 1={"id":"1"}"#, "replace emojis "]
        ),
        (
            "GUILD_MEMBER_ADD", #"{"guild_id":"1","user":{"id":"5"}}"#,
            ["count 1 5", #"put members 5={"guild_id":"1","user":{"id":"5"}}"#]
        ),
        ("GUILD_MEMBER_UPDATE", #"{"user":{"id":"5"}}"#, [#"put members 5={"user":{"id":"5"}}"#]),
        (
            "GUILD_MEMBER_REMOVE", #"{"user":{"id":"5"}}"#,
            ["count -1 -", "remove members [5]", "remove presences [5]"]
        ),
        (
            "GUILD_MEMBERS_CHUNK",
            #"{"members":[{"user":{"id":"5"}},{"user":{"id":"6"}}],"presences":[{"user":{"id":"5"}}],"chunk_index":0}"#,
            [
                #"put members 5={"user":{"id":"5"}} 6={"user":{"id":"6"}}"#, #"put presences 5={"user":{"id":"5"}}"#,
            ]
        ),
        (
            "MESSAGE_CREATE",
            #"{"id":"7","channel_id":"10","author":{"id":"5","username":"u"},"member":{"roles":["2"],"nick":null}}"#,
            [
                #"put members 5={"user":{"id":"5","username":"u"},"roles":["2"],"nick":null}"#,
                #"note 10 last_message_id "7""#,
            ]
        ),
        (
            "MESSAGE_CREATE", #"{"id":"7","channel_id":"10","author":{"id":"5"},"member":{}}"#,
            [#"put members 5={"user":{"id":"5"}}"#, #"note 10 last_message_id "7""#]
        ),
        ("MESSAGE_CREATE", #"{"id":"7","channel_id":"10","author":{"id":"5"}}"#, [#"note 10 last_message_id "7""#]),
        (
            "VOICE_STATE_UPDATE", #"{"channel_id":"10","member":{"user":{"id":"5"}},"user_id":"5","mute":false}"#,
            [
                #"put voice 5={"channel_id":"10","user_id":"5","mute":false}"#,
                #"put members 5={"user":{"id":"5"}}"#,
            ]
        ),
        ("VOICE_STATE_UPDATE", #"{"channel_id":null,"user_id":"5"}"#, ["remove voice [5]"]),
        (
            "PRESENCE_UPDATE", #"{"user":{"id":"5"},"status":"dnd"}"#,
            [#"put presences 5={"user":{"id":"5"},"status":"dnd"}"#]
        ),
        ("PRESENCE_UPDATE", #"{"user":{"id":"5"},"status":"offline"}"#, ["remove presences [5]"]),
        ("STAGE_INSTANCE_CREATE", #"{"id":"40"}"#, [#"put stages 40={"id":"40"}"#]),
        ("STAGE_INSTANCE_UPDATE", #"{"id":"40"}"#, [#"put stages 40={"id":"40"}"#]),
        ("STAGE_INSTANCE_DELETE", #"{"id":"40"}"#, ["remove stages [40]"]),
        ("GUILD_SCHEDULED_EVENT_CREATE", #"{"id":"50"}"#, [#"put events 50={"id":"50"}"#]),
        ("GUILD_SCHEDULED_EVENT_UPDATE", #"{"id":"50"}"#, [#"put events 50={"id":"50"}"#]),
        ("GUILD_SCHEDULED_EVENT_DELETE", #"{"id":"50"}"#, ["remove events [50]"]),
        ("GUILD_SOUNDBOARD_SOUND_CREATE", #"{"sound_id":"60"}"#, [#"put sounds 60={"sound_id":"60"}"#]),
        ("GUILD_SOUNDBOARD_SOUND_UPDATE", #"{"sound_id":"60"}"#, [#"put sounds 60={"sound_id":"60"}"#]),
        ("GUILD_SOUNDBOARD_SOUND_DELETE", #"{"sound_id":"60"}"#, ["remove sounds [60]"]),
        (
            "GUILD_SOUNDBOARD_SOUNDS_UPDATE", #"{"soundboard_sounds":[{"sound_id":"60"}]}"#,
            [#"replace sounds 60={"sound_id":"60"}"#]
        ),
        ("SOUNDBOARD_SOUNDS", #"{"soundboard_sounds":[]}"#, ["replace sounds "]),
    ])
    func `Each event changes what it is about`(name: String, data: String, operations: [String]) throws {
        #expect(try Self.plan(name, data) == PlanText(.update, operations))
    }

    @Test(arguments: ["TYPING_START", "MESSAGE_REACTION_ADD", "GUILD_CREATED", "", "READY"])
    func `Other events are of no concern`(name: String) throws {
        #expect(try Self.plan(name, #"{"id":"1"}"#) == nil)
    }

    @Test(arguments: CacheEvent.allCases)
    func `Data of another shape than Discord documents plans nothing, or nothing wrong`(event: CacheEvent) throws {
        for data in ["null", "[]", "7", #""x""#, "{}", #"{"id":null,"user":7,"role":[],"channels":{},"members":3}"#] {
            // A guild is told by its events' guild id; here only the shape of the rest is wrong.
            let plan = try Self.plan(event.rawValue, data)
            let empties: Set<String> = ["guild {}", #"guild {"id":null,"user":7,"role":[]}"#, "removeThreads all"]
            for operation in plan?.operations ?? [] {
                #expect(empties.contains(operation), "\(event) \(data): \(operation)")
            }
        }
    }

    @Test func `Kinds are read from their setting`() throws {
        let kinds = try CacheKinds("threads, members=all,presences")
        #expect(kinds.whole == "guild,channels,roles,threads,members")
        #expect(kinds.inPart == "presences")
        #expect(try CacheKinds(CacheKinds.text) == CacheKinds())
        #expect(throws: CacheKinds.Problem.self) { try CacheKinds("threads,member=all") }
        #expect(throws: CacheKinds.Problem.self) { try CacheKinds("members=some") }
    }
}
