import Discord

/// What a client says of itself in op 3 or in Identify, checked: nothing else of what it sent reaches others (Discord
/// docs, Update Presence; bots may only set an activity's name, state, type and url).
struct PresenceForm: Sendable, Equatable {
    static let statuses: Set<String> = ["online", "dnd", "idle", "invisible", "offline"]

    /// What others are shown: `offline` for the invisible.
    let status: String
    let activities: [JSONObject]

    init() {
        self.status = "online"
        self.activities = []
    }

    /// `nil` for what is no presence. In Identify the status may be missing, which means `online`.
    init?(_ json: JSONValue, needsStatus: Bool) {
        guard json.object != nil else { return nil }
        switch json["status"] {
        case .string(let status) where Self.statuses.contains(status):
            self.status = status == "invisible" ? "offline" : status
        case nil, .null:
            if needsStatus { return nil }
            self.status = "online"
        default: return nil
        }
        guard Self.isNumber(json["since"]), Self.isFlag(json["afk"]) else { return nil }
        switch json["activities"] {
        case nil, .null: self.activities = []
        case .array(let items):
            var activities: [JSONObject] = []
            for item in items where !item.isNull {
                guard let activity = Self.activity(item) else { return nil }
                activities.append(activity)
            }
            self.activities = activities
        default: return nil
        }
    }

    private static func activity(_ json: JSONValue) -> JSONObject? {
        guard let name = json["name"]?.string, name.count <= 128 else { return nil }
        var activity: JSONObject = ["name": .string(name)]
        switch json["type"] {
        case .integer(let type) where (0...5).contains(type): activity["type"] = .integer(type)
        case nil, .null: activity["type"] = 0
        default: return nil
        }
        for key in ["state", "url"] {
            switch json[key] {
            case .string(let text) where text.count <= 512: activity[key] = .string(text)
            case nil, .null: break
            default: return nil
            }
        }
        return activity
    }

    private static func isNumber(_ json: JSONValue?) -> Bool {
        switch json {
        case nil, .null, .integer, .number: true
        default: false
        }
    }

    private static func isFlag(_ json: JSONValue?) -> Bool { json.map { $0.isNull || $0.bool != nil } ?? true }
}

/// Where a client wants to be heard (op 4), checked for form.
struct VoiceForm: Sendable, Equatable {
    let guildID: Snowflake
    /// `nil` leaves.
    let channelID: Snowflake?
    let isSelfMuted: Bool
    let isSelfDeafened: Bool

    /// `nil` for what is no voice state.
    init?(_ json: JSONValue) {
        guard let guildID = json["guild_id"]?.snowflake else { return nil }
        self.guildID = guildID
        switch json["channel_id"] {
        case nil, .null: self.channelID = nil
        case let id?:
            guard let id = id.snowflake else { return nil }
            self.channelID = id
        }
        var flags: [Bool] = []
        for key in ["self_mute", "self_deaf"] {
            switch json[key] {
            case .bool(let flag): flags.append(flag)
            case nil, .null: flags.append(false)
            default: return nil
            }
        }
        (self.isSelfMuted, self.isSelfDeafened) = (flags[0], flags[1])
    }
}
