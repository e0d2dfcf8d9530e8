import Discord

/// Guilds by id: those of a blueprint in which nothing has changed are made when asked for.
struct GuildTable: Sendable {
    var blueprint: Blueprint?
    private var kept: [Snowflake: Guild] = [:]

    subscript(id: Snowflake) -> Guild? {
        _read {
            // Read and changed where it lies: whoever holds a copy makes each change copy its tables.
            if let index = self.kept.index(forKey: id) {
                yield self.kept.values[index]
            } else {
                yield self.original(id)
            }
        }
        _modify {
            if self.kept[id] == nil { self.kept[id] = self.original(id) }
            yield &self.kept[id]
        }
    }

    private func original(_ id: Snowflake) -> Guild? {
        guard let blueprint, let (tag, _, guild) = blueprint.decode(id), tag == .guild else { return nil }
        return Guild(Blueprint.Origin(blueprint: blueprint, guild: guild))
    }

    /// All ids, ascending.
    var keys: [Snowflake] {
        let others = self.kept.values.filter { $0.origin == nil }.map(\.id)
        let originals = (0..<(self.blueprint?.guildCount ?? 0)).compactMap { self.blueprint?.guildID($0) }
        return others.isEmpty ? originals : (originals + others).sorted()
    }

    var count: Int {
        (self.blueprint?.guildCount ?? 0) + self.kept.values.count { $0.origin == nil }
    }

    /// The ids of the guilds that the user is in, ascending.
    ///
    /// - Parameter isIncluded: which guilds to look at.
    func ids(of user: Snowflake, where isIncluded: (Snowflake) -> Bool = { _ in true }) -> [Snowflake] {
        var ids: [Snowflake] = []
        if let blueprint {
            let isEverywhere = blueprint.applications.contains(user)
            let person = isEverywhere ? nil : blueprint.person(user)
            for guild in 0..<blueprint.guildCount {
                let id = blueprint.guildID(guild)
                guard isIncluded(id) else { continue }
                if let kept = self.kept[id] {
                    if kept.members.contains(user) { ids.append(id) }
                } else if isEverywhere || person.map({ blueprint.place(of: $0, in: guild) != nil }) ?? false {
                    ids.append(id)
                }
            }
        }
        let others = self.kept.values
            .filter { $0.origin == nil && $0.members.contains(user) && isIncluded($0.id) }.map(\.id)
        return others.isEmpty ? ids : (ids + others).sorted()
    }
}

/// Channels and threads by id, direct channels too.
struct ChannelTable: Sendable {
    var blueprint: Blueprint?
    private var kept: [Snowflake: Channel] = [:]
    private var removed: Set<Snowflake> = []
    /// The last message of channels that are otherwise as their blueprint made them.
    private var lastMessages: [Snowflake: Snowflake] = [:]

    subscript(id: Snowflake) -> Channel? {
        get { self.kept[id] ?? self.original(id) }
        _modify {
            if self.kept[id] == nil { self.kept[id] = self.original(id) }
            yield &self.kept[id]
            if self.kept[id] != nil {
                self.removed.remove(id)
                self.lastMessages[id] = nil
            } else if self.blueprint?.decode(id) != nil {
                self.removed.insert(id)
            }
        }
    }

    private func original(_ id: Snowflake) -> Channel? {
        guard let blueprint, let (tag, ordinal, guild) = blueprint.decode(id), !self.removed.contains(id) else {
            return nil
        }
        let origin = Blueprint.Origin(blueprint: blueprint, guild: guild)
        var channel = tag == .channel ? origin.channel(ordinal) : tag == .thread ? origin.thread(ordinal) : nil
        if channel != nil, let last = self.lastMessages[id] { channel?.lastMessageID = last }
        return channel
    }

    /// A message came into the channel.
    mutating func setLastMessage(_ message: Snowflake, of channel: Snowflake) {
        if self.kept[channel] != nil {
            self.kept[channel]?.lastMessageID = message
        } else if self.blueprint?.decode(channel) != nil, !self.removed.contains(channel) {
            self.lastMessages[channel] = message
        }
    }

    /// Channels between people, in no order.
    var direct: [Channel] { self.kept.values.filter { $0.kind == .direct } }
}

/// Users by id: people of a blueprint are made when asked for.
struct UserTable: Sendable {
    var blueprint: Blueprint?
    private var kept: [Snowflake: User] = [:]

    subscript(id: Snowflake) -> User? {
        get {
            if let user = self.kept[id] { return user }
            guard let blueprint, let person = blueprint.person(id) else { return nil }
            return blueprint.user(person)
        }
        set { self.kept[id] = newValue }
    }
}
