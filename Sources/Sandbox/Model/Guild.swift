import Discord

/// A server with its roles and members. Its channels live in the world.
struct Guild: Sendable {
    let id: Snowflake
    /// What it was made from; `nil` for one that people made.
    let origin: Blueprint.Origin?
    var name: String
    var ownerID: Snowflake
    var icon: String?
    var topic: String?
    var verificationLevel = 0
    var boosts = 0
    var roles: OverlayTable<Role>
    var members: OverlayTable<Member>
    var emojis: OverlayTable<GuildEmoji>
    var stickers: OverlayTable<GuildSticker>
    var voiceStates: OverlayTable<VoiceState>
    /// Of those whose presence has changed since the beginning.
    var presences: [Snowflake: Presence] = [:]
    var channelIDs: OverlayIDs
    var threadIDs: OverlayIDs
    /// The bots that joined; see ``botIDs``.
    var bots: Set<Snowflake> = []
    /// An unavailable guild is in an outage: it is announced, and gives no events.
    var isUnavailable = false

    init(id: Snowflake, name: String, ownerID: Snowflake, origin: Blueprint.Origin? = nil) {
        self.id = id
        self.origin = origin
        self.name = name
        self.ownerID = ownerID
        self.roles = OverlayTable(origin)
        self.members = OverlayTable(origin)
        self.emojis = OverlayTable(origin)
        self.stickers = OverlayTable(origin)
        self.voiceStates = OverlayTable(origin)
        self.channelIDs = OverlayIDs(origin, .channel)
        self.threadIDs = OverlayIDs(origin, .thread)
    }

    /// The bots among the members, by id.
    var botIDs: [Snowflake] {
        self.bots.union(self.origin?.blueprint.applications ?? []).filter { self.members.contains($0) }.sorted()
    }

    /// Who isn't a member has none.
    func presence(of user: Snowflake) -> Presence? {
        if let presence = self.presences[user] { return presence }
        return self.members.contains(user) ? self.origin?.presence(of: user) ?? Presence(status: .online) : nil
    }
}

struct Role: Codable, Sendable, Equatable {
    let id: Snowflake
    let guildID: Snowflake
    var name: String
    var permissions: Permissions
    var position: Int
    var color = 0
    var hoist = false
    var mentionable = false
    var managed = false
    var botID: Snowflake?

    var json: JSONValue {
        var object: JSONObject = [
            "id": .id(self.id),
            "name": .string(self.name),
            "permissions": .permissions(self.permissions),
            "position": .integer(self.position),
            "color": .integer(self.color),
            "colors": ["primary_color": .integer(self.color), "secondary_color": .null, "tertiary_color": .null],
            "hoist": .bool(self.hoist),
            "managed": .bool(self.managed),
            "mentionable": .bool(self.mentionable),
            "icon": .null,
            "unicode_emoji": .null,
            "description": .null,
            "flags": 0,
        ]
        if let botID { object["tags"] = ["bot_id": .id(botID)] }
        return .object(object)
    }
}

struct Member: Codable, Sendable, Equatable {
    let guildID: Snowflake
    let userID: Snowflake
    var nick: String?
    var roles: [Snowflake] = []
    var joinedAt: Timestamp
    var communicationDisabledUntil: Timestamp?

    /// Without its user, as messages carry it.
    var object: JSONObject {
        [
            "nick": .optional(self.nick),
            "avatar": .null,
            "banner": .null,
            "roles": .ids(self.roles),
            "joined_at": self.joinedAt.json,
            "premium_since": .null,
            "deaf": false,
            "mute": false,
            "flags": 0,
            "pending": false,
            "communication_disabled_until": self.communicationDisabledUntil?.json ?? .null,
        ]
    }

    func json(user: User) -> JSONValue {
        var object = self.object
        object.members.insert(JSONObject.Member(key: "user", value: user.json), at: 0)
        return .object(object)
    }
}

/// What is stored of a guild itself.
struct GuildRecord: Codable, Sendable {
    let id: Snowflake
    var name: String
    var ownerID: Snowflake
    var icon: String?
    var topic: String?
}
