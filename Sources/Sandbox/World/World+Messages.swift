import Discord

extension World {
    /// Posts as a user. With `enforce_nonce` a repeated nonce gives the earlier message and no event.
    mutating func createMessage(
        _ draft: MessageDraft, in channelID: Snowflake, by user: Snowflake
    ) throws(APIError) -> Message {
        let channel = try self.channel(channelID, for: user, needing: .sendMessages)
        guard channel.kind.takesMessages else { throw .notText }
        if draft.enforcesNonce, let nonce = draft.nonce,
            let known = self.messages[channelID]?.message(author: user, nonce: nonce)
        {
            return known
        }
        var message = Message(
            id: self.nextID(), channelID: channelID, guildID: channel.guildID, authorID: user,
            content: draft.content ?? "")
        let mayMentionAll = self.permissions(of: user, in: channel).contains(.mentionEveryone)
        try self.fill(&message, from: draft, in: channel, defaults: .all, mayMentionAll: mayMentionAll)
        self.post(message, in: channel)
        return message
    }

    /// Puts what the draft says into the message.
    ///
    /// - Parameter mayMentionAll: whether `@everyone` and roles that are not mentionable may be pinged.
    func fill(
        _ message: inout Message,
        from draft: MessageDraft,
        in channel: Channel,
        defaults: AllowedMentions,
        mayMentionAll: Bool
    ) throws(APIError) {
        guard !draft.isEmpty else { throw .emptyMessage }
        message.isTTS = draft.isTTS
        message.nonce = draft.nonce
        message.embeds = draft.embeds ?? []
        message.components = draft.components ?? []
        message.attachments = draft.attachments ?? []
        message.flags |=
            (draft.flags ?? 0) & (Message.Flag.suppressEmbeds | Message.Flag.suppressNotifications | 1 << 15)
        if let target = draft.replyTo {
            if let replied = self.messages[channel.id]?[target] {
                message.kind = Message.Kind.reply
                message.reference = .init(messageID: target, channelID: channel.id, guildID: channel.guildID)
                if (draft.allowedMentions ?? .all).mentionsRepliedUser, replied.persona == nil {
                    message.mentions = [replied.authorID]
                }
            } else if draft.failsIfReplyIsMissing {
                throw .form("message_reference", code: "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            }
        }
        self.resolveMentions(
            of: &message, in: channel, allowed: draft.allowedMentions ?? defaults, mayMentionAll: mayMentionAll)
    }

    func resolveMentions(of message: inout Message, in channel: Channel, allowed: AllowedMentions, mayMentionAll: Bool)
    {
        let scan = MentionScan(message.content)
        for user in scan.users
        where (allowed.parsesUsers || allowed.users.contains(user)) && self.users[user] != nil
            && !message.mentions.contains(user)
        {
            message.mentions.append(user)
        }
        let guild = channel.guildID.flatMap { self.guilds[$0] }
        message.mentionedRoles = scan.roles.filter { id in
            guard let role = guild?.roles[id], allowed.parsesRoles || allowed.roles.contains(id) else { return false }
            return role.mentionable || mayMentionAll
        }
        message.mentionsEveryone = scan.everyone && allowed.parsesEveryone && mayMentionAll
    }

    /// Stores a finished message and tells of it.
    mutating func post(_ message: Message, in channel: Channel) {
        if !message.isEphemeral {
            let forgotten = self.messages[channel.id, default: MessageLog()]
                .append(message, limit: self.settings.messagesPerChannel)
            for old in forgotten { self.record(.removeMessage(channel: channel.id, id: old.id)) }
            self.channels.setLastMessage(message.id, of: channel.id)
            self.record(.message(message))
        }
        self.emit(self.messageDispatch(.messageCreate, message, in: channel))
    }

    func message(_ id: Snowflake, in channelID: Snowflake, for user: Snowflake) throws(APIError) -> Message {
        _ = try self.channel(channelID, for: user, needing: .readMessageHistory)
        guard let message = self.messages[channelID]?[id] else { throw .unknownMessage }
        return message
    }

    /// A page of history; empty without READ_MESSAGE_HISTORY.
    func history(
        of channelID: Snowflake, _ page: MessageLog.Page, limit: Int, for user: Snowflake
    ) throws(APIError) -> [Message] {
        let channel = try self.channel(channelID, for: user)
        guard self.permissions(of: user, in: channel).contains(.readMessageHistory) else { return [] }
        return self.messages[channelID]?.page(page, limit: limit) ?? []
    }

    /// Edits an own message; others' only in their flags, with MANAGE_MESSAGES.
    mutating func editMessage(
        _ draft: MessageDraft, _ id: Snowflake, in channelID: Snowflake, by user: Snowflake
    ) throws(APIError) -> Message {
        let channel = try self.channel(channelID, for: user)
        guard let message = self.messages[channelID]?[id] else { throw .unknownMessage }
        let isOwn = message.authorID == user && message.webhookID == nil
        guard isOwn else {
            let onlyFlags =
                draft.content == nil && draft.embeds == nil && draft.components == nil && draft.attachments == nil
            guard onlyFlags, draft.flags != nil, self.permissions(of: user, in: channel).contains(.manageMessages)
            else {
                throw .notYourMessage
            }
            return try self.revise(message, with: draft, in: channel, defaults: .all, mayMentionAll: false)
        }
        let mayMentionAll = self.permissions(of: user, in: channel).contains(.mentionEveryone)
        return try self.revise(message, with: draft, in: channel, defaults: .all, mayMentionAll: mayMentionAll)
    }

    /// Applies an edit whose right was checked, and tells of it.
    mutating func revise(
        _ message: Message,
        with draft: MessageDraft,
        in channel: Channel,
        defaults: AllowedMentions,
        mayMentionAll: Bool
    ) throws(APIError) -> Message {
        var edited = message
        if let content = draft.content { edited.content = content }
        if let embeds = draft.embeds { edited.embeds = embeds }
        if let components = draft.components { edited.components = components }
        if let attachments = draft.attachments { edited.attachments = attachments }
        if let flags = draft.flags {
            edited.flags = edited.flags & ~Message.Flag.suppressEmbeds | flags & Message.Flag.suppressEmbeds
        }
        let wasLoading = edited.flags & Message.Flag.loading != 0
        edited.flags &= ~Message.Flag.loading
        guard
            !edited.content.isEmpty || !edited.embeds.isEmpty || !edited.components.isEmpty
                || !edited.attachments.isEmpty
        else {
            throw .emptyMessage
        }
        if draft.content != nil || draft.allowedMentions != nil {
            edited.mentions = edited.kind == Message.Kind.reply ? edited.mentions : []
            self.resolveMentions(
                of: &edited, in: channel, allowed: draft.allowedMentions ?? defaults, mayMentionAll: mayMentionAll)
        }
        if !wasLoading, draft.content != nil || draft.embeds != nil || draft.components != nil {
            edited.editedAt = self.now
        }
        if !edited.isEphemeral {
            self.messages[channel.id]?.update(edited.id) { $0 = edited }
            self.record(.message(edited))
        }
        self.emit(self.messageDispatch(.messageUpdate, edited, in: channel))
        return edited
    }

    /// Deletes an own message, or another's with MANAGE_MESSAGES.
    mutating func deleteMessage(_ id: Snowflake, in channelID: Snowflake, by user: Snowflake) throws(APIError) {
        let channel = try self.channel(channelID, for: user)
        guard let message = self.messages[channelID]?[id] else { throw .unknownMessage }
        guard message.authorID == user || self.permissions(of: user, in: channel).contains(.manageMessages) else {
            throw .missingPermissions
        }
        self.remove(id, in: channel)
    }

    mutating func remove(_ id: Snowflake, in channel: Channel) {
        self.messages[channel.id]?[id] = nil
        self.record(.removeMessage(channel: channel.id, id: id))
        var object: JSONObject = ["id": .id(id), "channel_id": .id(channel.id)]
        if let guildID = channel.guildID { object["guild_id"] = .id(guildID) }
        self.emit(.messageDelete, to: self.audience(of: channel), guild: channel.guildID, .object(object))
    }

    /// Deletes 2 to 100 messages under 14 days old; unknown ids count but are passed over.
    mutating func bulkDelete(_ ids: [Snowflake], in channelID: Snowflake, by user: Snowflake) throws(APIError) {
        let channel = try self.channel(channelID, for: user, needing: .manageMessages)
        guard let guildID = channel.guildID else { throw .wrongChannelType }
        guard (2...100).contains(ids.count) else { throw .bulkDeleteCount }
        let oldest = Snowflake(milliseconds: self.now.milliseconds - 14 * 86_400_000)
        guard Set(ids).count == ids.count, ids.allSatisfy({ $0 >= oldest }) else { throw .tooOldToBulkDelete }
        let known = ids.filter { self.messages[channelID]?[$0] != nil }
        guard !known.isEmpty else { return }
        for id in known {
            self.messages[channelID]?[id] = nil
            self.record(.removeMessage(channel: channelID, id: id))
        }
        self.emit(
            .messageDeleteBulk, to: self.audience(of: channel), guild: guildID,
            ["ids": .ids(known), "channel_id": .id(channelID), "guild_id": .id(guildID)])
    }

    mutating func startTyping(in channelID: Snowflake, by user: Snowflake) throws(APIError) {
        let channel = try self.channel(channelID, for: user, needing: .sendMessages)
        var object: JSONObject = [
            "channel_id": .id(channelID), "user_id": .id(user), "timestamp": .integer(self.now.milliseconds / 1000),
        ]
        if let guildID = channel.guildID, let who = self.users[user], let member = self.guilds[guildID]?.members[user] {
            object["guild_id"] = .id(guildID)
            object["member"] = member.json(user: who)
        }
        self.emit(.typingStart, to: self.audience(of: channel), guild: channel.guildID, .object(object))
    }
}
