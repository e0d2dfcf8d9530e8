import Discord

extension World {
    struct CallbackResult: Sendable {
        let interaction: Interaction
        let kind: Int
        let message: Message?
    }

    /// The application's first answer (Discord docs, Create Interaction Response).
    mutating func answer(
        _ id: Snowflake, token: String, _ body: JSONValue, uploads: [JSONValue]
    ) throws(APIError) -> CallbackResult {
        self.expireInteractions()
        guard var interaction = self.interactions[id], interaction.token == token else { throw .unknownInteraction }
        switch interaction.state {
        case .waiting: break
        case .answered: throw .alreadyAcknowledged
        case .expired: throw .unknownInteraction
        }
        guard let channel = self.channels[interaction.channelID] else { throw .unknownChannel }
        guard let kind = body["type"]?.integer.map({ Int(clamping: $0) }),
            Self.allowedCallbacks(for: interaction.kind).contains(kind)
        else { throw .form("type", code: "BASE_TYPE_CHOICES", "This callback type does not fit the interaction.") }
        let data = body["data"].flatMap { $0.isNull ? nil : $0 } ?? .object([:])
        var message: Message?
        switch kind {
        case 4:
            let draft = try MessageDraft(data, uploads: uploads)
            message = try self.reply(to: &interaction, draft, in: channel)
        case 5:
            var loading = self.replyMessage(to: interaction, in: channel)
            loading.flags = Message.Flag.loading | Int(clamping: data["flags"]?.integer ?? 0) & Message.Flag.ephemeral
            self.deliver(loading, of: &interaction, in: channel)
            message = loading
        case 6:
            interaction.state = .answered(original: interaction.sourceMessageID)
        case 7:
            let draft = try MessageDraft(data, uploads: uploads)
            guard let source = interaction.sourceMessageID, let old = self.sourceMessage(source, in: channel.id) else {
                throw .unknownMessage
            }
            let edited = try self.revise(old, with: draft, in: channel, defaults: .usersOnly, mayMentionAll: false)
            self.keepEphemeral(edited)
            message = edited
            interaction.state = .answered(original: source)
        case 9:
            let modal = try Self.modal(data)
            interaction.modal = modal
            interaction.state = .answered(original: nil)
            self.offer(modal, of: interaction)
        default:
            interaction.state = .answered(original: nil)
        }
        if interaction.state == .waiting { interaction.state = .answered(original: message?.id) }
        self.interactions[id] = interaction
        self.tellUser(.interactionSuccess, of: interaction)
        return CallbackResult(interaction: interaction, kind: kind, message: message)
    }

    private static func allowedCallbacks(for kind: Int) -> Set<Int> {
        switch kind {
        case Interaction.Kind.command: [4, 5, 9, 10, 12]
        case Interaction.Kind.component: [4, 5, 6, 7, 9, 10, 12]
        case Interaction.Kind.autocomplete: [8]
        default: [4, 5, 6, 7, 10, 12]
        }
    }

    private func replyMessage(to interaction: Interaction, in channel: Channel, id: Snowflake? = nil) -> Message {
        var ids = self.ids
        var message = Message(
            id: id ?? ids.next(now: self.now), channelID: channel.id, guildID: channel.guildID,
            authorID: interaction.applicationID, content: "")
        message.webhookID = interaction.applicationID
        message.applicationID = interaction.applicationID
        message.kind = interaction.kind == Interaction.Kind.command ? Message.Kind.slashCommand : Message.Kind.standard
        message.interaction = .init(
            id: interaction.id, kind: interaction.kind, userID: interaction.userID, name: interaction.name)
        return message
    }

    private mutating func reply(
        to interaction: inout Interaction, _ draft: MessageDraft, in channel: Channel
    ) throws(APIError) -> Message {
        var message = self.replyMessage(to: interaction, in: channel)
        message.content = draft.content ?? ""
        message.flags = (draft.flags ?? 0) & Message.Flag.ephemeral
        var draft = draft
        draft.replyTo = nil
        try self.fill(&message, from: draft, in: channel, defaults: .usersOnly, mayMentionAll: false)
        self.deliver(message, of: &interaction, in: channel)
        return message
    }

    private mutating func deliver(_ message: Message, of interaction: inout Interaction, in channel: Channel) {
        self.ids.advance(past: message.id)
        if message.isEphemeral {
            interaction.ephemeral[message.id] = message
            self.ephemeralReplies[message.id] = interaction.id
        }
        self.post(message, in: channel)
    }

    /// Puts a changed ephemeral message in its old one's place.
    private mutating func keepEphemeral(_ message: Message) {
        guard message.isEphemeral, let owner = self.ephemeralReplies[message.id] else { return }
        self.interactions[owner]?.ephemeral[message.id] = message
    }

    private mutating func offer(_ modal: JSONValue, of interaction: Interaction) {
        var event = modal.object ?? [:]
        event["id"] = .id(interaction.id)
        event["nonce"] = interaction.nonce ?? .null
        event["channel_id"] = .id(interaction.channelID)
        event["application"] = [
            "id": .id(interaction.applicationID),
            "name": .optional(self.applications[interaction.applicationID]?.name),
        ]
        self.emit(.interactionModalCreate, to: .users([interaction.userID]), guild: nil, .object(event))
    }

    /// The interaction of a live token of this application.
    func interaction(token: String, of application: Snowflake) throws(APIError) -> Interaction {
        guard let id = self.interactionTokens[token], let interaction = self.interactions[id],
            interaction.applicationID == application,
            self.now.milliseconds - interaction.createdAt.milliseconds <= Interaction.tokenLifetime
        else { throw .unknownWebhook }
        return interaction
    }

    /// A further message. Right after a deferred answer it fills the placeholder instead.
    mutating func followUp(_ interaction: Interaction, _ draft: MessageDraft) throws(APIError) -> Message {
        guard case .answered(let original) = interaction.state else { throw .unknownWebhook }
        guard let channel = self.channels[interaction.channelID] else { throw .unknownChannel }
        if let original, let placeholder = self.reply(original, of: interaction),
            placeholder.flags & Message.Flag.loading != 0
        {
            return try self.editReply(original, of: interaction, draft)
        }
        var interaction = interaction
        let message = try self.reply(to: &interaction, draft, in: channel)
        self.interactions[interaction.id] = interaction
        return message
    }

    /// `nil` for `@original` names the first answer.
    func replyID(_ id: Snowflake?, of interaction: Interaction) throws(APIError) -> Snowflake {
        if let id { return id }
        guard case .answered(let original?) = interaction.state else { throw .unknownMessage }
        return original
    }

    func reply(_ id: Snowflake, of interaction: Interaction) -> Message? {
        if let message = interaction.ephemeral[id] { return message }
        if id == interaction.sourceMessageID { return self.sourceMessage(id, in: interaction.channelID) }
        guard let message = self.messages[interaction.channelID]?[id] else { return nil }
        return message.interaction?.id == interaction.id ? message : nil
    }

    mutating func editReply(
        _ id: Snowflake, of interaction: Interaction, _ draft: MessageDraft
    ) throws(APIError) -> Message {
        guard let message = self.reply(id, of: interaction) else { throw .unknownMessage }
        guard let channel = self.channels[message.channelID] else { throw .unknownChannel }
        let edited = try self.revise(message, with: draft, in: channel, defaults: .usersOnly, mayMentionAll: false)
        self.keepEphemeral(edited)
        return edited
    }

    mutating func deleteReply(_ id: Snowflake, of interaction: Interaction) throws(APIError) {
        guard let message = self.reply(id, of: interaction) else { throw .unknownMessage }
        guard let channel = self.channels[message.channelID] else { throw .unknownChannel }
        if message.isEphemeral {
            if let owner = self.ephemeralReplies.removeValue(forKey: id) {
                self.interactions[owner]?.ephemeral[id] = nil
            }
            self.emit(
                .messageDelete, to: .users([interaction.userID, interaction.applicationID]), guild: nil,
                ["id": .id(id), "channel_id": .id(channel.id)])
        } else {
            self.remove(id, in: channel)
        }
    }
}
