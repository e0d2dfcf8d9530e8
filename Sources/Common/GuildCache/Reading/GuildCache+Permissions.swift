package import Discord
import NIOCore

extension GuildCache {
    /// What a member may do in a channel or thread, or, without one, in the guild as a whole (discord docs,
    /// Permissions). Of a private thread the parent's permissions are told: whether somebody is in it is not known.
    ///
    /// - Parameter now: milliseconds since 1970, for timeouts.
    /// - Returns: `.absent` when there is no such member or channel; `.unsure` when anything that it was computed from
    ///   may be out of date; `.unknown` when something that it needs is not kept.
    package func permissions(
        of user: Snowflake, in channel: Snowflake?, of guild: Guild, now: Int64
    ) async throws -> CacheAnswer<Permissions> {
        var certainty = Certainty.known
        guard
            let member: CachedMember = certainty.take(
                try await self.read([Item(kind: .members, id: user)], of: guild)[0].map(Self.decode))
        else {
            return certainty.answer(nil)
        }
        let permissions = try await self.permissions(of: member, in: channel, of: guild, now: now)
        return certainty.joined(permissions)
    }

    /// The same for a member that an event showed.
    package func permissions(
        of member: CachedMember, in channel: Snowflake?, of guild: Guild, now: Int64
    ) async throws -> CacheAnswer<Permissions> {
        var certainty = Certainty.known
        let roles = [guild.id] + member.roles
        var items = [Item(kind: .guild, id: guild.id)] + roles.map { Item(kind: .roles, id: $0) }
        if let channel { items += [Item(kind: .channels, id: channel), Item(kind: .threads, id: channel)] }
        let answers = try await self.read(items, of: guild)
        guard let object: CachedGuild = certainty.take(try answers[0].map(Self.decode)) else {
            return certainty.answer(nil)
        }
        if member.user.id == object.ownerID { return certainty.answer(.all) }
        var permissionsOfRoles: [Snowflake: Permissions] = [:]
        for (id, answer) in zip(roles, answers.dropFirst()) {
            // A role that is gone is passed over; Discord takes it from members without an event for each.
            if let role: CachedRole = certainty.takeOptional(try answer.map(Self.decode)) {
                permissionsOfRoles[id] = role.permissions
            }
        }
        let base = Permissions.base(
            guild: guild.id, owner: object.ownerID, member: member.user.id, roles: member.roles
        ) { permissionsOfRoles[$0] }
        var overwrites: [PermissionOverwrite] = []
        if let channel {
            guard
                let found = try await self.overwrites(
                    of: channel, answers.suffix(2), guild: guild, certainty: &certainty)
            else { return certainty.answer(nil) }
            overwrites = found
        }
        return certainty.answer(
            Permissions.effective(
                base: base, guild: guild.id, member: member.user.id, roles: member.roles, overwrites: overwrites,
                isTimedOut: member.isTimedOut(now: now)))
    }

    /// Those of the channel, or of a thread's parent.
    private func overwrites(
        of channel: Snowflake, _ answers: ArraySlice<CacheAnswer<ByteBuffer>>, guild: Guild, certainty: inout Certainty
    ) async throws -> [PermissionOverwrite]? {
        guard let asChannel = answers.first, let asThread = answers.last else { return nil }
        if let found = asChannel.value {
            let channel: CachedChannel = try Self.decode(found)
            certainty.note(asChannel)
            return channel.overwrites ?? []
        }
        guard let found = asThread.value else {
            // Neither is there: as certain as the less certain of the two.
            certainty.note(asChannel)
            certainty.note(asThread)
            return nil
        }
        certainty.note(asThread)
        let thread: CachedChannel = try Self.decode(found)
        guard let parent = thread.parentID else { return nil }
        let answer = try await self.read([Item(kind: .channels, id: parent)], of: guild)[0]
        guard let channel: CachedChannel = certainty.take(try answer.map(Self.decode)) else { return nil }
        return channel.overwrites ?? []
    }
}

/// How far an answer out of several can be relied on: as far as the worst of them.
private enum Certainty: Int {
    case known, absent, unsure, unknown

    mutating func note(_ answer: CacheAnswer<some Any>) {
        let other: Certainty =
            switch answer {
            case .known: .known
            case .absent: .absent
            case .unsure: .unsure
            case .unknown: .unknown
            }
        if other.rawValue > self.rawValue { self = other }
    }

    mutating func take<Value>(_ answer: CacheAnswer<Value>) -> Value? {
        self.note(answer)
        return answer.value
    }

    /// What may be missing.
    mutating func takeOptional<Value>(_ answer: CacheAnswer<Value>) -> Value? {
        if case .absent = answer { return nil }
        return self.take(answer)
    }

    func answer<Value>(_ value: Value?) -> CacheAnswer<Value> {
        switch self {
        case .known: value.map { .known($0) } ?? .absent
        case .absent: .absent
        case .unsure: .unsure(value)
        case .unknown: .unknown
        }
    }

    func joined<Value>(_ answer: CacheAnswer<Value>) -> CacheAnswer<Value> {
        var both = self
        both.note(answer)
        return both.answer(answer.value)
    }
}
