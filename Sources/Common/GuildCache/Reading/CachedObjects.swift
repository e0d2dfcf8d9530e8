package import Discord

/// The parts of a guild that our own code reads. Everything else is in the bytes (`GuildCache.json`).
package struct CachedGuild: Sendable, Equatable, Decodable {
    package let id: Snowflake
    package let name: String
    package let ownerID: Snowflake
    package let features: [String]?

    private enum CodingKeys: String, CodingKey {
        case id, name, features
        case ownerID = "owner_id"
    }
}

package struct CachedChannel: Sendable, Equatable, Decodable {
    package let id: Snowflake
    /// Open: Discord adds types without notice.
    package let type: Int
    package let name: String?
    package let parentID: Snowflake?
    package let position: Int?
    package let overwrites: [PermissionOverwrite]?

    package var isThread: Bool { (10...12).contains(self.type) }
    /// Whether its permissions are those of voice.
    package var isVoice: Bool { self.type == 2 || self.type == 13 }

    private enum CodingKeys: String, CodingKey {
        case id, type, name, position
        case parentID = "parent_id"
        case overwrites = "permission_overwrites"
    }
}

package struct CachedRole: Sendable, Equatable, Decodable {
    package let id: Snowflake
    package let name: String
    package let position: Int
    package let permissions: Permissions
}

package struct CachedMember: Sendable, Equatable, Decodable {
    package struct User: Sendable, Equatable, Decodable {
        package let id: Snowflake
        package let username: String?
        package let isBot: Bool?

        private enum CodingKeys: String, CodingKey {
            case id, username
            case isBot = "bot"
        }
    }

    package let user: User
    package let nick: String?
    package let roles: [Snowflake]
    /// ISO 8601.
    package let communicationDisabledUntil: String?

    package init(user: Snowflake, roles: [Snowflake], communicationDisabledUntil: String? = nil) {
        self.user = User(id: user, username: nil, isBot: nil)
        self.nick = nil
        self.roles = roles
        self.communicationDisabledUntil = communicationDisabledUntil
    }

    /// - Parameter now: milliseconds since 1970.
    package func isTimedOut(now: Int64) -> Bool {
        guard let until = self.communicationDisabledUntil else { return false }
        // A time that can't be read is one that Discord has set.
        return DiscordTimestamp.milliseconds(until).map { $0 > now } ?? true
    }

    private enum CodingKeys: String, CodingKey {
        case user, nick, roles
        case communicationDisabledUntil = "communication_disabled_until"
    }
}

package struct CachedVoiceState: Sendable, Equatable, Decodable {
    package let userID: Snowflake
    package let channelID: Snowflake?
    package let sessionID: String?

    private enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case channelID = "channel_id"
        case sessionID = "session_id"
    }
}
