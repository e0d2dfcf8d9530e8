/// A channel's exception for a role or a member.
package struct PermissionOverwrite: Codable, Hashable, Sendable {
    /// Open, since Discord adds values without notice.
    package struct Target: RawRepresentable, Codable, Hashable, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        package static let role = Target(rawValue: 0)
        package static let member = Target(rawValue: 1)
    }

    package let id: Snowflake
    package let type: Target
    package let allow: Permissions
    package let deny: Permissions

    package init(id: Snowflake, type: Target, allow: Permissions, deny: Permissions) {
        self.id = id
        self.type = type
        self.allow = allow
        self.deny = deny
    }
}
