import Discord

/// A person or a bot, as others see it.
struct User: Codable, Sendable, Equatable {
    let id: Snowflake
    var username: String
    var globalName: String?
    var avatar: String?
    var isBot = false
}

/// What a person logs in with.
struct Account: Codable, Sendable, Equatable {
    let userID: Snowflake
    let login: String
    var password: PasswordHash
}

/// Somebody's right to call: only the token's digest is kept.
struct Credential: Codable, Sendable, Equatable {
    let digest: String
    let userID: Snowflake
}

extension User {
    var json: JSONValue { .object(self.object) }

    var object: JSONObject {
        var object: JSONObject = [
            "id": .id(self.id),
            "username": .string(self.username),
            "discriminator": .string(self.isBot ? "0000" : "0"),
            "global_name": .optional(self.globalName),
            "avatar": .optional(self.avatar),
            "flags": 0,
            "public_flags": 0,
            "primary_guild": .null,
            "banner": .null,
            "accent_color": .null,
            "avatar_decoration_data": .null,
            "collectibles": .null,
        ]
        if self.isBot { object["bot"] = true }
        return object
    }

    /// With what only the user itself is shown.
    var ownJSON: JSONValue {
        var object = self.object
        object["mfa_enabled"] = false
        object["locale"] = "en-US"
        object["verified"] = true
        object["email"] = .null
        object["premium_type"] = 0
        return .object(object)
    }
}

extension JSONValue {
    static func id(_ id: Snowflake) -> JSONValue { .string(id.description) }
    static func id(_ id: Snowflake?) -> JSONValue { id.map { .string($0.description) } ?? .null }
    static func ids(_ ids: some Sequence<Snowflake>) -> JSONValue { .array(ids.map { .id($0) }) }
    static func permissions(_ permissions: Permissions) -> JSONValue { .string(permissions.description) }

    /// A snowflake written as a string or as an integer.
    var snowflake: Snowflake? {
        switch self {
        case .string(let text): Snowflake(text)
        case .integer(let value): UInt64(exactly: value).map { Snowflake(rawValue: $0) }
        case .number(let literal): Snowflake(literal)
        case .null, .bool, .array, .object: nil
        }
    }
}
