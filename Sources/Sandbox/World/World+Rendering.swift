import Discord

extension World {
    func channels(of guild: Guild) -> [Channel] {
        guild.channelIDs.all.compactMap { self.channels[$0] }.sorted { ($0.position, $0.id) < ($1.position, $1.id) }
    }

    func channelJSON(_ channel: Channel, for viewer: Snowflake) -> JSONValue {
        channel.json(recipients: channel.recipientIDs.filter { $0 != viewer }.compactMap { self.users[$0] })
    }

    /// A user who is gone still has an author's shape.
    func userJSON(_ id: Snowflake) -> JSONValue {
        (self.users[id] ?? User(id: id, username: "deleted_user")).json
    }

    /// - Parameter viewer: whose own reactions are marked; `nil` in events, which are the same for all.
    func messageObject(_ message: Message, viewer: Snowflake? = nil, includesReference: Bool = true) -> JSONObject {
        var author = self.userJSON(message.authorID)
        if let persona = message.persona {
            author = .object([
                "id": .id(message.authorID), "username": .string(persona.username), "discriminator": "0000",
                "global_name": .null, "avatar": .optional(persona.avatar), "bot": true, "flags": 0, "public_flags": 0,
                "primary_guild": .null,
            ])
        }
        var object: JSONObject = [
            "id": .id(message.id),
            "channel_id": .id(message.channelID),
            "type": .integer(message.kind),
            "author": author,
            "content": .string(message.content),
            "timestamp": Timestamp(milliseconds: message.id.milliseconds).json,
            "edited_timestamp": message.editedAt?.json ?? .null,
            "tts": .bool(message.isTTS),
            "pinned": .bool(message.isPinned),
            "mention_everyone": .bool(message.mentionsEveryone),
            "mentions": .array(message.mentions.map { self.userJSON($0) }),
            "mention_roles": .ids(message.mentionedRoles),
            "attachments": .array(message.attachments),
            "embeds": .array(message.embeds),
            "components": .array(message.components),
            "flags": .integer(message.flags),
        ]
        if let nonce = message.nonce { object["nonce"] = nonce }
        if let webhookID = message.webhookID { object["webhook_id"] = .id(webhookID) }
        if let applicationID = message.applicationID { object["application_id"] = .id(applicationID) }
        if !message.reactions.isEmpty {
            object["reactions"] = .array(message.reactions.map { self.reactionJSON($0, viewer: viewer) })
        }
        if let reference = message.reference {
            var json: JSONObject = [
                "type": 0, "message_id": .id(reference.messageID), "channel_id": .id(reference.channelID),
            ]
            if let guildID = reference.guildID { json["guild_id"] = .id(guildID) }
            object["message_reference"] = .object(json)
            if includesReference {
                let target = self.messages[reference.channelID]?[reference.messageID]
                object["referenced_message"] =
                    target.map { .object(self.messageObject($0, viewer: viewer, includesReference: false)) } ?? .null
            }
        }
        if let interaction = message.interaction {
            object["interaction_metadata"] = .object([
                "id": .id(interaction.id), "type": .integer(interaction.kind),
                "user": self.userJSON(interaction.userID),
                "authorizing_integration_owners": ["0": .id(message.guildID)], "name": .optional(interaction.name),
            ])
            object["interaction"] = .object([
                "id": .id(interaction.id), "type": .integer(interaction.kind),
                "user": self.userJSON(interaction.userID),
                "name": .string(interaction.name ?? ""),
            ])
        }
        return object
    }

    private func reactionJSON(_ reaction: Message.Reaction, viewer: Snowflake?) -> JSONValue {
        [
            "emoji": reaction.emoji.json,
            "count": .integer(reaction.users.count),
            "count_details": ["burst": 0, "normal": .integer(reaction.users.count)],
            "me": .bool(viewer.map(reaction.users.contains) ?? false),
            "me_burst": false,
            "burst_colors": [],
        ]
    }

    /// What a bot without MESSAGE_CONTENT gets (Discord docs, Message Content Intent).
    static func stripped(_ object: JSONObject) -> JSONObject {
        var object = object
        object["content"] = ""
        object["embeds"] = []
        object["attachments"] = []
        object["components"] = []
        object["poll"] = nil
        if let referenced = object["referenced_message"]?.object {
            object["referenced_message"] = .object(Self.stripped(referenced))
        }
        return object
    }

    /// A message for a REST answer to this user.
    func messageJSON(_ message: Message, for viewer: Snowflake) -> JSONValue {
        let object = self.messageObject(message, viewer: viewer)
        let hidesContent =
            self.applications[viewer].map { !$0.allowsMessageContent } ?? false
            && message.guildID != nil && message.authorID != viewer && !message.mentions.contains(viewer)
            && message.applicationID != viewer
        return .object(hidesContent ? Self.stripped(object) : object)
    }

    /// MESSAGE_CREATE and MESSAGE_UPDATE.
    func messageDispatch(_ name: EventName, _ message: Message, in channel: Channel) -> Dispatch {
        var object = self.messageObject(message)
        if !message.isEphemeral {
            object["channel_type"] = .integer(channel.kind.rawValue)
            if let guildID = channel.guildID {
                object["guild_id"] = .id(guildID)
                if message.persona == nil, let member = self.guilds[guildID]?.members[message.authorID] {
                    object["member"] = .object(member.object)
                }
            }
        }
        let audience: Dispatch.Audience =
            if message.isEphemeral {
                .users([message.interaction?.userID, message.applicationID].compactMap { $0 })
            } else {
                self.audience(of: channel)
            }
        var dispatch = Dispatch(
            name, to: audience, guild: message.isEphemeral ? nil : channel.guildID, data: .object(object))
        if channel.guildID != nil, !message.isEphemeral {
            dispatch.strippedData = JSONValue.object(Self.stripped(object)).encoded
            dispatch.contentReaders = Set(
                message.mentions + [message.authorID, message.applicationID].compactMap { $0 })
        }
        return dispatch
    }
}
