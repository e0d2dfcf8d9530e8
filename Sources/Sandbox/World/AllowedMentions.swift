import Discord

/// Which mentions of a text count (Discord docs, Allowed Mentions).
struct AllowedMentions: Sendable, Equatable {
    var parsesUsers: Bool
    var parsesRoles: Bool
    var parsesEveryone: Bool
    var users: Set<Snowflake> = []
    var roles: Set<Snowflake> = []
    var mentionsRepliedUser = true

    static let all = AllowedMentions(parsesUsers: true, parsesRoles: true, parsesEveryone: true)
    /// The default of webhooks and interactions.
    static let usersOnly = AllowedMentions(parsesUsers: true, parsesRoles: false, parsesEveryone: false)

    private init(parsesUsers: Bool, parsesRoles: Bool, parsesEveryone: Bool) {
        self.parsesUsers = parsesUsers
        self.parsesRoles = parsesRoles
        self.parsesEveryone = parsesEveryone
    }

    /// `nil` when the body has none.
    init?(_ json: JSONValue?, _ errors: inout FormErrors) {
        guard let json, !json.isNull else { return nil }
        let parse = Set((json["parse"]?.array ?? []).compactMap(\.string))
        self.init(
            parsesUsers: parse.contains("users"), parsesRoles: parse.contains("roles"),
            parsesEveryone: parse.contains("everyone"))
        for (index, item) in (json["parse"]?.array ?? []).enumerated()
        where item.string.map({ !["users", "roles", "everyone"].contains($0) }) ?? true {
            errors.add(
                ["allowed_mentions", "parse", String(index)], code: "BASE_TYPE_CHOICES",
                "Value must be one of ('users', 'roles', 'everyone').")
        }
        self.users = Self.list(json, "users", conflicts: self.parsesUsers, &errors)
        self.roles = Self.list(json, "roles", conflicts: self.parsesRoles, &errors)
        self.mentionsRepliedUser = json["replied_user"]?.bool ?? false
    }

    private static func list(
        _ json: JSONValue, _ name: String, conflicts: Bool, _ errors: inout FormErrors
    ) -> Set<Snowflake> {
        let ids = (json[name]?.array ?? []).compactMap(\.snowflake)
        if ids.count > 100 {
            errors.add(["allowed_mentions", name], code: "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
        }
        if conflicts, !ids.isEmpty {
            errors.add(
                ["allowed_mentions"], code: "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                "parse:[\"\(name)\"] and \(name): [ids...] are mutually exclusive.")
        }
        return Set(ids)
    }
}

/// What a text mentions: `<@id>`, `<@!id>`, `<@&id>`, `@everyone`, `@here`.
struct MentionScan: Sendable, Equatable {
    private(set) var users: [Snowflake] = []
    private(set) var roles: [Snowflake] = []
    private(set) var everyone = false

    init(_ content: String) {
        self.everyone = content.contains("@everyone") || content.contains("@here")
        var rest = content[...]
        while let start = rest.firstRange(of: "<@") {
            rest = rest[start.upperBound...]
            var digits = rest
            let isRole = digits.first == "&"
            if isRole || digits.first == "!" { digits = digits.dropFirst() }
            guard let end = digits.firstIndex(of: ">"), let id = Snowflake(digits[..<end]) else { continue }
            if isRole {
                if !self.roles.contains(id) { self.roles.append(id) }
            } else if !self.users.contains(id) {
                self.users.append(id)
            }
            rest = digits[end...]
        }
    }
}
