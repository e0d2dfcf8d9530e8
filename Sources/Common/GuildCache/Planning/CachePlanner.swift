package import Discord

/// Says what a dispatch changes of a guild, by slicing: nothing is decoded, and values are Discord's own bytes.
package struct CachePlanner: Sendable {
    package let kinds: CacheKinds
    /// The bot's own user id; its application's until READY tells.
    package var user: UInt64

    package init(kinds: CacheKinds, user: UInt64) {
        self.kinds = kinds
        self.user = user
    }

    /// - Parameter bytes: `d`, which has been checked.
    /// - Returns: `nil` when nothing of the guild that is kept changes.
    package func plan(_ event: CacheEvent, _ bytes: UnsafeRawBufferPointer) throws(SliceError) -> CachePlan? {
        let data = JSONSlice(checked: bytes)
        switch event {
        case .guildCreate: return try self.guildCreate(data)
        case .guildUpdate: return try self.guildUpdate(data)
        case .guildDelete:
            return CachePlan(
                try data.member("unavailable")?.isTrue == true ? .unavailable : .gone, subject: .init(.guild, 0))
        case .channelCreate, .channelUpdate: return try self.upsert(.channels, data, key: "id")
        case .channelDelete:
            guard let id = try data.member("id")?.id else { return nil }
            return CachePlan(.update, [.removeChannel(id)], subject: .init(.channels, id))
        case .channelPinsUpdate:
            return try self.note(.lastPinTimestamp, data, channel: "channel_id", value: "last_pin_timestamp")
        case .voiceChannelStatusUpdate: return try self.note(.status, data, channel: "id", value: "status")
        case .voiceChannelStartTimeUpdate:
            return try self.note(.voiceStartTime, data, channel: "id", value: "voice_start_time")
        case .channelInfo: return try self.channelInfo(data)
        case .threadCreate, .threadUpdate: return try self.thread(data)
        case .threadDelete: return try self.remove(.threads, data, key: "id")
        case .threadListSync: return try self.threadListSync(data)
        case .threadMemberUpdate:
            guard self.kinds.keeps(.threads), let id = try data.member("id")?.id else { return nil }
            return CachePlan(.update, [.putOwnThreads([CacheEntry(id: id, value: .slice(data.range))])])
        case .threadMembersUpdate: return try self.threadMembersUpdate(data)
        case .roleCreate, .roleUpdate:
            guard let role = try data.member("role") else { return nil }
            return try self.upsert(.roles, role, key: "id")
        case .roleDelete: return try self.remove(.roles, data, key: "role_id")
        case .emojisUpdate: return try self.replace(.emojis, data, list: "emojis")
        case .stickersUpdate: return try self.replace(.stickers, data, list: "stickers")
        case .memberAdd, .memberUpdate, .memberRemove, .membersChunk, .messageCreate:
            return try self.memberPlan(event, data)
        case .voiceStateUpdate: return try self.voiceState(data)
        case .presenceUpdate: return try self.presence(data)
        case .stageCreate, .stageUpdate: return try self.upsert(.stages, data, key: "id")
        case .stageDelete: return try self.remove(.stages, data, key: "id")
        case .eventCreate, .eventUpdate: return try self.upsert(.events, data, key: "id")
        case .eventDelete: return try self.remove(.events, data, key: "id")
        case .soundCreate, .soundUpdate: return try self.upsert(.sounds, data, key: "sound_id")
        case .soundDelete: return try self.remove(.sounds, data, key: "sound_id")
        case .soundsUpdate, .sounds: return try self.replace(.sounds, data, list: "soundboard_sounds", key: "sound_id")
        }
    }

    // MARK: What many events have in common

    private func upsert(
        _ kind: CacheKind, _ object: JSONSlice, key: StaticString
    ) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(kind), let id = try object.member(key)?.id else { return nil }
        return CachePlan(
            .update, [.put(kind, [CacheEntry(id: id, value: .slice(object.range))])], subject: .init(kind, id))
    }

    private func remove(_ kind: CacheKind, _ data: JSONSlice, key: StaticString) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(kind), let id = try data.member(key)?.id else { return nil }
        return CachePlan(.update, [.remove(kind, [id])], subject: .init(kind, id))
    }

    private func replace(
        _ kind: CacheKind, _ data: JSONSlice, list: StaticString, key: StaticString = "id"
    ) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(kind), let list = try data.member(list) else { return nil }
        return CachePlan(.update, [.replace(kind, try Self.entries(of: list, key: key))])
    }

    private func note(
        _ field: ChannelNote, _ data: JSONSlice, channel: StaticString, value: StaticString
    ) throws(SliceError) -> CachePlan? {
        guard let id = try data.member(channel)?.id else { return nil }
        let value = try data.member(value).map { CacheValue.slice($0.range) } ?? .pieces([.text("null")])
        return CachePlan(.update, [.note(channel: id, field: field, value: value)])
    }

    /// The elements of a list that have an id.
    static func entries(of list: JSONSlice, key: StaticString = "id") throws(SliceError) -> [CacheEntry] {
        var entries: [CacheEntry] = []
        try list.forEachElement { (element) throws(SliceError) in
            guard let id = try element.member(key)?.id else { return }
            entries.append(CacheEntry(id: id, value: .slice(element.range)))
        }
        return entries
    }

    // MARK: Channels and threads

    private func channelInfo(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        var operations: [CacheOperation] = []
        try data.member("channels")?.forEachElement { (channel) throws(SliceError) in
            guard let id = try channel.member("id")?.id else { return }
            if let status = try channel.member("status") {
                operations.append(.note(channel: id, field: .status, value: .slice(status.range)))
            }
            if let time = try channel.member("voice_start_time") {
                operations.append(.note(channel: id, field: .voiceStartTime, value: .slice(time.range)))
            }
        }
        return operations.isEmpty ? nil : CachePlan(.update, operations)
    }

    private func thread(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(.threads), let id = try data.member("id")?.id else { return nil }
        var plan = CachePlan(.update, subject: .init(.threads, id))
        if try Self.isArchived(data) {
            plan.operations = [.remove(.threads, [id])]
        } else {
            plan.operations = try Self.threads([data])
        }
        return plan
    }

    private static func isArchived(_ thread: JSONSlice) throws(SliceError) -> Bool {
        try thread.member("thread_metadata")?.member("archived")?.isTrue == true
    }

    /// Threads that go on, with the bot's own membership where they tell it.
    static func threads(_ threads: [JSONSlice]) throws(SliceError) -> [CacheOperation] {
        var entries: [CacheEntry] = []
        var own: [CacheEntry] = []
        for thread in threads {
            guard let id = try thread.member("id")?.id, try !Self.isArchived(thread) else { continue }
            entries.append(CacheEntry(id: id, value: .slice(thread.range)))
            if let member = try thread.member("member"), member.isObject {
                own.append(CacheEntry(id: id, value: .slice(member.range)))
            }
        }
        var operations: [CacheOperation] = []
        if !entries.isEmpty { operations.append(.put(.threads, entries)) }
        if !own.isEmpty { operations.append(.putOwnThreads(own)) }
        return operations
    }

    private func threadListSync(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(.threads) else { return nil }
        var parents: [UInt64]?
        if let list = try data.member("channel_ids"), list.isArray {
            var ids: [UInt64] = []
            try list.forEachElement { (id) throws(SliceError) in
                if let id = id.id { ids.append(id) }
            }
            parents = ids
        }
        var operations: [CacheOperation] = [.removeThreads(ofParents: parents)]
        var threads: [JSONSlice] = []
        try data.member("threads")?.forEachElement { (thread) throws(SliceError) in threads.append(thread) }
        operations += try Self.threads(threads)
        if let members = try data.member("members") {
            let own = try Self.entries(of: members)
            if !own.isEmpty { operations.append(.putOwnThreads(own)) }
        }
        return CachePlan(.update, operations)
    }

    private func threadMembersUpdate(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(.threads), let thread = try data.member("id")?.id else { return nil }
        var operations: [CacheOperation] = []
        try data.member("added_members")?.forEachElement { (member) throws(SliceError) in
            guard try member.member("user_id")?.id == self.user else { return }
            operations.append(.putOwnThreads([CacheEntry(id: thread, value: .slice(member.range))]))
        }
        try data.member("removed_member_ids")?.forEachElement { (id) throws(SliceError) in
            if id.id == self.user { operations.append(.removeOwnThread(thread)) }
        }
        return operations.isEmpty ? nil : CachePlan(.update, operations)
    }
}
