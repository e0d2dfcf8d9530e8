import Discord

/// A bot's application. Application and bot user share one id, as with Discord's newer ones.
struct SandboxApplication: Codable, Sendable, Equatable {
    let id: Snowflake
    var name: String
    var description: String
    var ownerID: Snowflake
    /// Privileged intents that are switched on; others are refused with close code 4014.
    var allowedIntents: UInt64

    var allowsMessageContent: Bool { Intents(rawValue: self.allowedIntents).contains(.messageContent) }

    /// Bits 12 to 19 tell which privileged intents are on (Discord docs, Application Flags; the "limited" ones).
    var flags: Int {
        let allowed = Intents(rawValue: self.allowedIntents)
        return (allowed.contains(.guildPresences) ? 1 << 13 : 0) | (allowed.contains(.guildMembers) ? 1 << 15 : 0)
            | (allowed.contains(.messageContent) ? 1 << 19 : 0)
    }

    func json(bot: User, owner: User?, guilds: Int) -> JSONValue {
        [
            "id": .id(self.id),
            "name": .string(self.name),
            "icon": .null,
            "description": .string(self.description),
            "summary": "",
            "type": .null,
            "bot_public": true,
            "bot_require_code_grant": false,
            "verify_key": .string(String(repeating: "0", count: 64)),
            "flags": .integer(self.flags),
            "flags_new": .string(String(self.flags)),
            "team": .null,
            "owner": owner?.json ?? bot.json,
            "bot": bot.json,
            "approximate_guild_count": .integer(guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": ["bot", "applications.commands", "identify", "guilds"],
            "interactions_endpoint_url": .null,
            "role_connections_verification_url": .null,
            "event_webhooks_url": .null,
            "event_webhooks_status": 1,
            "redirect_uris": [],
            "tags": [],
            "rpc_origins": [],
            "hook": true,
            "integration_types_config": ["0": [:]],
        ]
    }
}

/// A registered command: Discord's object as the application gave it, checked, with its id and version.
struct ApplicationCommand: Codable, Sendable, Equatable {
    let id: Snowflake
    let applicationID: Snowflake
    let guildID: Snowflake?
    let kind: Int
    var name: String
    var version: Snowflake
    /// What the application sent, known keys only.
    var definition: JSONValue

    func json(withLocalizations: Bool) -> JSONValue {
        var object: JSONObject = [
            "id": .id(self.id), "application_id": .id(self.applicationID), "version": .id(self.version),
            "type": .integer(self.kind), "name": .string(self.name),
        ]
        if let guildID { object["guild_id"] = .id(guildID) }
        for member in self.definition.object?.members ?? [] where object[member.key] == nil {
            if !withLocalizations, member.key.hasSuffix("_localizations") { continue }
            object.members.append(member)
        }
        for (key, value) in Self.defaults where object[key] == nil { object[key] = value }
        return .object(object)
    }

    private static let defaults: [(String, JSONValue)] = [
        ("description", ""), ("default_member_permissions", .null), ("dm_permission", true), ("nsfw", false),
        ("integration_types", [0]), ("contexts", .null), ("options", []),
    ]
}

struct Webhook: Codable, Sendable, Equatable {
    let id: Snowflake
    let guildID: Snowflake
    var channelID: Snowflake
    var name: String
    var avatar: String?
    let token: String
    let creatorID: Snowflake
    let applicationID: Snowflake?

    /// - Parameter creator: left out where the caller shows nothing but the token.
    func json(creator: User?, baseURL: String) -> JSONValue {
        var object: JSONObject = [
            "id": .id(self.id),
            "type": 1,
            "name": .string(self.name),
            "avatar": .optional(self.avatar),
            "channel_id": .id(self.channelID),
            "guild_id": .id(self.guildID),
            "application_id": .id(self.applicationID),
            "token": .string(self.token),
            "url": .string("\(baseURL)/api/webhooks/\(self.id)/\(self.token)"),
        ]
        if let creator { object["user"] = creator.json }
        return .object(object)
    }
}
