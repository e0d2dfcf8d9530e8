extension Permissions {
    /// A member's permissions in the guild as a whole (Discord docs, Permission Overwrites).
    ///
    /// - Parameters:
    ///   - roles: the member's role ids; `@everyone`, whose id is the guild's, counts without being listed.
    ///   - rolePermissions: `nil` for a role that is not known: it is passed over.
    package static func base(
        guild: Snowflake,
        owner: Snowflake,
        member: Snowflake,
        roles: some Sequence<Snowflake>,
        rolePermissions: (Snowflake) -> Permissions?
    ) -> Permissions {
        if member == owner { return .all }
        var permissions = rolePermissions(guild) ?? []
        for role in roles {
            permissions.formUnion(rolePermissions(role) ?? [])
        }
        return permissions.contains(.administrator) ? .all : permissions
    }

    /// The permissions in one channel, from the `base` ones and the channel's overwrites (for a thread: its parent's).
    ///
    /// - Parameter isTimedOut: whether `communication_disabled_until` lies ahead. Owners and administrators ignore it.
    package static func effective(
        base: Permissions,
        guild: Snowflake,
        member: Snowflake,
        roles: some Sequence<Snowflake>,
        overwrites: some Collection<PermissionOverwrite>,
        isTimedOut: Bool = false
    ) -> Permissions {
        if base.contains(.administrator) { return .all }
        var permissions = base
        if let everyone = overwrites.first(where: { $0.type == .role && $0.id == guild }) {
            permissions = permissions.subtracting(everyone.deny).union(everyone.allow)
        }
        let held = Set(roles)
        var allow: Permissions = []
        var deny: Permissions = []
        for overwrite in overwrites
        where overwrite.type == .role && overwrite.id != guild && held.contains(overwrite.id) {
            allow.formUnion(overwrite.allow)
            deny.formUnion(overwrite.deny)
        }
        permissions = permissions.subtracting(deny).union(allow)
        if let own = overwrites.first(where: { $0.type == .member && $0.id == member }) {
            permissions = permissions.subtracting(own.deny).union(own.allow)
        }
        return isTimedOut ? permissions.intersection(.duringTimeout) : permissions
    }

    /// What of these counts when an action is checked: without VIEW_CHANNEL nothing does, without the right to send
    /// neither do those that shape a message, and without CONNECT nothing does in a voice channel.
    package func usable(inThread: Bool = false, inVoice: Bool = false) -> Permissions {
        guard self.contains(.viewChannel) else { return [] }
        if inVoice, !self.contains(.connect) { return .viewChannel }
        guard self.contains(inThread ? .sendMessagesInThreads : .sendMessages) else {
            return self.subtracting([.mentionEveryone, .sendTTSMessages, .attachFiles, .embedLinks])
        }
        return self
    }
}
