import Discord

extension CachePlanner {
    func guildCreate(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        var object = TrimmedObject()
        var operations: [CacheOperation] = []
        var isUnavailable = false
        var known = 0
        var memberCount: UInt64?
        try data.forEachMember { (key, value) throws(SliceError) in
            object.leaveOut()
            if key.is("unavailable") {
                isUnavailable = value.isTrue
            } else if let fact = Self.fact(key) {
                operations.append(.setFact(fact, .slice(value.range)))
                if fact == .memberCount { memberCount = value.id }
            } else if let list = Self.list(key) {
                let put = try self.operations(of: list, value)
                if case .put(.members, let entries)? = put.first { known = entries.count }
                operations += put
            } else {
                object.keep(key, value)
            }
        }
        // `{id, unavailable: true}` in an outage: nothing is known of the guild but that it is there.
        if isUnavailable { return CachePlan(.unavailable) }
        operations.insert(.setGuild(object.value), at: 0)
        var plan = CachePlan(.create, operations)
        if self.kinds.members == .all, memberCount.map({ $0 > UInt64(known) }) ?? true {
            plan.lacksMembers = true
            plan.operations.append(.doubt(.members))
        }
        return plan
    }

    func guildUpdate(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        var object = TrimmedObject()
        var operations: [CacheOperation] = []
        try data.forEachMember { (key, value) throws(SliceError) in
            object.leaveOut()
            if key.is("unavailable") { return }
            if let fact = Self.fact(key) {
                operations.append(.setFact(fact, .slice(value.range)))
            } else if let list = Self.list(key) {
                // A guild without its emojis says so by an empty list.
                switch list {
                case .roles, .emojis, .stickers:
                    guard self.kinds.keeps(list) else { return }
                    operations.append(.replace(list, try Self.entries(of: value)))
                case .guild, .channels, .threads, .members, .voice, .presences, .stages, .events, .sounds: return
                }
            } else {
                object.keep(key, value)
            }
        }
        operations.insert(.setGuild(object.value), at: 0)
        return CachePlan(.update, operations, subject: .init(.guild, 0))
    }

    private static func fact(_ key: JSONSlice.Key) -> GuildFact? {
        if key.is("member_count") { return .memberCount }
        if key.is("joined_at") { return .joinedAt }
        return key.is("large") ? .large : nil
    }

    /// The lists inside a guild object.
    private static func list(_ key: JSONSlice.Key) -> CacheKind? {
        if key.is("channels") { return .channels }
        if key.is("roles") { return .roles }
        if key.is("emojis") { return .emojis }
        if key.is("stickers") { return .stickers }
        if key.is("threads") { return .threads }
        if key.is("members") { return .members }
        if key.is("voice_states") { return .voice }
        if key.is("presences") { return .presences }
        if key.is("stage_instances") { return .stages }
        if key.is("guild_scheduled_events") { return .events }
        return key.is("soundboard_sounds") ? .sounds : nil
    }

    /// A list of GUILD_CREATE, whose guild is empty before.
    private func operations(of kind: CacheKind, _ list: JSONSlice) throws(SliceError) -> [CacheOperation] {
        guard self.kinds.keeps(kind) else { return [] }
        var entries: [CacheEntry]
        switch kind {
        case .threads:
            var threads: [JSONSlice] = []
            try list.forEachElement { (thread) throws(SliceError) in threads.append(thread) }
            return try Self.threads(threads)
        case .members: entries = try Self.members(of: list)
        case .voice:
            entries = []
            try list.forEachElement { (state) throws(SliceError) in
                guard let entry = try Self.voiceEntry(state) else { return }
                entries.append(entry)
            }
        case .presences:
            entries = []
            try list.forEachElement { (presence) throws(SliceError) in
                guard let id = try presence.member("user")?.member("id")?.id else { return }
                entries.append(CacheEntry(id: id, value: .slice(presence.range)))
            }
        case .sounds: entries = try Self.entries(of: list, key: "sound_id")
        case .guild, .channels, .roles, .emojis, .stickers, .stages, .events: entries = try Self.entries(of: list)
        }
        return entries.isEmpty ? [] : [.put(kind, entries)]
    }
}
