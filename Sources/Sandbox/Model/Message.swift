import Discord

struct Message: Codable, Sendable, Equatable {
    enum Kind { static let standard = 0, reply = 19, slashCommand = 20 }
    enum Flag {
        static let suppressEmbeds = 1 << 2, ephemeral = 1 << 6, loading = 1 << 7, suppressNotifications = 1 << 12
    }

    struct Reaction: Codable, Sendable, Equatable {
        var emoji: Emoji
        var users: [Snowflake]
    }

    struct Reference: Codable, Sendable, Equatable {
        var messageID: Snowflake
        var channelID: Snowflake
        var guildID: Snowflake?
    }

    struct Interaction: Codable, Sendable, Equatable {
        var id: Snowflake
        var kind: Int
        var userID: Snowflake
        var name: String?
    }

    /// Who wrote it when that is no user: a webhook's name and picture of that moment.
    struct Persona: Codable, Sendable, Equatable {
        var username: String
        var avatar: String?
    }

    let id: Snowflake
    let channelID: Snowflake
    let guildID: Snowflake?
    /// A user's, or a webhook's where `persona` is set.
    let authorID: Snowflake
    var persona: Persona?
    var webhookID: Snowflake?
    var applicationID: Snowflake?
    var kind = Kind.standard
    var content: String
    var editedAt: Timestamp?
    var isTTS = false
    var isPinned = false
    var flags = 0
    var mentionsEveryone = false
    var mentions: [Snowflake] = []
    var mentionedRoles: [Snowflake] = []
    var attachments: [JSONValue] = []
    var embeds: [JSONValue] = []
    var components: [JSONValue] = []
    var nonce: JSONValue?
    var reference: Reference?
    var reactions: [Reaction] = []
    var interaction: Interaction?

    var isEphemeral: Bool { self.flags & Flag.ephemeral != 0 }
}

/// A unicode emoji (no id) or a custom one.
struct Emoji: Codable, Sendable, Hashable {
    var id: Snowflake?
    var name: String

    init(id: Snowflake?, name: String) {
        self.id = id
        self.name = name
    }

    /// Parses a percent-decoded path part: `👍` or `name:id`; `nil` for what is neither.
    init?(path: String) {
        let parts = path.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            guard !path.isEmpty, path.count <= 4, path.unicodeScalars.contains(where: { $0.properties.isEmoji }) else {
                return nil
            }
            self.name = path
        case 2:
            guard let id = Snowflake(parts[1]), !parts[0].isEmpty, parts[0].count <= 32 else { return nil }
            self.id = id
            self.name = String(parts[0])
        default: return nil
        }
    }

    var json: JSONValue { ["id": .id(self.id), "name": .string(self.name)] }
}
