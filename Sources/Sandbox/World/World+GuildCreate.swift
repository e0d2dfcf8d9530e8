import Discord
import NIOCore

/// How much of a guild's members a session is shown (Discord docs, Guild Create).
enum MemberView: Sendable, Equatable {
    /// - Parameters:
    ///   - seesPresences: whether the session has GUILD_PRESENCES.
    ///   - largeThreshold: as Identify told it.
    case bot(seesPresences: Bool, largeThreshold: Int)
    case person

    /// Guilds above this show no member but the bot itself and those in voice channels.
    static let mostMembers = 75_000
    /// Members that a person's GUILD_CREATE holds at most.
    static let personLimit = 1000
}

extension World {
    /// The body of GUILD_CREATE, or of GUILD_DELETE for a guild in an outage. A person sees only the channels that they
    /// may view; a bot sees all, as at Discord.
    func guildCreate(_ guild: Guild, for user: Snowflake, _ view: MemberView) -> ByteBuffer {
        var writer = JSONWriter(capacity: 8192)
        writer.raw("{")
        if guild.isUnavailable {
            writer.raw("\"id\":")
            writer.id(guild.id)
            writer.raw(",\"unavailable\":true}")
            return writer.bytes
        }
        guild.writeFields(to: &writer)
        let members = self.shownMembers(of: guild, to: user, view)
        let threshold = if case .bot(_, let threshold) = view { threshold } else { 250 }
        writer.raw(",\"joined_at\":")
        writer.time(guild.members[user]?.joinedAt)
        writer.raw(",\"large\":")
        writer.bool(guild.members.count > threshold)
        writer.raw(",\"unavailable\":false,\"member_count\":")
        writer.integer(guild.members.count)
        writer.raw(",\"voice_states\":")
        writer.list(guild.voiceStates.values) {
            $1.write(guild: nil, channel: $1.channelID, member: nil, to: &$0)
        }
        writer.raw(",\"members\":")
        writer.list(members) { writer, member in
            member.write(user: self.users[member.userID] ?? Self.deleted(member.userID), to: &writer)
        }
        writer.raw(",\"channels\":")
        let isBot = view != .person
        writer.list(
            self.channels(of: guild).filter { isBot || self.permissions(of: user, in: $0).contains(.viewChannel) }
        ) { $1.write(to: &$0) }
        writer.raw(",\"threads\":")
        writer.list(self.activeThreads(of: guild, for: user)) { $1.write(to: &$0) }
        writer.raw(",\"presences\":")
        if case .bot(seesPresences: true, _) = view {
            let presences = members.compactMap { member in
                guild.presence(of: member.userID).map { (user: member.userID, presence: $0) }
            }.filter { $0.presence.status != .offline }
            writer.list(presences) { $1.presence.write(of: $1.user, guild: guild.id, to: &$0) }
        } else {
            writer.raw("[]")
        }
        writer.raw(",\"stage_instances\":[],\"guild_scheduled_events\":[],\"soundboard_sounds\":[]}")
        return writer.bytes
    }

    /// Bots with presences see all members of a small guild; of a larger one those who are online or have a role, a
    /// nickname or a voice channel.
    func shownMembers(of guild: Guild, to user: Snowflake, _ view: MemberView) -> [Member] {
        var members: [Member] = []
        switch view {
        case .person where guild.members.count <= MemberView.personLimit: members = guild.members.values
        case .bot(seesPresences: true, let threshold) where guild.members.count <= threshold:
            members = guild.members.values
        case .bot(seesPresences: true, _) where guild.members.count <= MemberView.mostMembers:
            guild.members.forEach { member in
                let isShown =
                    member.nick != nil || !member.roles.isEmpty || member.userID == user
                    || guild.presence(of: member.userID).map { $0.status != .offline } ?? false
                    || guild.voiceStates.contains(member.userID)
                if isShown { members.append(member) }
            }
        case .bot, .person:
            if let own = guild.members[user] { members = [own] }
            members += guild.voiceStates.keys.filter { $0 != user }.compactMap { guild.members[$0] }
        }
        return guild.origin == nil ? members.sorted { $0.userID < $1.userID } : members
    }

    /// The threads that are not archived and that the user may view, by id.
    func activeThreads(of guild: Guild, for user: Snowflake) -> [Channel] {
        guild.threadIDs.all.compactMap { self.channels[$0] }.filter {
            !($0.thread?.isArchived ?? true) && self.permissions(of: user, in: $0).contains(.viewChannel)
        }.sorted { $0.id < $1.id }
    }

    /// The guild's object as REST and GUILD_UPDATE show it.
    ///
    /// - Parameter withCounts: adds the approximate counts of members and presences.
    func guildObject(_ guild: Guild, withCounts: Bool = false) -> ByteBuffer {
        var writer = JSONWriter(capacity: 4096)
        writer.raw("{")
        guild.writeFields(to: &writer)
        if withCounts {
            writer.raw(",\"approximate_member_count\":")
            writer.integer(guild.members.count)
            writer.raw(",\"approximate_presence_count\":")
            writer.integer(guild.members.count)
        }
        writer.raw("}")
        return writer.bytes
    }

    /// What is shown of somebody whom nothing is known of.
    static func deleted(_ id: Snowflake) -> User { User(id: id, username: "deleted_user") }
}
