import Discord

extension World {
    func guild(_ id: Snowflake, seenBy user: Snowflake) throws(APIError) -> Guild {
        guard let guild = self.guilds[id], !guild.isUnavailable else { throw .unknownGuild }
        guard guild.members[user] != nil else { throw .missingAccess }
        return guild
    }

    /// What the user may do in the guild as a whole; none for who is no member.
    func permissions(of user: Snowflake, in guild: Guild) -> Permissions {
        guard let member = guild.members[user] else { return [] }
        return Permissions.base(
            guild: guild.id, owner: guild.ownerID, member: user, roles: member.roles,
            rolePermissions: { guild.roles[$0]?.permissions })
    }

    /// What the user may do in the channel, implicit denials applied.
    func permissions(of user: Snowflake, in channel: Channel) -> Permissions {
        guard let guildID = channel.guildID else {
            return channel.recipientIDs.contains(user) ? Self.directPermissions : []
        }
        guard let guild = self.guilds[guildID], let member = guild.members[user] else { return [] }
        // A thread has its parent's overwrites.
        let parent = channel.kind.isThread ? channel.parentID.flatMap { self.channels[$0] } : nil
        let isTimedOut = member.communicationDisabledUntil.map { $0 > self.now } ?? false
        return Permissions.effective(
            base: self.permissions(of: user, in: guild), guild: guildID, member: user, roles: member.roles,
            overwrites: (parent ?? channel).overwrites, isTimedOut: isTimedOut
        ).usable(inThread: channel.kind.isThread, inVoice: channel.kind == .voice)
    }

    static let directPermissions: Permissions = [
        .viewChannel, .sendMessages, .embedLinks, .attachFiles, .readMessageHistory, .addReactions,
        .useApplicationCommands,
    ]

    /// The channel, if the user may view it and has the other permissions too.
    func channel(
        _ id: Snowflake,
        for user: Snowflake,
        needing needed: Permissions = []
    ) throws(APIError) -> Channel {
        guard let channel = self.channels[id] else { throw .unknownChannel }
        let permissions = self.permissions(of: user, in: channel)
        guard permissions.contains(.viewChannel) else { throw .missingAccess }
        guard permissions.contains(needed) else { throw .missingPermissions }
        return channel
    }

    func require(_ needed: Permissions, of user: Snowflake, in guild: Guild) throws(APIError) {
        guard self.permissions(of: user, in: guild).contains(needed) else { throw .missingPermissions }
    }

    /// Whom an event of this channel reaches.
    func audience(of channel: Channel) -> Dispatch.Audience {
        if let guildID = channel.guildID { .channel(channel.id, guild: guildID) } else { .users(channel.recipientIDs) }
    }

    /// Whether a user is among an event's hearers.
    func reaches(_ audience: Dispatch.Audience, _ user: Snowflake) -> Bool {
        switch audience {
        case .guild(let id): self.guilds[id]?.members.contains(user) ?? false
        case .others(let other, let id): user != other && self.guilds[id]?.members.contains(user) ?? false
        case .channel(let id, let guild):
            self.guilds[guild]?.members.contains(user) ?? false
                && self.channels[id].map { self.permissions(of: user, in: $0).contains(.viewChannel) } ?? false
        case .shown(let channel):
            channel.guildID.flatMap { self.guilds[$0]?.members.contains(user) } ?? false
                && (self.applications[user] != nil || self.permissions(of: user, in: channel).contains(.viewChannel))
        case .users(let users): users.contains(user)
        }
    }

    /// The guilds that the user is in, by id.
    func guilds(of user: Snowflake) -> [Guild] {
        self.guilds.ids(of: user).compactMap { self.guilds[$0] }
    }
}
