import Discord

/// Channels, threads and roles. What traffic made is what it deletes; nothing it does changes which channels a bot may
/// view, since Discord tells nothing of that either.
extension TrafficGenerator {
    private static let addedLimit = 12

    private func tell(_ name: EventName, _ channel: Channel, in guild: Place, isNew: Bool = false, _ world: inout World)
    {
        let audience: Dispatch.Audience =
            channel.kind.isThread ? .channel(channel.id, guild: guild.id) : .shown(channel)
        self.emit(name, to: audience, guild: guild.id, &world) { channel.write(isNew: isNew, to: &$0) }
    }

    mutating func createChannel(in guild: Place, _ world: inout World) -> Bool {
        let count = world.guilds[guild.id]?.channelIDs.count ?? 0
        guard count - guild.origin.channelCount < Self.addedLimit, count < 500 else {
            return self.deleteChannel(in: guild, &world)
        }
        let kinds: [Channel.Kind] = [.text, .text, .text, .voice, .announcement, .forum]
        var channel = Channel(id: world.nextID(), kind: kinds[self.random.below(kinds.count)])
        channel.guildID = guild.id
        channel.name = "new-\(self.random.below(1000))"
        channel.position = count
        if channel.kind == .text, self.random.below(3) == 0, let role = self.pickRole(of: guild, world) {
            channel.overwrites = [.init(id: role.id, type: .role, allow: [], deny: [.attachFiles])]
        }
        let made = channel
        world.channels[made.id] = made
        world.guilds[guild.id]?.channelIDs.append(made.id)
        self.tell(.channelCreate, made, in: guild, &world)
        return true
    }

    mutating func updateChannel(in guild: Place, _ world: inout World) -> Bool {
        guard var channel = self.pickChannel(of: guild, world, where: { _ in true }) else { return false }
        switch self.random.below(4) {
        case 0: channel.name = "renamed-\(self.random.below(1000))"
        case 1: channel.topic = self.random.below(3) == 0 ? nil : self.words(2...30)
        case 2: channel.rateLimitPerUser = [0, 5, 30, 3600][self.random.below(4)]
        default: channel.position = self.random.below(guild.origin.channelCount + 1)
        }
        let changed = channel
        world.channels[changed.id] = changed
        self.tell(.channelUpdate, changed, in: guild, &world)
        return true
    }

    mutating func deleteChannel(in guild: Place, _ world: inout World) -> Bool {
        let added = world.guilds[guild.id]?.channelIDs.added ?? []
        guard !added.isEmpty, let channel = world.channels[added[self.random.below(added.count)]] else { return false }
        // Whoever is in a voice channel leaves it; a channel's threads go with it, and nothing is said of them.
        let isInUse = world.guilds[guild.id]?.voiceStates.values.contains { $0.channelID == channel.id } ?? true
        guard !isInUse else { return false }
        world.guilds[guild.id]?.channelIDs.remove(channel.id)
        for thread in world.guilds[guild.id]?.threadIDs.added ?? []
        where world.channels[thread]?.parentID == channel.id {
            world.guilds[guild.id]?.threadIDs.remove(thread)
            world.channels[thread] = nil
            world.messages[thread] = nil
        }
        self.tell(.channelDelete, channel, in: guild, &world)
        world.channels[channel.id] = nil
        world.messages[channel.id] = nil
        return true
    }

    // MARK: Threads

    mutating func createThread(in guild: Place, _ world: inout World) -> Bool {
        guard world.guilds[guild.id]?.threadIDs.added.count ?? 0 < Self.addedLimit else {
            return self.deleteThread(in: guild, &world)
        }
        guard let parent = self.pickChannel(of: guild, world, where: { $0.kind == .text }),
            let owner = self.pickMember(of: guild, world)
        else { return false }
        var thread = Channel(id: world.nextID(), kind: .publicThread)
        thread.guildID = guild.id
        thread.parentID = parent.id
        thread.name = self.words(1...6)
        thread.thread = Channel.Thread(
            ownerID: owner.userID, memberCount: 1, messageCount: 0, archiveTime: world.now)
        let made = thread
        world.channels[made.id] = made
        world.guilds[guild.id]?.threadIDs.append(made.id)
        self.tell(.threadCreate, made, in: guild, isNew: true, &world)
        return true
    }

    mutating func updateThread(in guild: Place, _ world: inout World) -> Bool {
        let threads = world.guilds[guild.id]?.threadIDs.all ?? []
        guard !threads.isEmpty, var thread = world.channels[threads[self.random.below(threads.count)]] else {
            return false
        }
        if self.random.below(3) == 0 || thread.thread?.isArchived == true {
            thread.thread?.isArchived.toggle()
            thread.thread?.archiveTime = world.now
        } else {
            thread.name = self.words(1...6)
        }
        let changed = thread
        world.channels[changed.id] = changed
        self.tell(.threadUpdate, changed, in: guild, &world)
        return true
    }

    mutating func deleteThread(in guild: Place, _ world: inout World) -> Bool {
        let added = world.guilds[guild.id]?.threadIDs.added ?? []
        guard !added.isEmpty, let thread = world.channels[added[self.random.below(added.count)]],
            let parent = thread.parentID
        else { return false }
        world.guilds[guild.id]?.threadIDs.remove(thread.id)
        world.channels[thread.id] = nil
        world.messages[thread.id] = nil
        // The thread is gone: who may view its parent is told.
        self.emit(.threadDelete, to: .channel(parent, guild: guild.id), guild: guild.id, &world) { writer in
            writer.raw("{\"id\":")
            writer.id(thread.id)
            writer.raw(",\"guild_id\":")
            writer.id(guild.id)
            writer.raw(",\"parent_id\":")
            writer.id(parent)
            writer.raw(",\"type\":")
            writer.integer(thread.kind.rawValue)
            writer.raw("}")
        }
        return true
    }

    // MARK: Roles

    private func tell(_ name: EventName, _ role: Role, _ world: inout World) {
        self.emit(name, to: .guild(role.guildID), guild: role.guildID, &world) { writer in
            writer.raw("{\"guild_id\":")
            writer.id(role.guildID)
            writer.raw(",\"role\":")
            role.write(to: &writer)
            writer.raw("}")
        }
    }

    mutating func createRole(in guild: Place, _ world: inout World) -> Bool {
        let roles = world.guilds[guild.id]?.roles.count ?? 0
        guard roles - Role.count(in: guild.origin) < Self.addedLimit, roles < 250 else {
            return self.deleteRole(in: guild, &world)
        }
        var role = Role(
            id: world.nextID(), guildID: guild.id, name: "new \(self.random.below(1000))",
            permissions: World.everyonePermissions, position: 1)
        role.color = self.random.below(0xFF_FFFF)
        let made = role
        world.guilds[guild.id]?.roles[made.id] = made
        self.tell(.guildRoleCreate, made, &world)
        return true
    }

    mutating func updateRole(in guild: Place, _ world: inout World) -> Bool {
        guard var role = self.pickRole(of: guild, world) else { return false }
        switch self.random.below(3) {
        case 0: role.name = "renamed \(self.random.below(1000))"
        case 1: role.color = self.random.below(0xFF_FFFF)
        default: role.mentionable.toggle()
        }
        let changed = role
        world.guilds[guild.id]?.roles[changed.id] = changed
        self.tell(.guildRoleUpdate, changed, &world)
        return true
    }

    /// Members lose the role, and channels their overwrites for it, without being told of.
    mutating func deleteRole(in guild: Place, _ world: inout World) -> Bool {
        let added = world.guilds[guild.id]?.roles.added ?? []
        guard !added.isEmpty else { return false }
        let id = added[self.random.below(added.count)]
        for user in world.guilds[guild.id]?.members.changed ?? [] {
            guard var member = world.guilds[guild.id]?.members[user], let index = member.roles.firstIndex(of: id) else {
                continue
            }
            member.roles.remove(at: index)
            world.guilds[guild.id]?.members[user] = member
        }
        for channel in world.guilds[guild.id]?.channelIDs.added ?? [] {
            guard let overwrites = world.channels[channel]?.overwrites, overwrites.contains(where: { $0.id == id })
            else {
                continue
            }
            world.channels[channel]?.overwrites = overwrites.filter { $0.id != id }
        }
        world.guilds[guild.id]?.roles[id] = nil
        self.emit(.guildRoleDelete, to: .guild(guild.id), guild: guild.id, &world) { writer in
            writer.raw("{\"guild_id\":")
            writer.id(guild.id)
            writer.raw(",\"role_id\":")
            writer.id(id)
            writer.raw("}")
        }
        return true
    }
}
