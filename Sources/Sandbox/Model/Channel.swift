import Discord

struct Channel: Codable, Sendable, Equatable {
    /// Open, since Discord adds types.
    struct Kind: RawRepresentable, Codable, Sendable, Hashable {
        let rawValue: Int
        static let text = Kind(rawValue: 0)
        static let direct = Kind(rawValue: 1)
        static let voice = Kind(rawValue: 2)
        static let category = Kind(rawValue: 4)
        static let announcement = Kind(rawValue: 5)
        static let publicThread = Kind(rawValue: 11)
        static let stage = Kind(rawValue: 13)
        static let forum = Kind(rawValue: 15)

        /// Those that `POST /guilds/{g}/channels` makes.
        static let creatable: Set<Int> = [0, 2, 4, 5, 13, 15, 16]
        var isThread: Bool { (10...12).contains(self.rawValue) }
        var takesMessages: Bool { [0, 1, 2, 3, 5, 10, 11, 12, 13].contains(self.rawValue) }
    }

    /// What a thread has besides.
    struct Thread: Codable, Sendable, Equatable {
        var ownerID: Snowflake
        var memberCount: Int
        var messageCount: Int
        var isArchived = false
        var isLocked = false
        /// When it was last archived or unarchived; at first when it was made.
        var archiveTime: Timestamp
    }

    let id: Snowflake
    var kind: Kind
    var guildID: Snowflake?
    var name: String?
    var topic: String?
    var position = 0
    var parentID: Snowflake?
    var isNSFW = false
    var rateLimitPerUser = 0
    var overwrites: [PermissionOverwrite] = []
    var lastMessageID: Snowflake?
    /// The two people of a direct channel.
    var recipientIDs: [Snowflake] = []
    /// Of threads only.
    var thread: Thread?

    /// - Parameter recipients: of a direct channel, without whom it is shown to.
    func json(recipients: [User] = []) -> JSONValue {
        if self.kind == .direct {
            return [
                "id": .id(self.id), "type": 1, "flags": 0, "last_message_id": .id(self.lastMessageID),
                "recipients": .array(recipients.map(\.json)),
            ]
        }
        if let thread { return self.json(thread) }
        var object: JSONObject = [
            "id": .id(self.id),
            "type": .integer(self.kind.rawValue),
            "guild_id": .id(self.guildID),
            "name": .optional(self.name),
            "topic": .optional(self.topic),
            "position": .integer(self.position),
            "flags": 0,
            "parent_id": .id(self.parentID),
            "permission_overwrites": .array(self.overwrites.map(Self.json)),
            "nsfw": .bool(self.isNSFW),
            "rate_limit_per_user": .integer(self.rateLimitPerUser),
            "last_message_id": .id(self.lastMessageID),
            "last_pin_timestamp": .null,
        ]
        if self.kind == .voice || self.kind == .stage {
            object["bitrate"] = 64_000
            object["user_limit"] = 0
            object["rtc_region"] = .null
        }
        return .object(object)
    }

    private func json(_ thread: Thread) -> JSONValue {
        [
            "id": .id(self.id),
            "type": .integer(self.kind.rawValue),
            "guild_id": .id(self.guildID),
            "parent_id": .id(self.parentID),
            "owner_id": .id(thread.ownerID),
            "name": .optional(self.name),
            "flags": 0,
            "rate_limit_per_user": .integer(self.rateLimitPerUser),
            "last_message_id": .id(self.lastMessageID),
            "last_pin_timestamp": .null,
            "member_count": .integer(thread.memberCount),
            "message_count": .integer(thread.messageCount),
            "total_message_sent": .integer(thread.messageCount),
            "thread_metadata": [
                "archived": .bool(thread.isArchived), "auto_archive_duration": 1440,
                "archive_timestamp": thread.archiveTime.json, "locked": .bool(thread.isLocked),
                "create_timestamp": Timestamp(milliseconds: self.id.milliseconds).json,
            ],
        ]
    }

    private static func json(_ overwrite: PermissionOverwrite) -> JSONValue {
        [
            "id": .id(overwrite.id), "type": .integer(overwrite.type.rawValue),
            "allow": .permissions(overwrite.allow), "deny": .permissions(overwrite.deny),
        ]
    }
}
