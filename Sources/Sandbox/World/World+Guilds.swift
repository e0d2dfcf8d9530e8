import Discord

extension World {
    /// What `@everyone` may do in a new guild.
    static let everyonePermissions: Permissions = [
        .createInstantInvite, .addReactions, .stream, .viewChannel, .sendMessages, .sendTTSMessages, .embedLinks,
        .attachFiles,
        .readMessageHistory, .useExternalEmojis, .connect, .speak, .useVAD, .changeNickname, .useApplicationCommands,
        .requestToSpeak, .createPublicThreads, .createPrivateThreads, .useExternalStickers, .sendMessagesInThreads,
        .useEmbeddedActivities, .useSoundboard, .useExternalSounds, .sendVoiceMessages, .sendPolls,
    ]

    /// What a bot's own role adds: all that chat bots commonly ask for, short of administrator.
    static let botPermissions: Permissions = [
        .kickMembers, .banMembers, .manageChannels, .manageGuild, .viewAuditLog, .manageMessages, .mentionEveryone,
        .manageNicknames, .manageRoles, .manageWebhooks, .manageThreads, .moderateMembers, .pinMessages,
    ]

    static func guildName(_ text: String?) throws(APIError) -> String {
        guard let text, (2...100).contains(text.count) else {
            throw .form("name", code: "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
        }
        return text
    }

    /// Makes a guild with one text channel for each name; each bot joins it.
    mutating func createGuild(name: String, owner: Snowflake, channels: [String], id: Snowflake? = nil) -> Guild {
        let id = id ?? self.nextID()
        let everyone = Role(id: id, guildID: id, name: "@everyone", permissions: Self.everyonePermissions, position: 0)
        var guild = Guild(id: id, name: name, ownerID: owner)
        guild.roles[id] = everyone
        self.guilds[id] = guild
        self.record(.guild(GuildRecord(id: id, name: name, ownerID: owner, icon: nil, topic: nil)))
        self.record(.role(everyone))
        for (position, name) in channels.enumerated() {
            var channel = Channel(id: self.nextID(), kind: .text, guildID: id, name: name)
            channel.position = position
            self.insert(channel)
        }
        self.join(guild: id, user: owner)
        for application in self.applications.keys.sorted() { self.join(guild: id, user: application) }
        return self.guilds[id] ?? guild
    }

    private mutating func insert(_ channel: Channel) {
        self.channels[channel.id] = channel
        if let guildID = channel.guildID { self.guilds[guildID]?.channelIDs.append(channel.id) }
        self.record(.channel(channel))
    }

    /// Makes the user a member: others hear GUILD_MEMBER_ADD, the user GUILD_CREATE. A bot gets a role of its own.
    mutating func join(guild id: Snowflake, user: Snowflake) {
        guard var guild = self.guilds[id], let who = self.users[user], guild.members[user] == nil else { return }
        var member = Member(guildID: id, userID: user, joinedAt: self.now)
        if who.isBot {
            guild.bots.insert(user)
            var role = Role(
                id: self.nextID(), guildID: id, name: who.username,
                permissions: Self.everyonePermissions.union(Self.botPermissions), position: guild.roles.count)
            role.managed = true
            role.botID = user
            guild.roles[role.id] = role
            member.roles = [role.id]
            self.record(.role(role))
            self.emit(.guildRoleCreate, to: .guild(id), guild: id, ["guild_id": .id(id), "role": role.json])
        }
        // Those who were members before hear of the newcomer; the newcomer hears of the guild.
        var joined = member.json(user: who).object ?? [:]
        joined["guild_id"] = .id(id)
        self.emit(.guildMemberAdd, to: .others(user, guild: id), guild: id, .object(joined))
        guild.members[user] = member
        self.guilds[id] = guild
        self.record(.member(member))
        self.emit(.guildCreate(id, to: .users([user])))
    }

    mutating func createChannel(
        _ body: JSONValue, in guildID: Snowflake, by user: Snowflake
    ) throws(APIError) -> Channel {
        let guild = try self.guild(guildID, seenBy: user)
        try self.require(.manageChannels, of: user, in: guild)
        guard guild.channelIDs.count < 500 else { throw .tooManyChannels }
        var errors = FormErrors()
        let kind = body["type"]?.integer ?? 0
        if !Channel.Kind.creatable.contains(Int(clamping: kind)) {
            errors.add(["type"], code: "BASE_TYPE_CHOICES", "Value must be one of {0, 2, 4, 5, 13, 15, 16}.")
        }
        let name = body["name"]?.string ?? ""
        if !(1...100).contains(name.count) {
            errors.add(["name"], code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        }
        let topic = body["topic"]?.string
        if let topic, topic.count > 1024 {
            errors.add(["topic"], code: "BASE_TYPE_MAX_LENGTH", "Must be 1024 or fewer in length.")
        }
        let parentID = body["parent_id"]?.snowflake
        if let parentID, self.channels[parentID]?.guildID != guildID || self.channels[parentID]?.kind != .category {
            errors.add(["parent_id"], code: "CHANNEL_PARENT_INVALID", "Category does not exist")
        }
        let overwrites = Self.overwrites(body["permission_overwrites"], errors: &errors)
        try errors.throwIfAny()
        var channel = Channel(id: self.nextID(), kind: Channel.Kind(rawValue: Int(clamping: kind)), guildID: guildID)
        // Text channels' names are lower case with hyphens, as Discord makes them.
        channel.name = kind == 0 || kind == 5 ? name.lowercased().replacing(" ", with: "-") : name
        channel.topic = topic
        channel.parentID = parentID
        channel.overwrites = overwrites
        channel.isNSFW = body["nsfw"]?.bool ?? false
        channel.position = Int(clamping: body["position"]?.integer ?? Int64(guild.channelIDs.count))
        self.insert(channel)
        self.emit(.channelCreate, to: .shown(channel), guild: guildID, channel.json())
        return channel
    }

    private static func overwrites(_ json: JSONValue?, errors: inout FormErrors) -> [PermissionOverwrite] {
        guard let list = json?.array else { return [] }
        var overwrites: [PermissionOverwrite] = []
        for (index, item) in list.prefix(1000).enumerated() {
            guard let id = item["id"]?.snowflake,
                let type = item["type"]?.integer ?? item["type"]?.string.flatMap({ Int64($0) }),
                (0...1).contains(type)
            else {
                errors.add(["permission_overwrites", String(index)], code: "MODEL_TYPE_CONVERT", "Not an overwrite.")
                continue
            }
            overwrites.append(
                PermissionOverwrite(
                    id: id, type: .init(rawValue: Int(type)), allow: Self.permissions(item["allow"]),
                    deny: Self.permissions(item["deny"])))
        }
        return overwrites
    }

    private static func permissions(_ json: JSONValue?) -> Permissions {
        Permissions(rawValue: json?.snowflake?.rawValue ?? 0)
    }

    mutating func editChannel(_ body: JSONValue, _ id: Snowflake, by user: Snowflake) throws(APIError) -> Channel {
        var channel = try self.channel(id, for: user, needing: .manageChannels)
        guard let guildID = channel.guildID else { throw .wrongChannelType }
        var errors = FormErrors()
        if let name = body["name"]?.string {
            if (1...100).contains(name.count) {
                channel.name = name
            } else {
                errors.add(["name"], code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
            }
        }
        if let topic = body["topic"] { channel.topic = topic.string.map { String($0.prefix(1024)) } }
        if let position = body["position"]?.integer { channel.position = Int(clamping: position) }
        if let nsfw = body["nsfw"]?.bool { channel.isNSFW = nsfw }
        if body["permission_overwrites"]?.array != nil {
            channel.overwrites = Self.overwrites(body["permission_overwrites"], errors: &errors)
        }
        try errors.throwIfAny()
        self.channels[id] = channel
        self.record(.channel(channel))
        self.emit(.channelUpdate, to: .shown(channel), guild: guildID, channel.json())
        return channel
    }

    mutating func deleteChannel(_ id: Snowflake, by user: Snowflake) throws(APIError) -> Channel {
        let channel = try self.channel(id, for: user)
        guard let guildID = channel.guildID else { return channel }  // closing a direct channel only hides it
        guard self.permissions(of: user, in: channel).contains(.manageChannels) else { throw .missingPermissions }
        self.emit(.channelDelete, to: .shown(channel), guild: guildID, channel.json())
        self.guilds[guildID]?.channelIDs.remove(id)
        self.channels[id] = nil
        self.messages[id] = nil
        for webhook in self.webhooks.values where webhook.channelID == id {
            self.webhooks[webhook.id] = nil
            self.record(.removeWebhook(webhook.id))
        }
        self.record(.removeChannel(id))
        return channel
    }

    mutating func editMember(
        _ body: JSONValue, guild id: Snowflake, member: Snowflake, by user: Snowflake
    ) throws(APIError) -> Member {
        let guild = try self.guild(id, seenBy: user)
        guard var edited = guild.members[member], let who = self.users[member] else { throw .unknownMember }
        if let nick = body["nick"] {
            try self.require(member == user ? .changeNickname : .manageNicknames, of: user, in: guild)
            edited.nick = nick.string.flatMap { $0.isEmpty ? nil : String($0.prefix(32)) }
        }
        if let roles = body["roles"]?.array {
            try self.require(.manageRoles, of: user, in: guild)
            let ids = roles.compactMap(\.snowflake)
            guard ids.count == roles.count, ids.allSatisfy({ guild.roles[$0] != nil && $0 != id }) else {
                throw .unknownRole
            }
            edited.roles = ids
        }
        self.guilds[id]?.members[member] = edited
        self.record(.member(edited))
        var object = edited.json(user: who).object ?? [:]
        object["guild_id"] = .id(id)
        var dispatch = Dispatch(.guildMemberUpdate, to: .guild(id), guild: id, data: .object(object))
        dispatch.subject = member
        self.emit(dispatch)
        return edited
    }
}
