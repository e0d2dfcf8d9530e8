import DequeModule
import Discord
import NIOCore

extension TrafficGenerator {
    mutating func sendMessage(in place: Place, _ world: inout World) -> Bool {
        guard let author = self.pickMember(of: place, world) else { return false }
        var channel: Channel?
        if self.random.below(8) == 0 { channel = self.pickThread(of: place, world) }
        guard let channel = channel ?? self.pickChannel(of: place, world, where: { $0.kind.takesMessages }) else {
            return false
        }
        var message = Message(
            id: world.nextID(), channelID: channel.id, guildID: place.id, authorID: author.userID, content: "")
        self.fill(&message, of: place, world)
        if self.random.below(10) == 0, let target = world.messages[channel.id]?.messages.last {
            message.kind = Message.Kind.reply
            message.reference = .init(messageID: target.id, channelID: channel.id, guildID: place.id)
            if !message.mentions.contains(target.authorID) { message.mentions.append(target.authorID) }
        }
        _ = world.messages[channel.id, default: MessageLog()].append(message, limit: world.settings.messagesPerChannel)
        world.channels.setLastMessage(message.id, of: channel.id)
        self.recent.append(Sent(guild: place.id, channel: channel.id, message: message.id))
        if self.recent.count > Self.recentLimit { self.forgetOldest(&world) }
        self.tell(.messageCreate, message, by: author, in: channel, &world)
        return true
    }

    private mutating func fill(_ message: inout Message, of place: Place, _ world: World) {
        switch self.random.below(200) {
        case 0, 1: message.content = "!ping"
        case 2:
            let bot = Self.bots(in: place.id, place.origin, world).first
            message.content = bot.map { "<@\($0)> \(self.words(1...8))" } ?? self.words(1...8)
            if let bot { message.mentions = [bot] }
        case 3..<13:
            if let other = self.pickMember(of: place, world) {
                message.content = "<@\(other.userID)> \(self.words(1...30))"
                message.mentions = [other.userID]
            }
        case 13..<23:
            message.content = self.words(0...10)
            let id = message.id
            message.attachments = [
                [
                    "id": .id(id), "filename": "image.png", "size": .integer(1000 + self.random.below(5_000_000)),
                    "url": .string("https://cdn.discordapp.com/attachments/\(message.channelID)/\(id)/image.png"),
                    "proxy_url":
                        .string("https://media.discordapp.net/attachments/\(message.channelID)/\(id)/image.png"),
                    "width": 1280, "height": 720, "content_type": "image/png",
                ]
            ]
        case 23..<31:
            message.content = "https://example.org/\(self.random.below(100_000))"
            message.embeds = [
                [
                    "type": "rich", "title": .string(self.words(2...8)), "description": .string(self.words(10...60)),
                    "url": .string(message.content), "color": .integer(self.random.below(0xFF_FFFF)),
                ]
            ]
        default: message.content = self.words(1...90)
        }
        if message.content.isEmpty, message.attachments.isEmpty { message.content = self.words(1...20) }
    }

    /// The world forgets the oldest message that was generated.
    private mutating func forgetOldest(_ world: inout World) {
        guard let oldest = self.recent.popFirst() else { return }
        world.messages[oldest.channel]?[oldest.message] = nil
        if world.messages[oldest.channel]?.messages.isEmpty ?? false { world.messages[oldest.channel] = nil }
    }

    /// A message that is still there, in a guild that gives events; recent ones are the likeliest.
    private mutating func pickMessage(_ world: World) -> (Message, Channel, Place)? {
        guard !self.recent.isEmpty else { return nil }
        for _ in 0..<4 {
            let unit = self.random.unit()
            let sent = self.recent[self.recent.count - 1 - Int(unit * unit * Double(self.recent.count))]
            if let place = Self.place(sent.guild, world), let channel = world.channels[sent.channel],
                let message = world.messages[sent.channel]?[sent.message]
            {
                return (message, channel, place)
            }
        }
        return nil
    }

    mutating func editMessage(_ world: inout World) -> Bool {
        guard let (message, channel, guild) = self.pickMessage(world),
            let author = world.guilds[guild.id]?.members[message.authorID]
        else { return false }
        var edited = message
        edited.content = self.words(1...90)
        edited.editedAt = world.now
        world.messages[channel.id]?.update(message.id) { $0 = edited }
        self.tell(.messageUpdate, edited, by: author, in: channel, &world)
        return true
    }

    mutating func deleteMessage(_ world: inout World) -> Bool {
        guard let (message, channel, guild) = self.pickMessage(world) else { return false }
        world.messages[channel.id]?[message.id] = nil
        self.emit(.messageDelete, to: .channel(channel.id, guild: guild.id), guild: guild.id, &world) { writer in
            writer.raw("{\"id\":")
            writer.id(message.id)
            Self.writePlace(channel.id, guild.id, to: &writer)
            writer.raw("}")
        }
        return true
    }

    mutating func deleteMessages(_ world: inout World) -> Bool {
        guard let (_, channel, guild) = self.pickMessage(world) else { return false }
        let ids = world.messages[channel.id]?.messages.suffix(2 + self.random.below(10)).map(\.id) ?? []
        guard ids.count >= 2 else { return false }
        for id in ids { world.messages[channel.id]?[id] = nil }
        self.emit(.messageDeleteBulk, to: .channel(channel.id, guild: guild.id), guild: guild.id, &world) { writer in
            writer.raw("{\"ids\":")
            writer.ids(ids)
            Self.writePlace(channel.id, guild.id, to: &writer)
            writer.raw("}")
        }
        return true
    }

    mutating func addReaction(_ world: inout World) -> Bool {
        guard let (message, channel, guild) = self.pickMessage(world), let member = self.pickMember(of: guild, world)
        else {
            return false
        }
        let emoji = self.pickEmoji(of: guild, world)
        let index = message.reactions.firstIndex { $0.emoji == emoji }
        guard index.map({ !message.reactions[$0].users.contains(member.userID) }) ?? true,
            index != nil || message.reactions.count < World.reactionsPerMessage
        else { return false }
        world.messages[channel.id]?.update(message.id) { message in
            if let index {
                message.reactions[index].users.append(member.userID)
            } else {
                message.reactions.append(.init(emoji: emoji, users: [member.userID]))
            }
        }
        let user = world.users[member.userID]
        self.emit(
            .messageReactionAdd, to: .channel(channel.id, guild: guild.id), guild: guild.id, &world, capacity: 1024
        ) { writer in
            Self.writeReaction(emoji, of: member.userID, message.id, channel.id, guild.id, to: &writer)
            writer.raw(",\"message_author_id\":")
            writer.id(message.authorID)
            writer.raw(",\"member\":")
            member.write(user: user, to: &writer)
            writer.raw(",\"burst_colors\":[]}")
        }
        return true
    }

    mutating func removeReaction(_ world: inout World) -> Bool {
        for _ in 0..<4 {
            guard let (message, channel, guild) = self.pickMessage(world) else { return false }
            guard let reaction = message.reactions.last, let user = reaction.users.last else { continue }
            world.messages[channel.id]?.update(message.id) { message in
                message.reactions[message.reactions.count - 1].users.removeLast()
                if reaction.users.count == 1 { message.reactions.removeLast() }
            }
            self.emit(.messageReactionRemove, to: .channel(channel.id, guild: guild.id), guild: guild.id, &world) {
                writer in
                Self.writeReaction(reaction.emoji, of: user, message.id, channel.id, guild.id, to: &writer)
                writer.raw("}")
            }
            return true
        }
        return false
    }

    private mutating func pickEmoji(of place: Place, _ world: World) -> Emoji {
        let own = GuildEmoji.count(in: place.origin)
        if own > 0, self.random.below(3) == 0,
            let emoji = world.guilds[place.id]?.emojis.original(self.random.below(own))
        {
            return Emoji(id: emoji.id, name: emoji.name)
        }
        return Emoji(id: nil, name: BlueprintNames.emojis[self.random.below(BlueprintNames.emojis.count)])
    }

    mutating func type(in guild: Place, _ world: inout World) -> Bool {
        guard let member = self.pickMember(of: guild, world),
            let channel = self.pickChannel(of: guild, world, where: { $0.kind.takesMessages })
        else { return false }
        let user = world.users[member.userID]
        let seconds = Int(world.now.milliseconds / 1000)
        self.emit(.typingStart, to: .channel(channel.id, guild: guild.id), guild: guild.id, &world, capacity: 1024) {
            writer in
            writer.raw("{\"user_id\":")
            writer.id(member.userID)
            Self.writePlace(channel.id, guild.id, to: &writer)
            writer.raw(",\"timestamp\":")
            writer.integer(seconds)
            writer.raw(",\"member\":")
            member.write(user: user, to: &writer)
            writer.raw("}")
        }
        return true
    }

    // MARK: Bodies

    private static func writePlace(_ channel: Snowflake, _ guild: Snowflake, to writer: inout JSONWriter) {
        writer.raw(",\"channel_id\":")
        writer.id(channel)
        writer.raw(",\"guild_id\":")
        writer.id(guild)
    }

    private static func writeReaction(
        _ emoji: Emoji, of user: Snowflake, _ message: Snowflake, _ channel: Snowflake, _ guild: Snowflake,
        to writer: inout JSONWriter
    ) {
        writer.raw("{\"user_id\":")
        writer.id(user)
        self.writePlace(channel, guild, to: &writer)
        writer.raw(",\"message_id\":")
        writer.id(message)
        writer.raw(",\"emoji\":{\"id\":")
        writer.id(emoji.id)
        writer.raw(",\"name\":")
        writer.string(emoji.name)
        writer.raw("},\"burst\":false,\"type\":0")
    }

    private func tell(
        _ name: EventName, _ message: Message, by author: Member, in channel: Channel, _ world: inout World
    ) {
        guard let guild = message.guildID else { return }
        var writer = JSONWriter(capacity: 2048)
        var answered: Range<Int>?
        let content = Self.write(message, world, to: &writer) { writer in
            writer.raw(",\"channel_type\":")
            writer.integer(channel.kind.rawValue)
            writer.raw(",\"guild_id\":")
            writer.id(guild)
            writer.raw(",\"member\":")
            author.write(user: nil, to: &writer)
            guard let reference = message.reference else { return }
            writer.raw(",\"message_reference\":{\"type\":0,\"message_id\":")
            writer.id(reference.messageID)
            Self.writePlace(reference.channelID, guild, to: &writer)
            writer.raw("},\"referenced_message\":")
            if let target = world.messages[reference.channelID]?[reference.messageID] {
                answered = Self.write(target, world, to: &writer)
            } else {
                writer.raw("null")
            }
        }
        var dispatch = Dispatch(
            name, to: .channel(channel.id, guild: guild), guild: guild, bytes: writer.bytes)
        dispatch.contents = [content] + (answered.map { [$0] } ?? [])
        for mention in message.mentions where world.applications[mention] != nil {
            dispatch.contentReaders.insert(mention)
        }
        world.emit(dispatch)
    }

    /// Writes a message's object and tells where its content lies.
    private static func write(
        _ message: Message, _ world: World, to writer: inout JSONWriter,
        more: (inout JSONWriter) -> Void = { _ in }
    ) -> Range<Int> {
        writer.raw("{\"type\":")
        writer.integer(message.kind)
        writer.raw(",\"tts\":false,\"timestamp\":")
        writer.time(Timestamp(milliseconds: message.id.milliseconds))
        writer.raw(",\"pinned\":false,\"mentions\":")
        writer.list(message.mentions) { writer, id in
            (world.users[id] ?? World.deleted(id)).write(to: &writer)
        }
        writer.raw(",\"mention_roles\":[],\"mention_everyone\":false,\"id\":")
        writer.id(message.id)
        writer.raw(",\"flags\":0,\"edited_timestamp\":")
        writer.time(message.editedAt)
        writer.raw(",\"channel_id\":")
        writer.id(message.channelID)
        writer.raw(",\"author\":")
        (world.users[message.authorID] ?? World.deleted(message.authorID)).write(to: &writer)
        writer.raw(",")
        let start = writer.count
        writer.raw("\"content\":")
        writer.string(message.content)
        writer.raw(",\"embeds\":")
        writer.value(.array(message.embeds))
        writer.raw(",\"attachments\":")
        writer.value(.array(message.attachments))
        writer.raw(",\"components\":[]")
        let end = writer.count
        more(&writer)
        writer.raw("}")
        return start..<end
    }
}
