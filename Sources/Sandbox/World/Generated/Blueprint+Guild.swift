import Discord

extension Guild {
    /// A generated guild as it began.
    init(_ origin: Blueprint.Origin) {
        let blueprint = origin.blueprint
        let id = blueprint.guildID(origin.guild)
        let random = blueprint.random(origin.guild, .name)
        self.init(
            id: id,
            name: BlueprintNames.pick(BlueprintNames.places, random) + " "
                + BlueprintNames.pick(BlueprintNames.owners, random >> 16) + " \(origin.guild)",
            ownerID: blueprint.userID(blueprint.person(at: 0, in: origin.guild)), origin: origin)
        let icon = blueprint.random(origin.guild, .icon)
        if icon % 4 > 0 { self.icon = Blueprint.imageHash(icon) }
        if icon % 3 == 0 { self.topic = "Made from seed \(blueprint.spec.seed)" }
        self.verificationLevel = Int(icon >> 8 & 3)
        self.boosts = Int(icon >> 12 & 15)
    }
}

extension Blueprint {
    /// 32 hexadecimal digits, as image hashes are.
    static func imageHash(_ random: UInt64) -> String {
        let digits = String(random, radix: 16) + String(SeededRandom.mix(random), radix: 16)
        return digits.count < 32 ? digits + String(repeating: "0", count: 32 - digits.count) : digits
    }

    func user(_ person: Int) -> User {
        let random = self.random(person, .user, 1)
        let name = BlueprintNames.pick(BlueprintNames.people, random)
        var user = User(id: self.userID(person), username: "\(name)\(person)")
        if random >> 8 & 7 > 1 {
            user.globalName =
                name.prefix(1).uppercased() + name.dropFirst() + " "
                + BlueprintNames.pick(BlueprintNames.places, random >> 16)
        }
        if random >> 32 & 7 > 2 { user.avatar = Self.imageHash(random) }
        return user
    }
}

extension Blueprint.Origin {
    var guildID: Snowflake { self.blueprint.guildID(self.guild) }
    var channelCount: Int { self.blueprint.count(self.blueprint.spec.channels, .channels, in: self.guild) }
    /// Without `@everyone` and those of bots.
    var customRoleCount: Int { self.blueprint.count(self.blueprint.spec.roles, .roles, in: self.guild) }

    /// Only guilds of some size have threads.
    var threadCount: Int {
        let size = self.blueprint.size(of: self.guild)
        return size < 50 ? 0 : Int(self.blueprint.random(self.guild, .threads) % (size < 1000 ? 3 : 12))
    }

    private func random(_ salt: Blueprint.Salt, _ item: Int = 0) -> UInt64 {
        self.blueprint.random(self.guild, salt, item)
    }

    // MARK: Channels

    /// The first is a text channel, the second one for voice, and every eighth a category of those that follow it.
    func channelKind(_ ordinal: Int) -> Channel.Kind {
        switch ordinal {
        case 0: return .text
        case 1: return .voice
        case let ordinal where ordinal % 8 == 0: return .category
        default: break
        }
        return switch self.random(.channel, ordinal) % 100 {
        case ..<18: .voice
        case ..<22: .announcement
        case ..<25: .forum
        case ..<26: .stage
        default: .text
        }
    }

    func channel(_ ordinal: Int) -> Channel? {
        guard ordinal < self.channelCount else { return nil }
        let random = self.random(.channel, ordinal) >> 8
        let kind = self.channelKind(ordinal)
        var channel = Channel(id: self.blueprint.id(.channel, ordinal, in: self.guild), kind: kind)
        channel.guildID = self.guildID
        channel.position = ordinal
        let name = BlueprintNames.channels[
            ordinal == 0 ? 0 : Int(random % UInt64(BlueprintNames.channels.count))]
        switch kind {
        case .category: channel.name = name.uppercased()
        case .voice, .stage: channel.name = "\(name) \(ordinal)"
        default:
            channel.name = ordinal == 0 ? name : "\(name)-\(ordinal)"
            if random >> 8 & 1 == 0 { channel.topic = "About \(name), and what comes with it." }
            if random >> 9 & 15 == 0 { channel.rateLimitPerUser = 5 }
            channel.isNSFW = random >> 13 & 63 == 0
        }
        if kind != .category, ordinal > 8 {
            channel.parentID = self.blueprint.id(.channel, ordinal - ordinal % 8, in: self.guild)
        }
        if ordinal > 1 { channel.overwrites = self.overwrites(random >> 20) }
        return channel
    }

    /// Most channels are open; some are for reading only, some for a role and perhaps the bots.
    private func overwrites(_ random: UInt64) -> [PermissionOverwrite] {
        let everyone = self.guildID
        let roles = self.customRoleCount
        let role = roles == 0 ? everyone : Role.id(Role.custom(Int(random >> 8) % roles, in: self), in: self)
        switch random % 10 {
        case 0:
            var overwrites = [PermissionOverwrite(id: everyone, type: .role, allow: [], deny: .viewChannel)]
            if role != everyone {
                overwrites.append(.init(id: role, type: .role, allow: [.viewChannel, .sendMessages], deny: []))
            }
            if random >> 32 & 1 == 0 {
                overwrites += self.blueprint.applications.map {
                    .init(id: $0, type: .member, allow: [.viewChannel, .sendMessages], deny: [])
                }
            }
            return overwrites
        case 1, 2:
            var overwrites = [PermissionOverwrite(id: everyone, type: .role, allow: [], deny: .sendMessages)]
            if role != everyone {
                overwrites.append(.init(id: role, type: .role, allow: [.sendMessages, .manageMessages], deny: []))
            }
            return overwrites
        case 3 where role != everyone:
            return [.init(id: role, type: .role, allow: [], deny: [.addReactions, .attachFiles])]
        default: return []
        }
    }

    /// Threads are in the first channel.
    func thread(_ ordinal: Int) -> Channel? {
        guard ordinal < self.threadCount else { return nil }
        let random = self.random(.thread, ordinal)
        let id = self.blueprint.id(.thread, ordinal, in: self.guild)
        var thread = Channel(id: id, kind: .publicThread)
        thread.guildID = self.guildID
        thread.parentID = self.blueprint.id(.channel, 0, in: self.guild)
        thread.name = "\(BlueprintNames.pick(BlueprintNames.words, random)) \(ordinal)"
        let place = Int(random >> 16) % self.blueprint.size(of: self.guild)
        thread.thread = Channel.Thread(
            ownerID: self.blueprint.userID(self.blueprint.person(at: place, in: self.guild)),
            memberCount: 1 + Int(random >> 8 & 31), messageCount: Int(random >> 40 & 255),
            archiveTime: Timestamp(milliseconds: id.milliseconds))
        return thread
    }

    // MARK: Presences

    /// `nil` for who is not among the guild's own people and bots.
    func presence(of user: Snowflake) -> Presence? {
        Member.ordinal(of: user, in: self).map { self.presence($0) }
    }

    /// Of a member. About a third are online, in large guilds fewer.
    func presence(_ ordinal: Int) -> Presence {
        if ordinal < self.blueprint.applications.count { return Presence(status: .online) }
        let random = self.random(.presence, ordinal)
        let online = self.blueprint.size(of: self.guild) > 5000 ? 12 : 35
        guard random % 100 < online else { return Presence(status: .offline) }
        let status: Presence.Status = random >> 8 & 3 == 0 ? .idle : random >> 8 & 3 == 1 ? .dnd : .online
        return Presence(
            status: status, activity: random >> 12 & 3 == 0 ? UInt32(truncatingIfNeeded: random >> 32) : nil)
    }
}
