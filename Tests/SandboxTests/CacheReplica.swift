import Discord

@testable import Sandbox

/// What a bot knows that begins with GUILD_CREATE and follows the events, as a guild cache does.
struct CacheReplica {
    struct KnownGuild {
        var fields: [String: JSONValue] = [:]
        var lists: [String: [String: JSONValue]] = [:]
        var memberCount: Int64 = 0
        var isUnavailable = false
        /// Since the beginning, without a later GUILD_CREATE, which may leave members out.
        var isFollowed = true
    }

    private(set) var guilds: [String: KnownGuild] = [:]
    private var told: Set<String> = []
    /// Events that did not fit what was known.
    private(set) var strange: [String] = []

    /// Lists of GUILD_CREATE, and what names their elements.
    private static let keys = [
        "roles": ["id"], "emojis": ["id"], "stickers": ["id"], "channels": ["id"], "threads": ["id"],
        "voice_states": ["user_id"], "members": ["user", "id"],
    ]
    /// Told at the guild's coming only, or of no lasting meaning.
    private static let passing: Set = [
        "joined_at", "large", "unavailable", "presences", "stage_instances", "guild_scheduled_events",
        "soundboard_sounds", "member_count",
    ]

    mutating func apply(_ name: EventName, _ data: JSONValue) throws {
        let isGuild = [.guildCreate, .guildUpdate, .guildDelete].contains(name)
        guard let id = data[isGuild ? "id" : "guild_id"]?.string else { return }
        switch name {
        case .guildCreate:
            let isKnown = !self.told.insert(id).inserted
            self.guilds[id] = KnownGuild(isFollowed: !isKnown)
            self.takeFields(data, id)
            self.guilds[id]?.memberCount = data["member_count"]?.integer ?? -1
        case .guildDelete where data["unavailable"] == true: self.guilds[id]?.isUnavailable = true
        case .guildDelete: self.guilds[id] = nil
        default:
            guard let guild = self.guilds[id], !guild.isUnavailable else {
                self.strange.append("\(name.rawValue) of unknown or unavailable guild \(id)")
                return
            }
            self.change(name, data, id)
        }
    }

    private mutating func takeFields(_ data: JSONValue, _ id: String) {
        for member in data.object?.members ?? [] where !Self.passing.contains(member.key) {
            if let path = Self.keys[member.key] {
                self.guilds[id]?.lists[member.key] = Self.byID(member.value, path)
            } else {
                self.guilds[id]?.fields[member.key] = member.value
            }
        }
    }

    private static func byID(_ list: JSONValue, _ path: [String]) -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for item in list.array ?? [] {
            let id = path.reduce(Optional(item)) { $0?[$1] }?.string
            found[id ?? ""] = Self.lasting(item)
        }
        return found
    }

    /// Without what belongs to an event rather than to the thing.
    private static func lasting(_ json: JSONValue) -> JSONValue {
        guard var object = json.object else { return json }
        for key in ["last_message_id", "newly_created"] { object[key] = nil }
        return .object(object)
    }

    private mutating func set(_ list: String, _ key: String?, _ value: JSONValue?, in id: String) {
        guard let key else { return self.strange.append("\(list) without an id") }
        self.guilds[id]?.lists[list, default: [:]][key] = value.map { Self.lasting($0) }
    }

    private mutating func change(_ name: EventName, _ data: JSONValue, _ id: String) {
        func known(_ list: String, _ key: String?) -> Bool {
            key.map { self.guilds[id]?.lists[list]?[$0] != nil } ?? false
        }
        let own = data["id"]?.string
        switch name {
        case .guildUpdate: self.takeFields(data, id)
        case .channelCreate:
            if known("channels", own) { self.strange.append("channel created twice") }
            self.set("channels", own, data, in: id)
        case .channelUpdate:
            if !known("channels", own) { self.strange.append("unknown channel updated") }
            self.set("channels", own, data, in: id)
        case .channelDelete:
            if !known("channels", own) { self.strange.append("unknown channel deleted") }
            self.set("channels", own, nil, in: id)
            for (thread, json) in self.guilds[id]?.lists["threads"] ?? [:] where json["parent_id"]?.string == own {
                self.set("threads", thread, nil, in: id)
            }
        case .threadCreate, .threadUpdate:
            let isArchived = data["thread_metadata"]?["archived"] == true
            self.set("threads", own, isArchived ? JSONValue?.none : data, in: id)
        case .threadDelete: self.set("threads", own, nil, in: id)
        case .guildRoleCreate, .guildRoleUpdate:
            self.set("roles", data["role"]?["id"]?.string, data["role"], in: id)
        case .guildRoleDelete: self.deleteRole(data["role_id"] ?? .null, id)
        case .guildEmojisUpdate, .guildStickersUpdate: self.takeFields(data, id)
        case .voiceStateUpdate:
            var state = data.object ?? [:]
            state["member"] = nil
            state["guild_id"] = nil
            let isGone = data["channel_id"]?.isNull ?? true
            self.set("voice_states", data["user_id"]?.string, isGone ? JSONValue?.none : .object(state), in: id)
        case .guildMemberAdd, .guildMemberUpdate:
            if name == .guildMemberAdd { self.guilds[id]?.memberCount += 1 }
            var member = data.object ?? [:]
            member["guild_id"] = nil
            self.set("members", data["user"]?["id"]?.string, .object(member), in: id)
        case .guildMemberRemove:
            self.guilds[id]?.memberCount -= 1
            self.set("members", data["user"]?["id"]?.string, nil, in: id)
        default: break
        }
        self.guilds[id]?.fields["guild_id"] = nil
    }

    /// Members lose it, and channels their overwrites for it.
    private mutating func deleteRole(_ role: JSONValue, _ id: String) {
        self.set("roles", role.string, nil, in: id)
        for (list, key) in [("members", "roles"), ("channels", "permission_overwrites")] {
            for (name, json) in self.guilds[id]?.lists[list] ?? [:] {
                guard var object = json.object, let items = object[key]?.array else { continue }
                object[key] = .array(items.filter { $0 != role && $0["id"] != role })
                self.guilds[id]?.lists[list]?[name] = .object(object)
            }
        }
    }

    /// What is not as the model says.
    func differences(from model: JSONValue) -> [String] {
        let id = model["id"]?.string ?? ""
        guard let guild = self.guilds[id], let create = model["create"] else { return ["unknown"] }
        var found: [String] = []
        if guild.isUnavailable != (model["unavailable"] == true) { found.append("unavailable") }
        if guild.memberCount != create["member_count"]?.integer { found.append("member_count \(guild.memberCount)") }
        for member in create.object?.members ?? [] where !Self.passing.contains(member.key) {
            guard let path = Self.keys[member.key] else {
                if guild.fields[member.key] != member.value { found.append("field \(member.key)") }
                continue
            }
            let expected = Self.byID(member.value, path)
            let list = guild.lists[member.key] ?? [:]
            for (key, value) in expected where list[key] != value {
                // Whom a bot never heard of, it can't know: a member that came online is told by a presence only.
                if member.key == "members", list[key] == nil { continue }
                found.append("\(member.key) \(key)")
            }
            if member.key != "members" {
                for key in list.keys where expected[key] == nil { found.append("\(member.key) \(key) is gone") }
            }
        }
        for changed in model["members_changed"]?.array?.compactMap(\.string) ?? []
        where guild.isFollowed && guild.lists["members"]?[changed] == nil {
            found.append("member \(changed) has changed and is not known")
        }
        for gone in model["members_gone"]?.array?.compactMap(\.string) ?? []
        where guild.lists["members"]?[gone] != nil {
            found.append("member \(gone) is gone")
        }
        return found
    }
}
