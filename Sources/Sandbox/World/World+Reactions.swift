import Discord

extension World {
    static let reactionsPerMessage = 20

    mutating func addReaction(
        _ emoji: Emoji, to id: Snowflake, in channelID: Snowflake, by user: Snowflake
    ) throws(APIError) {
        let channel = try self.channel(channelID, for: user, needing: .readMessageHistory)
        guard let message = self.messages[channelID]?[id] else { throw .unknownMessage }
        let index = message.reactions.firstIndex { $0.emoji == emoji }
        if let index, message.reactions[index].users.contains(user) { return }
        if index == nil {
            guard message.reactions.count < Self.reactionsPerMessage else { throw .tooManyReactions }
            guard self.permissions(of: user, in: channel).contains(.addReactions) else { throw .missingPermissions }
        }
        self.change(id, in: channelID) { message in
            if let index {
                message.reactions[index].users.append(user)
            } else {
                message.reactions.append(.init(emoji: emoji, users: [user]))
            }
        }
        var object = self.reactionEvent(id, channel, user: user, emoji: emoji)
        object["message_author_id"] = .id(message.authorID)
        if let guildID = channel.guildID, let who = self.users[user], let member = self.guilds[guildID]?.members[user] {
            object["member"] = member.json(user: who)
        }
        object["burst_colors"] = []
        self.emit(.messageReactionAdd, to: self.audience(of: channel), guild: channel.guildID, .object(object))
    }

    mutating func removeReaction(
        _ emoji: Emoji, of owner: Snowflake, from id: Snowflake, in channelID: Snowflake, by user: Snowflake
    ) throws(APIError) {
        let channel = try self.channel(
            channelID, for: user, needing: owner == user ? .readMessageHistory : [.readMessageHistory, .manageMessages])
        guard let message = self.messages[channelID]?[id] else { throw .unknownMessage }
        guard let index = message.reactions.firstIndex(where: { $0.emoji == emoji }) else { throw .unknownEmoji }
        guard message.reactions[index].users.contains(owner) else { return }
        self.change(id, in: channelID) { message in
            message.reactions[index].users.removeAll { $0 == owner }
            if message.reactions[index].users.isEmpty { message.reactions.remove(at: index) }
        }
        let object = self.reactionEvent(id, channel, user: owner, emoji: emoji)
        self.emit(.messageReactionRemove, to: self.audience(of: channel), guild: channel.guildID, .object(object))
    }

    /// Removes all reactions, or all of one emoji.
    mutating func clearReactions(
        _ emoji: Emoji?, from id: Snowflake, in channelID: Snowflake, by user: Snowflake
    ) throws(APIError) {
        let channel = try self.channel(channelID, for: user, needing: .manageMessages)
        guard self.messages[channelID]?[id] != nil else { throw .unknownMessage }
        self.change(id, in: channelID) { message in
            message.reactions.removeAll { emoji == nil || $0.emoji == emoji }
        }
        var object: JSONObject = ["channel_id": .id(channelID), "message_id": .id(id)]
        if let guildID = channel.guildID { object["guild_id"] = .id(guildID) }
        if let emoji { object["emoji"] = emoji.json }
        self.emit(
            emoji == nil ? .messageReactionRemoveAll : .messageReactionRemoveEmoji, to: self.audience(of: channel),
            guild: channel.guildID, .object(object))
    }

    func reactors(
        _ emoji: Emoji, of id: Snowflake, in channelID: Snowflake, for user: Snowflake
    ) throws(APIError) -> [Snowflake] {
        let message = try self.message(id, in: channelID, for: user)
        return message.reactions.first { $0.emoji == emoji }?.users.sorted() ?? []
    }

    private mutating func change(_ id: Snowflake, in channelID: Snowflake, _ change: (inout Message) -> Void) {
        self.messages[channelID]?.update(id, change)
        if let message = self.messages[channelID]?[id] { self.record(.message(message)) }
    }

    private func reactionEvent(_ id: Snowflake, _ channel: Channel, user: Snowflake, emoji: Emoji) -> JSONObject {
        var object: JSONObject = [
            "user_id": .id(user), "channel_id": .id(channel.id), "message_id": .id(id), "emoji": emoji.json,
            "burst": false, "type": 0,
        ]
        if let guildID = channel.guildID { object["guild_id"] = .id(guildID) }
        return object
    }
}
