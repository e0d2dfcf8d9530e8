import Discord
package import NIOCore
package import Redis

/// What REST tells of a guild, on its way into the cache: it loses against everything that was written after the stamp.
package struct CacheRefill: Sendable {
    private let stamp: CacheStamp
    private let wanted: Set<CacheKind>
    private var arguments: RedisArguments
    package private(set) var kinds: Set<CacheKind> = []

    /// - Parameter kept: kinds of which everything is kept.
    package init(_ stamp: CacheStamp, kept: Set<CacheKind>) {
        self.stamp = stamp
        self.wanted = stamp.wanted(kept: kept)
        self.arguments = RedisArguments(reservingBytes: 64 << 10)
        for text in [stamp.session, stamp.created, stamp.doubts] { self.arguments.append(.string(text)) }
        let kept = CacheKind.allCases.filter(kept.contains).map(\.rawValue).joined(separator: ",")
        self.arguments.append(.string(kept))
    }

    /// `GET /guilds/{id}?with_counts=true`: the guild, its roles, emojis and stickers.
    package mutating func setGuild(_ answer: ByteBuffer) throws {
        try answer.withUnsafeReadableBytes { bytes in
            let guild = try JSONSlice(bytes)
            var object = TrimmedObject()
            var lists: [(CacheKind, JSONSlice)] = []
            var count: JSONSlice?
            try guild.forEachMember { (key, value) throws(SliceError) in
                object.leaveOut()
                if key.is("roles") {
                    lists.append((.roles, value))
                } else if key.is("emojis") {
                    lists.append((.emojis, value))
                } else if key.is("stickers") {
                    lists.append((.stickers, value))
                } else if key.is("approximate_member_count") {
                    count = value
                } else if !key.is("approximate_presence_count") {
                    object.keep(key, value)
                }
            }
            if self.begin(.guild, count: 1) { object.value.write(from: bytes, to: &self.arguments) }
            for (kind, list) in lists {
                self.set(kind, try CachePlanner.entries(of: list), from: bytes)
            }
            if let count = count?.id {
                self.arguments.append("member_count")
                self.arguments.append(RedisArgument(count))
            }
        }
    }

    /// A list of objects, each with its id.
    ///
    /// - Parameter member: where the list is in the answer; `nil`: it is the answer.
    package mutating func setList(
        _ kind: CacheKind, _ answer: ByteBuffer, member: StaticString? = nil, key: StaticString = "id"
    ) throws {
        try answer.withUnsafeReadableBytes { bytes in
            var list: JSONSlice? = try JSONSlice(bytes)
            if let member { list = try list?.member(member) }
            guard let list, list.isArray else { return }
            self.set(kind, try CachePlanner.entries(of: list, key: key), from: bytes)
        }
    }

    private mutating func set(_ kind: CacheKind, _ entries: [CacheEntry], from bytes: UnsafeRawBufferPointer) {
        guard self.begin(kind, count: entries.count * 2) else { return }
        for entry in entries {
            self.arguments.append(RedisArgument(entry.id))
            entry.value.write(from: bytes, to: &self.arguments)
        }
    }

    private mutating func begin(_ kind: CacheKind, count: Int) -> Bool {
        guard self.wanted.contains(kind), self.kinds.insert(kind).inserted else { return false }
        self.arguments.append(.string(kind.rawValue))
        self.arguments.append(.string(self.stamp.changes[kind] ?? ""))
        self.arguments.append(RedisArgument(count))
        return true
    }

    /// The reply is an array: kinds that were put, then those that are unsure still; empty when too much has changed.
    package func append(to pipeline: inout RedisPipeline, guild: UInt64, _ keys: CacheKeys) {
        pipeline.append(CacheScripts.refill, keys: [.string(keys.guild(guild))], arguments: self.arguments)
    }

    /// Removes a guild that Discord does not know.
    package static func appendForget(
        _ guild: UInt64, _ stamp: CacheStamp, _ keys: CacheKeys, to pipeline: inout RedisPipeline
    ) {
        pipeline.append(
            CacheScripts.forget, keys: [.string(keys.guild(guild))],
            arguments: [.string(stamp.session), .string(stamp.created), .string(stamp.doubts)])
    }
}
