import DequeModule
import Discord

extension TrafficGenerator {
    mutating func changePresence(in guild: Place, _ world: inout World) -> Bool {
        guard let member = self.pickMember(of: guild, world) else { return false }
        let before = world.guilds[guild.id]?.presence(of: member.userID) ?? Presence(status: .offline)
        var presence = before
        if before.status == .offline || self.random.below(3) == 0 {
            presence.status = Presence.Status.allCases[self.random.below(4)]
        }
        presence.activity =
            self.random.below(2) == 0 ? UInt32(truncatingIfNeeded: self.random.next()) : nil
        if presence.status == .offline { presence.activity = nil }
        // Nobody is told of what did not change.
        if presence == before { presence.status = before.status == .online ? .idle : .online }
        let changed = presence
        world.guilds[guild.id]?.presences[member.userID] = changed
        self.emit(.presenceUpdate, to: .guild(guild.id), guild: guild.id, &world) { writer in
            changed.write(of: member.userID, guild: guild.id, to: &writer)
        }
        return true
    }

    mutating func changeVoice(in guild: Place, _ world: inout World) -> Bool {
        let count = world.guilds[guild.id]?.voiceStates.count ?? 0
        let limit = max(3, (world.guilds[guild.id]?.members.count ?? 0) / 20)
        if count > 0, count >= limit || self.random.below(2) == 0, var state = self.pickVoiceState(of: guild, world) {
            if self.random.below(3) > 0 {
                state.isSelfMuted.toggle()
                if self.random.below(4) == 0 { state.isStreaming.toggle() }
                self.set(state, in: guild, &world)
            } else {
                self.leaveVoice(state, guild, &world)
            }
            return true
        }
        guard let member = self.pickMember(of: guild, world),
            let channel = self.pickChannel(of: guild, world, where: { $0.kind == .voice })
        else { return false }
        var state =
            world.guilds[guild.id]?.voiceStates[member.userID]
            ?? VoiceState(
                userID: member.userID, channelID: channel.id, sessionID: Blueprint.imageHash(self.random.next()))
        state.channelID = channel.id
        self.set(state, in: guild, &world)
        return true
    }

    private mutating func pickVoiceState(of guild: Place, _ world: World) -> VoiceState? {
        let added = world.guilds[guild.id]?.voiceStates.added ?? []
        if !added.isEmpty, self.random.below(2) == 0 {
            return world.guilds[guild.id]?.voiceStates[added[self.random.below(added.count)]]
        }
        let count = VoiceState.count(in: guild.origin)
        return count > 0 ? world.guilds[guild.id]?.voiceStates.original(self.random.below(count)) : nil
    }

    private func set(_ state: VoiceState, in guild: Place, _ world: inout World) {
        guard let member = world.guilds[guild.id]?.members[state.userID], let user = world.users[state.userID] else {
            return
        }
        world.guilds[guild.id]?.voiceStates[state.userID] = state
        self.emit(.voiceStateUpdate, to: .guild(guild.id), guild: guild.id, &world, capacity: 1024) { writer in
            state.write(guild: guild.id, channel: state.channelID, member: (member, user), to: &writer)
        }
    }

    private func leaveVoice(_ state: VoiceState, _ guild: Place, _ world: inout World) {
        let user = world.users[state.userID]
        let member = world.guilds[guild.id]?.members[state.userID].flatMap { member in user.map { (member, $0) } }
        world.guilds[guild.id]?.voiceStates[state.userID] = nil
        self.emit(.voiceStateUpdate, to: .guild(guild.id), guild: guild.id, &world, capacity: 1024) { writer in
            state.write(guild: guild.id, channel: nil, member: member, to: &writer)
        }
    }

    mutating func updateMember(of guild: Place, _ world: inout World) -> Bool {
        guard var member = self.pickMember(of: guild, world), let user = world.users[member.userID] else {
            return false
        }
        switch self.random.below(4) {
        case 0: member.nick = member.nick == nil ? self.words(1...3) : nil
        case 1:
            member.communicationDisabledUntil =
                member.communicationDisabledUntil == nil
                ? Timestamp(milliseconds: world.now.milliseconds + 600_000) : nil
        default:
            guard let role = self.pickRole(of: guild, world) else { return false }
            if let index = member.roles.firstIndex(of: role.id) {
                member.roles.remove(at: index)
            } else {
                member.roles.append(role.id)
            }
        }
        let changed = member
        world.guilds[guild.id]?.members[member.userID] = changed
        self.tell(.guildMemberUpdate, changed, user, &world)
        return true
    }

    private func tell(_ name: EventName, _ member: Member, _ user: User, _ world: inout World) {
        self.emit(name, to: .guild(member.guildID), guild: member.guildID, &world, capacity: 1024) { writer in
            member.write(user: user, withGuild: true, to: &writer)
        }
    }

    /// One that members can have, of those that the guild began with or got since.
    mutating func pickRole(of guild: Place, _ world: World) -> Role? {
        let added = world.guilds[guild.id]?.roles.added ?? []
        if !added.isEmpty, self.random.below(3) == 0 {
            return world.guilds[guild.id]?.roles[added[self.random.below(added.count)]]
        }
        let count = guild.origin.customRoleCount
        guard count > 0 else { return nil }
        return world.guilds[guild.id]?.roles.original(Role.custom(self.random.below(count), in: guild.origin))
    }

    mutating func addMember(to guild: Place, _ world: inout World) -> Bool {
        let blueprint = guild.origin.blueprint
        let place = self.random.below(Blueprint.population)
        let id = blueprint.userID(blueprint.person(at: place, in: guild.origin.guild))
        guard !(world.guilds[guild.id]?.members.contains(id) ?? true), let user = world.users[id] else { return false }
        let member = Member(guildID: guild.id, userID: id, joinedAt: world.now)
        world.guilds[guild.id]?.members[id] = member
        self.newcomers.append((guild.id, id))
        if self.newcomers.count > Self.newcomerLimit { self.newcomers.removeFirst() }
        self.tell(.guildMemberAdd, member, user, &world)
        return true
    }

    mutating func removeMember(of guild: Place, _ world: inout World) -> Bool {
        var guild = guild
        var user: Snowflake?
        if self.newcomers.count > 16, self.random.below(2) == 0 {
            let newcomer = self.newcomers.remove(at: self.random.below(self.newcomers.count))
            if let other = Self.place(newcomer.guild, world),
                world.guilds[other.id]?.members.contains(newcomer.user) ?? false
            {
                guild = other
                user = newcomer.user
            }
        }
        // A guild keeps its owner, and some company.
        if user == nil, (world.guilds[guild.id]?.members.count ?? 0) > 4 {
            user = self.pickMember(of: guild, world)?.userID
        }
        guard let user, user != world.guilds[guild.id]?.ownerID, let who = world.users[user] else { return false }
        if let voice = world.guilds[guild.id]?.voiceStates[user] { self.leaveVoice(voice, guild, &world) }
        self.remove(who, from: guild.id, &world)
        return true
    }

    func remove(_ user: User, from guild: Snowflake, _ world: inout World) {
        world.guilds[guild]?.members[user.id] = nil
        world.guilds[guild]?.presences[user.id] = nil
        self.emit(.guildMemberRemove, to: .guild(guild), guild: guild, &world) { writer in
            writer.raw("{\"guild_id\":")
            writer.id(guild)
            writer.raw(",\"user\":")
            user.write(to: &writer)
            writer.raw("}")
        }
    }

    /// Somebody uses a command: one that a bot has registered, or else one named `ping`.
    mutating func interact(in guild: Place, _ world: inout World) -> Bool {
        guard let member = self.pickMember(of: guild, world),
            let channel = self.pickChannel(of: guild, world, where: { $0.kind == .text })
        else { return false }
        let bots = Self.bots(in: guild.id, guild.origin, world)
        guard !bots.isEmpty else { return false }
        let bot = bots[self.random.below(bots.count)]
        let commands = world.commands(of: bot, in: nil).filter { $0.kind == 1 && !$0.needsOptions }
        let command = commands.isEmpty ? nil : commands[self.random.below(commands.count)]
        let id = command?.id ?? Snowflake(rawValue: bot.rawValue &+ 1)
        let name = command?.name ?? "ping"
        let interaction = Interaction(
            id: world.nextID(), kind: Interaction.Kind.command,
            token: Blueprint.imageHash(self.random.next()) + Blueprint.imageHash(self.random.next()),
            applicationID: bot, guildID: guild.id, channelID: channel.id, userID: member.userID, name: name, nonce: nil,
            sourceMessageID: nil, createdAt: world.now)
        world.begin(
            interaction, data: ["id": .id(id), "name": .string(name), "type": 1], in: channel)
        return true
    }
}

extension ApplicationCommand {
    /// Whether it can't be used without a value.
    fileprivate var needsOptions: Bool {
        self.definition["options"]?.array?.contains {
            $0["required"]?.bool == true || [1, 2].contains($0["type"]?.integer ?? 0)
        } ?? false
    }
}
