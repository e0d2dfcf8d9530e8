import Discord
import GuildCache
import TestSupport

/// A guild as the cache should have it, made by other means than the cache's: each event says what it does.
struct GuildModel: Equatable {
    var name = ""
    var memberCount = 0
    var kinds: [CacheKind: [Int: String]] = [:]

    /// GUILD_CREATE of the guild as it is.
    var create: String {
        func list(_ kind: CacheKind) -> String {
            "[" + (self.kinds[kind] ?? [:]).sorted { $0.key < $1.key }.map(\.value).joined(separator: ",") + "]"
        }
        return """
            {"id":"1","name":"\(self.name)","member_count":\(self.memberCount),"channels":\(list(.channels)),\
            "roles":\(list(.roles)),"threads":\(list(.threads)),"emojis":\(list(.emojis)),"members":\(list(.members)),\
            "voice_states":\(list(.voice))}
            """
    }
}

/// A guild's life: events, and the guild after each.
struct GuildStream {
    static let kinds: [CacheKind] = [.channels, .roles, .threads, .emojis, .members, .voice]

    private(set) var events: [(name: String, data: String)] = []
    /// `states[n]`: after n events.
    private(set) var states: [GuildModel]
    private var random: SeededGenerator
    private var serial = 0

    init(seed: UInt64, count: Int) {
        self.random = SeededGenerator(seed: seed)
        self.states = [GuildModel()]
        while self.events.count < count { self.step() }
    }

    private mutating func id() -> Int { Int.random(in: 1...6, using: &self.random) }

    private mutating func add(_ name: String, _ data: String, _ change: (inout GuildModel) -> Void) {
        var state = self.states[self.states.count - 1]
        change(&state)
        self.events.append((name, data))
        self.states.append(state)
    }

    private mutating func step() {
        self.serial += 1
        let (id, parent, serial) = (self.id(), self.id(), self.serial)
        let state = self.states[self.states.count - 1]
        switch Int.random(in: 0..<17, using: &self.random) {
        case 0, 1, 2:
            let channel = #"{"id":"\#(id)","name":"c\#(serial)"}"#
            self.add("CHANNEL_UPDATE", channel) { $0.kinds[.channels, default: [:]][id] = channel }
        case 3:
            self.add("CHANNEL_DELETE", #"{"id":"\#(id)"}"#) { state in
                state.kinds[.channels]?[id] = nil
                state.kinds[.threads] = state.kinds[.threads]?.filter { !$0.value.contains(#""parent_id":"\#(id)""#) }
            }
        case 4:
            let thread = #"{"id":"\#(id)","parent_id":"\#(parent)","name":"t\#(serial)"}"#
            self.add("THREAD_CREATE", thread) { $0.kinds[.threads, default: [:]][id] = thread }
        case 5:
            self.add("THREAD_DELETE", #"{"id":"\#(id)"}"#) { $0.kinds[.threads]?[id] = nil }
        case 6:
            let thread = #"{"id":"\#(id)","parent_id":"\#(parent)","name":"s\#(serial)"}"#
            self.add("THREAD_LIST_SYNC", #"{"channel_ids":["\#(parent)"],"threads":[\#(thread)]}"#) { state in
                state.kinds[.threads] = (state.kinds[.threads] ?? [:])
                    .filter { !$0.value.contains(#""parent_id":"\#(parent)""#) }
                state.kinds[.threads]?[id] = thread
            }
        case 7, 8:
            let role = #"{"id":"\#(id)","permissions":"\#(serial)"}"#
            self.add("GUILD_ROLE_UPDATE", #"{"role":\#(role)}"#) { $0.kinds[.roles, default: [:]][id] = role }
        case 9:
            self.add("GUILD_ROLE_DELETE", #"{"role_id":"\#(id)"}"#) { $0.kinds[.roles]?[id] = nil }
        case 10:
            let emoji = #"{"id":"\#(id)","name":"e\#(serial)"}"#
            self.add("GUILD_EMOJIS_UPDATE", #"{"emojis":[\#(emoji)]}"#) { $0.kinds[.emojis] = [id: emoji] }
        case 11, 12:
            let member = #"{"user":{"id":"\#(id)"},"nick":"m\#(serial)"}"#
            let isNew = state.kinds[.members]?[id] == nil
            self.add("GUILD_MEMBER_ADD", member) { state in
                if isNew { state.memberCount += 1 }
                state.kinds[.members, default: [:]][id] = member
            }
        case 13 where state.kinds[.members]?[id] != nil:
            self.add("GUILD_MEMBER_REMOVE", #"{"user":{"id":"\#(id)"}}"#) { state in
                state.memberCount -= 1
                state.kinds[.members]?[id] = nil
            }
        case 14:
            let voice = #"{"user_id":"\#(id)","channel_id":"\#(parent)","session_id":"v\#(serial)"}"#
            self.add("VOICE_STATE_UPDATE", voice) { $0.kinds[.voice, default: [:]][id] = voice }
        case 15:
            self.add("VOICE_STATE_UPDATE", #"{"user_id":"\#(id)","channel_id":null}"#) { $0.kinds[.voice]?[id] = nil }
        case 16:
            self.add("GUILD_UPDATE", #"{"id":"1","name":"g\#(serial)"}"#) { $0.name = "g\(serial)" }
        default: break
        }
    }
}

extension CacheUnderTest {
    /// What is in Redis, as a model.
    func model() async throws -> GuildModel {
        var model = GuildModel()
        let object = try await self.object() ?? ""
        model.name = String(object.split(separator: "\"").last { $0.first == "g" && $0.count > 1 } ?? "")
        model.memberCount = try await self.meta("member_count").flatMap { Int($0) } ?? 0
        for kind in GuildStream.kinds {
            let values = try await self.hash(kind)
            model.kinds[kind] = Dictionary(uniqueKeysWithValues: values.map { (Int($0.key) ?? -1, $0.value) })
        }
        return model
    }
}

extension GuildModel {
    /// Without a difference between no list and an empty one.
    var normalized: GuildModel {
        var copy = self
        for kind in GuildStream.kinds where copy.kinds[kind] == nil { copy.kinds[kind] = [:] }
        return copy
    }
}
