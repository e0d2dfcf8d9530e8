import Discord

extension World {
    static let webhooksPerChannel = 15

    static func webhookName(_ text: String?) throws(APIError) -> String {
        let name = text?.drop(while: \.isWhitespace) ?? ""
        guard (1...80).contains(name.count) else {
            throw .form("name", code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
        }
        try Self.checkUsername(String(name), field: "name")
        return String(name)
    }

    /// Names must not pass for Discord's own (Discord docs, Webhook Resource).
    private static func checkUsername(_ name: String, field: String) throws(APIError) {
        for word in ["clyde", "discord"] where name.lowercased().contains(word) {
            throw .form(field, code: "USERNAME_INVALID_CONTAINS", "Username cannot contain \"\(word)\"")
        }
        if ["everyone", "here"].contains(name.lowercased()) {
            throw .form(field, code: "USERNAME_INVALID", "Username cannot be \"\(name.lowercased())\"")
        }
    }

    /// - Parameter token: the new webhook's secret.
    mutating func createWebhook(
        _ body: JSONValue, in channelID: Snowflake, by user: Snowflake, token: String
    ) throws(APIError) -> Webhook {
        let channel = try self.channel(channelID, for: user, needing: .manageWebhooks)
        guard let guildID = channel.guildID else { throw .wrongChannelType }
        let name = try Self.webhookName(body["name"]?.string)
        guard self.webhooks.values.count(where: { $0.channelID == channelID }) < Self.webhooksPerChannel else {
            throw .tooManyWebhooks
        }
        let webhook = Webhook(
            id: self.nextID(), guildID: guildID, channelID: channelID, name: name, avatar: nil, token: token,
            creatorID: user,
            applicationID: self.applications[user]?.id)
        self.webhooks[webhook.id] = webhook
        self.record(.webhook(webhook))
        self.announceWebhooks(of: channel)
        return webhook
    }

    private mutating func announceWebhooks(of channel: Channel) {
        guard let guildID = channel.guildID else { return }
        self.emit(
            .webhooksUpdate, to: self.audience(of: channel), guild: guildID,
            ["guild_id": .id(guildID), "channel_id": .id(channel.id)])
    }

    func webhooks(in channelID: Snowflake, for user: Snowflake) throws(APIError) -> [Webhook] {
        _ = try self.channel(channelID, for: user, needing: .manageWebhooks)
        return self.webhooks.values.filter { $0.channelID == channelID }.sorted { $0.id < $1.id }
    }

    func webhooks(inGuild id: Snowflake, for user: Snowflake) throws(APIError) -> [Webhook] {
        try self.require(.manageWebhooks, of: user, in: self.guild(id, seenBy: user))
        return self.webhooks.values.filter { $0.guildID == id }.sorted { $0.id < $1.id }
    }

    func webhook(_ id: Snowflake, managedBy user: Snowflake) throws(APIError) -> Webhook {
        guard let webhook = self.webhooks[id] else { throw .unknownWebhook }
        if webhook.applicationID != user {
            _ = try self.channel(webhook.channelID, for: user, needing: .manageWebhooks)
        }
        return webhook
    }

    func webhook(_ id: Snowflake, token: String) throws(APIError) -> Webhook {
        guard let webhook = self.webhooks[id] else { throw .unknownWebhook }
        guard webhook.token == token else { throw .invalidWebhookToken }
        return webhook
    }

    mutating func editWebhook(_ webhook: Webhook, _ body: JSONValue, by user: Snowflake?) throws(APIError) -> Webhook {
        var edited = webhook
        if let name = body["name"], !name.isNull { edited.name = try Self.webhookName(name.string) }
        if let user, let target = body["channel_id"]?.snowflake {
            let channel = try self.channel(target, for: user, needing: .manageWebhooks)
            guard channel.guildID == webhook.guildID else { throw .unknownChannel }
            edited.channelID = target
        }
        self.webhooks[edited.id] = edited
        self.record(.webhook(edited))
        if let channel = self.channels[edited.channelID] { self.announceWebhooks(of: channel) }
        return edited
    }

    mutating func deleteWebhook(_ webhook: Webhook) {
        self.webhooks[webhook.id] = nil
        self.record(.removeWebhook(webhook.id))
        if let channel = self.channels[webhook.channelID] { self.announceWebhooks(of: channel) }
    }

    /// Posts as a webhook, under the name and picture that the body gives.
    mutating func execute(_ webhook: Webhook, _ draft: MessageDraft, body: JSONValue) throws(APIError) -> Message {
        guard let channel = self.channels[webhook.channelID] else { throw .unknownChannel }
        if let thread = body["thread_id"]?.snowflake, self.channels[thread] == nil { throw .unknownChannel }
        let username = body["username"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        if let username {
            guard username.count <= 80 else {
                throw .form("username", code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
            }
            try Self.checkUsername(username, field: "username")
        }
        var message = Message(
            id: self.nextID(), channelID: channel.id, guildID: channel.guildID, authorID: webhook.id,
            content: draft.content ?? "")
        message.persona = .init(
            username: username ?? webhook.name, avatar: body["avatar_url"]?.string ?? webhook.avatar)
        message.webhookID = webhook.id
        message.applicationID = webhook.applicationID
        var draft = draft
        draft.replyTo = nil  // webhooks cannot reply
        try self.fill(&message, from: draft, in: channel, defaults: .usersOnly, mayMentionAll: true)
        self.post(message, in: channel)
        return message
    }

    func message(_ id: Snowflake, of webhook: Webhook) throws(APIError) -> Message {
        guard let message = self.messages[webhook.channelID]?[id], message.webhookID == webhook.id else {
            throw .unknownMessage
        }
        return message
    }

    mutating func editMessage(_ id: Snowflake, of webhook: Webhook, _ draft: MessageDraft) throws(APIError) -> Message {
        let message = try self.message(id, of: webhook)
        guard let channel = self.channels[message.channelID] else { throw .unknownChannel }
        return try self.revise(message, with: draft, in: channel, defaults: .usersOnly, mayMentionAll: true)
    }

    mutating func deleteMessage(_ id: Snowflake, of webhook: Webhook) throws(APIError) {
        let message = try self.message(id, of: webhook)
        guard let channel = self.channels[message.channelID] else { throw .unknownChannel }
        self.remove(id, in: channel)
    }
}
