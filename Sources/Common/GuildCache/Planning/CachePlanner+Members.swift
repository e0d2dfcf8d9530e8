import Discord

extension CachePlanner {
    func memberPlan(_ event: CacheEvent, _ data: JSONSlice) throws(SliceError) -> CachePlan? {
        switch event {
        case .memberAdd:
            guard let user = try data.member("user")?.member("id")?.id else { return nil }
            var operations: [CacheOperation] = [.countMembers(by: 1, joined: user)]
            if self.kinds.keeps(.members) {
                operations.append(.put(.members, [CacheEntry(id: user, value: .slice(data.range))]))
            }
            return CachePlan(.update, operations, subject: .init(.members, user))
        case .memberUpdate:
            guard self.kinds.keeps(.members), let user = try data.member("user")?.member("id")?.id else { return nil }
            return CachePlan(
                .update, [.put(.members, [CacheEntry(id: user, value: .slice(data.range))])],
                subject: .init(.members, user))
        case .memberRemove:
            guard let user = try data.member("user")?.member("id")?.id else { return nil }
            var operations: [CacheOperation] = [.countMembers(by: -1, joined: nil)]
            for kind in [CacheKind.members, .presences] where self.kinds.keeps(kind) {
                operations.append(.remove(kind, [user]))
            }
            return CachePlan(.update, operations, subject: .init(.members, user))
        case .membersChunk: return try self.membersChunk(data)
        case .messageCreate: return try self.message(data)
        default: return nil
        }
    }

    static func members(of list: JSONSlice) throws(SliceError) -> [CacheEntry] {
        var entries: [CacheEntry] = []
        try list.forEachElement { (member) throws(SliceError) in
            guard let id = try member.member("user")?.member("id")?.id else { return }
            entries.append(CacheEntry(id: id, value: .slice(member.range)))
        }
        return entries
    }

    private func membersChunk(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        var operations: [CacheOperation] = []
        try data.forEachMember { (key, value) throws(SliceError) in
            if key.is("members") {
                guard self.kinds.keeps(.members) else { return }
                let entries = try Self.members(of: value)
                if !entries.isEmpty { operations.append(.put(.members, entries)) }
            } else if key.is("presences") {
                guard self.kinds.keeps(.presences) else { return }
                var entries: [CacheEntry] = []
                try value.forEachElement { (presence) throws(SliceError) in
                    guard let id = try presence.member("user")?.member("id")?.id else { return }
                    entries.append(CacheEntry(id: id, value: .slice(presence.range)))
                }
                if !entries.isEmpty { operations.append(.put(.presences, entries)) }
            }
        }
        return operations.isEmpty ? nil : CachePlan(.update, operations)
    }

    /// A message shows its author's membership, and is its channel's last one.
    private func message(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        guard self.kinds.members != .off || self.kinds.keepsLastMessages else { return nil }
        var author: JSONSlice?
        var member: JSONSlice?
        var channel: UInt64?
        var id: JSONSlice?
        try data.forEachMember { (key, value) throws(SliceError) in
            if key.is("author") {
                author = value
            } else if key.is("member") {
                member = value
            } else if key.is("channel_id") {
                channel = value.id
            } else if key.is("id") {
                id = value
            }
        }
        var operations: [CacheOperation] = []
        // With all members kept, their own events are enough.
        if self.kinds.members == .seen, let author, let member, let entry = try Self.member(member, of: author) {
            operations.append(.put(.members, [entry]))
        }
        if self.kinds.keepsLastMessages, let channel, let id {
            operations.append(.note(channel: channel, field: .lastMessageID, value: .slice(id.range)))
        }
        return operations.isEmpty ? nil : CachePlan(.update, operations)
    }

    /// A member as the guild's lists have it, out of one without `user` and the user beside it.
    private static func member(_ member: JSONSlice, of user: JSONSlice) throws(SliceError) -> CacheEntry? {
        guard member.isObject, let id = try user.member("id")?.id else { return nil }
        var rest: Range<Int>?
        try member.forEachMember { (key, value) throws(SliceError) in
            rest = (rest?.lowerBound ?? key.range.lowerBound)..<value.range.upperBound
        }
        var pieces: [CacheValue.Piece] = [.text("{\"user\":"), .slice(user.range)]
        if let rest { pieces += [.text(","), .slice(rest)] }
        return CacheEntry(id: id, value: .pieces(pieces + [.text("}")]))
    }

    // MARK: Voice and presence

    func voiceState(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        var operations: [CacheOperation] = []
        guard let entry = try Self.voiceEntry(data) else { return nil }
        if self.kinds.keeps(.voice) {
            let isGone = try data.member("channel_id")?.isNull ?? true
            operations.append(isGone ? .remove(.voice, [entry.id]) : .put(.voice, [entry]))
        }
        if self.kinds.members == .seen, let member = try data.member("member"), member.isObject,
            try member.member("user")?.member("id")?.id == entry.id
        {
            operations.append(.put(.members, [CacheEntry(id: entry.id, value: .slice(member.range))]))
        }
        return operations.isEmpty ? nil : CachePlan(.update, operations, subject: .init(.voice, entry.id))
    }

    /// A voice state without the member that it may show.
    static func voiceEntry(_ state: JSONSlice) throws(SliceError) -> CacheEntry? {
        var object = TrimmedObject()
        var user: UInt64?
        var showsMember = false
        try state.forEachMember { (key, value) throws(SliceError) in
            object.leaveOut()
            if key.is("member") {
                showsMember = true
                return
            }
            if key.is("user_id") { user = value.id }
            object.keep(key, value)
        }
        return user.map { CacheEntry(id: $0, value: showsMember ? object.value : .slice(state.range)) }
    }

    func presence(_ data: JSONSlice) throws(SliceError) -> CachePlan? {
        guard self.kinds.keeps(.presences), let user = try data.member("user")?.member("id")?.id else { return nil }
        let isOffline = try data.member("status")?.spells("offline") == true
        return CachePlan(
            .update,
            [
                isOffline
                    ? .remove(.presences, [user])
                    : .put(.presences, [CacheEntry(id: user, value: .slice(data.range))])
            ], subject: .init(.presences, user))
    }
}
