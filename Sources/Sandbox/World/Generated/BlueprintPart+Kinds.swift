import Discord

/// `@everyone` comes first, then the roles of the bots, then those that members have.
extension Role: BlueprintPart {
    static func count(in origin: Blueprint.Origin) -> Int { Self.custom(origin.customRoleCount, in: origin) }

    /// The ordinal of a role that members have.
    static func custom(_ index: Int, in origin: Blueprint.Origin) -> Int {
        1 + origin.blueprint.applications.count + index
    }

    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake {
        ordinal == 0 ? origin.guildID : origin.blueprint.id(.role, ordinal, in: origin.guild)
    }

    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int? {
        guard let (tag, ordinal, guild) = origin.blueprint.decode(id), guild == origin.guild else { return nil }
        if tag == .guild { return 0 }
        return tag == .role && ordinal > 0 && ordinal < self.count(in: origin) ? ordinal : nil
    }

    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> Role {
        let id = Self.id(ordinal, in: origin)
        let random = origin.blueprint.random(origin.guild, .role, ordinal)
        let bots = origin.blueprint.applications
        if ordinal == 0 {
            return Role(
                id: id, guildID: id, name: "@everyone", permissions: World.everyonePermissions, position: 0)
        }
        if ordinal <= bots.count {
            // Half of all guilds trust their bots with everything.
            var permissions = World.everyonePermissions.union(World.botPermissions)
            if origin.blueprint.random(origin.guild, .bot, ordinal) % 2 == 0 { permissions.insert(.administrator) }
            var role = Role(
                id: id, guildID: origin.guildID, name: "Bot \(ordinal)", permissions: permissions,
                position: Self.count(in: origin) - ordinal)
            role.managed = true
            role.botID = bots[ordinal - 1]
            return role
        }
        var permissions = World.everyonePermissions
        if random % 8 == 0 { permissions.formUnion([.manageMessages, .kickMembers, .moderateMembers]) }
        if random % 64 == 0 { permissions.insert(.administrator) }
        var role = Role(
            id: id, guildID: origin.guildID, name: BlueprintNames.pick(BlueprintNames.roles, random >> 8),
            permissions: permissions, position: ordinal - bots.count)
        role.color = Int(random >> 16 & 0xFF_FFFF)
        role.hoist = random >> 40 & 3 == 0
        role.mentionable = random >> 42 & 3 == 0
        return role
    }
}

/// The bots come first, then the people.
extension Member: BlueprintPart {
    static func count(in origin: Blueprint.Origin) -> Int {
        origin.blueprint.applications.count + origin.blueprint.size(of: origin.guild)
    }

    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake {
        let bots = origin.blueprint.applications
        guard ordinal >= bots.count else { return bots[ordinal] }
        return origin.blueprint.userID(origin.blueprint.person(at: ordinal - bots.count, in: origin.guild))
    }

    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int? {
        let bots = origin.blueprint.applications
        guard let person = origin.blueprint.person(id) else { return bots.firstIndex(of: id) }
        return origin.blueprint.place(of: person, in: origin.guild).map { $0 + bots.count }
    }

    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> Member {
        let random = origin.blueprint.random(origin.guild, .member, ordinal)
        let began = origin.guildID.milliseconds
        let age = UInt64(max(Blueprint.present - began, 1))
        var member = Member(
            guildID: origin.guildID, userID: Self.id(ordinal, in: origin),
            joinedAt: Timestamp(milliseconds: began + Int64(random % age)))
        if ordinal < origin.blueprint.applications.count {
            member.roles = [Role.id(1 + ordinal, in: origin)]
            return member
        }
        let size = origin.blueprint.size(of: origin.guild)
        let roles = origin.customRoleCount
        let choice = origin.blueprint.random(origin.guild, .member, -1 - ordinal)
        // In large guilds most have neither a role nor a name of their own.
        if roles > 0, choice % 100 < (size > 1000 ? 15 : 60) {
            for index in 0..<(1 + Int(choice >> 8 & 3)) {
                let role = Role.id(
                    Role.custom(Int(choice >> (16 + 8 * UInt64(index)) & 0xFF) % roles, in: origin), in: origin)
                if !member.roles.contains(role) { member.roles.append(role) }
            }
        }
        if choice >> 56 < (size > 1000 ? 8 : 38) {
            member.nick = BlueprintNames.pick(BlueprintNames.places, choice >> 4)
        }
        return member
    }
}

extension GuildEmoji: BlueprintPart {
    static func count(in origin: Blueprint.Origin) -> Int {
        origin.blueprint.count(origin.blueprint.spec.emojis, .emojis, in: origin.guild)
    }

    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake {
        origin.blueprint.id(.emoji, ordinal, in: origin.guild)
    }

    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int? {
        guard let (tag, ordinal, guild) = origin.blueprint.decode(id), guild == origin.guild, tag == .emoji else {
            return nil
        }
        return ordinal < self.count(in: origin) ? ordinal : nil
    }

    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> GuildEmoji {
        let random = origin.blueprint.random(origin.guild, .emoji, ordinal)
        return GuildEmoji(
            id: Self.id(ordinal, in: origin), name: "emoji_\(ordinal)", isAnimated: random % 5 == 0)
    }
}

extension GuildSticker: BlueprintPart {
    static func count(in origin: Blueprint.Origin) -> Int {
        Int(origin.blueprint.random(origin.guild, .stickers) % 4)
    }

    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake {
        origin.blueprint.id(.sticker, ordinal, in: origin.guild)
    }

    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int? {
        guard let (tag, ordinal, guild) = origin.blueprint.decode(id), guild == origin.guild, tag == .sticker else {
            return nil
        }
        return ordinal < self.count(in: origin) ? ordinal : nil
    }

    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> GuildSticker {
        GuildSticker(
            id: Self.id(ordinal, in: origin), guildID: origin.guildID, name: "sticker_\(ordinal)", tags: "wave")
    }
}

/// Every seventh of the first people is in a voice channel, at most 60 and a fortieth of all.
extension VoiceState: BlueprintPart {
    private static let step = 7
    private static let first = 3

    static func count(in origin: Blueprint.Origin) -> Int {
        guard origin.channelCount > 1 else { return 0 }
        let size = origin.blueprint.size(of: origin.guild)
        return min(size / 40, 60)
    }

    private static func memberOrdinal(_ ordinal: Int, in origin: Blueprint.Origin) -> Int {
        origin.blueprint.applications.count + Self.first + Self.step * ordinal
    }

    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake {
        Member.id(self.memberOrdinal(ordinal, in: origin), in: origin)
    }

    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int? {
        guard let member = Member.ordinal(of: id, in: origin) else { return nil }
        let place = member - origin.blueprint.applications.count - Self.first
        guard place >= 0, place % Self.step == 0, place / Self.step < self.count(in: origin) else { return nil }
        return place / Self.step
    }

    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> VoiceState {
        let random = origin.blueprint.random(origin.guild, .voice, ordinal)
        let wanted = Int(random % UInt64(max(origin.channelCount, 1)))
        let channel = origin.channelKind(wanted) == .voice ? wanted : 1
        return VoiceState(
            userID: Self.id(ordinal, in: origin),
            channelID: origin.blueprint.id(.channel, channel, in: origin.guild),
            sessionID: Blueprint.imageHash(random), isSelfMuted: random >> 8 & 1 == 0,
            isSelfDeafened: random >> 9 & 3 == 0)
    }
}
