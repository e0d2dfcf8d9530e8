import DequeModule
import Discord

extension TrafficGenerator {
    mutating func updateGuild(_ guild: Place, _ world: inout World) -> Bool {
        switch self.random.below(4) {
        case 0: world.guilds[guild.id]?.name = self.words(2...4).prefix(90) + " \(self.random.below(1000))"
        case 1: world.guilds[guild.id]?.icon = Blueprint.imageHash(self.random.next())
        case 2: world.guilds[guild.id]?.topic = self.random.below(3) == 0 ? nil : self.words(3...20)
        default: world.guilds[guild.id]?.boosts = self.random.below(30)
        }
        guard let changed = world.guilds[guild.id] else { return false }
        world.emit(
            Dispatch(.guildUpdate, to: .guild(guild.id), guild: guild.id, bytes: world.guildObject(changed)))
        return true
    }

    mutating func updateEmojis(of guild: Place, _ world: inout World) -> Bool {
        let added = world.guilds[guild.id]?.emojis.added ?? []
        let originals = GuildEmoji.count(in: guild.origin)
        switch self.random.below(3) {
        case 0 where !added.isEmpty:
            world.guilds[guild.id]?.emojis[added[self.random.below(added.count)]] = nil
        case 1 where originals > 0:
            guard var emoji = world.guilds[guild.id]?.emojis.original(self.random.below(originals)) else {
                return false
            }
            emoji.name = "renamed_\(self.random.below(1000))"
            world.guilds[guild.id]?.emojis[emoji.id] = emoji
        default:
            guard added.count < 20 else { return false }
            let id = world.nextID()
            world.guilds[guild.id]?.emojis[id] = GuildEmoji(
                id: id, name: "emoji_\(self.random.below(1000))", isAnimated: self.random.below(4) == 0)
        }
        guard let changed = world.guilds[guild.id] else { return false }
        self.emit(.guildEmojisUpdate, to: .guild(guild.id), guild: guild.id, &world, capacity: 4096) { writer in
            writer.raw("{\"guild_id\":")
            writer.id(guild.id)
            writer.raw(",\"emojis\":")
            changed.writeEmojis(to: &writer)
            writer.raw("}")
        }
        return true
    }

    mutating func updateStickers(of guild: Place, _ world: inout World) -> Bool {
        let added = world.guilds[guild.id]?.stickers.added ?? []
        if added.count > 3 || !added.isEmpty && self.random.below(2) == 0 {
            world.guilds[guild.id]?.stickers[added[self.random.below(added.count)]] = nil
        } else {
            let id = world.nextID()
            world.guilds[guild.id]?.stickers[id] = GuildSticker(
                id: id, guildID: guild.id, name: "sticker_\(self.random.below(1000))", tags: "smile")
        }
        guard let changed = world.guilds[guild.id] else { return false }
        self.emit(.guildStickersUpdate, to: .guild(guild.id), guild: guild.id, &world, capacity: 2048) { writer in
            writer.raw("{\"guild_id\":")
            writer.id(guild.id)
            writer.raw(",\"stickers\":")
            changed.writeStickers(to: &writer)
            writer.raw("}")
        }
        return true
    }

    // MARK: Coming and going

    /// A bot is removed from a guild; never from more than a twentieth of all.
    mutating func letBotLeave(_ guild: Place, _ world: inout World) -> Bool {
        guard self.left.count < guild.origin.blueprint.guildCount / 20 else { return false }
        let bots = Self.bots(in: guild.id, guild.origin, world)
        guard !bots.isEmpty, let user = world.users[bots[self.random.below(bots.count)]] else { return false }
        world.guilds[guild.id]?.voiceStates[user.id] = nil
        self.remove(user, from: guild.id, &world)
        self.emit(.guildDelete, to: .users([user.id]), guild: guild.id, &world) { writer in
            writer.raw("{\"id\":")
            writer.id(guild.id)
            writer.raw("}")
        }
        self.left.append((guild.id, user.id))
        return true
    }

    /// A bot that was removed is invited again.
    mutating func letBotJoin(_ world: inout World) -> Bool {
        guard let (id, bot) = self.left.first, let origin = world.guilds[id]?.origin, !world.outages.contains(id),
            let ordinal = origin.blueprint.applications.firstIndex(of: bot), let user = world.users[bot]
        else { return false }
        self.left.removeFirst()
        guard !(world.guilds[id]?.members.contains(bot) ?? true) else { return false }
        var member = Member(guildID: id, userID: bot, joinedAt: world.now)
        member.roles = [Role.id(1 + ordinal, in: origin)]
        let joined = member
        world.guilds[id]?.members[bot] = joined
        self.emit(.guildMemberAdd, to: .others(bot, guild: id), guild: id, &world, capacity: 1024) { writer in
            joined.write(user: user, withGuild: true, to: &writer)
        }
        world.emit(.guildCreate(id, to: .users([bot])))
        return true
    }

    /// A guild becomes unavailable; never more than a fiftieth of all, or 20.
    mutating func beginOutage(of guild: Place, _ world: inout World) -> Bool {
        let most = min(20, max(1, guild.origin.blueprint.guildCount / 50))
        guard self.outages.count < most else { return self.endOutage(&world) }
        world.setUnavailable(true, guild.id)
        self.outages.append((guild.id, self.count))
        self.emit(.guildDelete, to: .guild(guild.id), guild: guild.id, &world) { writer in
            writer.raw("{\"id\":")
            writer.id(guild.id)
            writer.raw(",\"unavailable\":true}")
        }
        return true
    }

    /// The longest outage is over, once it has lasted a thousand events.
    mutating func endOutage(_ world: inout World) -> Bool {
        guard let (id, began) = self.outages.first, self.count - began >= 1000 else { return false }
        self.outages.removeFirst()
        guard world.outages.contains(id) else { return false }
        world.setUnavailable(false, id)
        world.emit(.guildCreate(id, to: .guild(id)))
        return true
    }
}
