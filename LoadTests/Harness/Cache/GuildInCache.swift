import GuildCache
import NIOCore
import Redis

/// A guild as it lies in Redis, read by the layout that docs/protocol.md tells.
struct GuildInCache: Sendable {
    let id: UInt64
    var state = ""
    var unsure: Set<CacheKind> = []
    /// Kept in whole, and in part.
    var kinds: Set<CacheKind> = []
    var parts: Set<CacheKind> = []
    var memberCount: Int?
    var isIndexed = true
    /// The guild itself; nil: not there.
    var fields: ByteBuffer?
    var lists: [CacheKind: [UInt64: ByteBuffer]] = [:]
    /// By `<channel id>:<field>`.
    var notes: [String: ByteBuffer] = [:]

    init(id: UInt64) { self.id = id }

    /// Kinds that have a key of their own.
    static let hashes = CacheKind.allCases.filter { $0 != .guild }

    static func append(_ id: UInt64, _ keys: CacheKeys, to pipeline: inout RedisPipeline) {
        pipeline.append("HGETALL", .string(keys.meta(of: id)))
        pipeline.append("GET", .string(keys.guild(id)))
        pipeline.append("HGETALL", .string(keys.notes(of: id)))
        pipeline.append("SISMEMBER", .string(keys.index(bucket: CacheKeys.bucket(of: id))), .string("\(id)"))
        for kind in Self.hashes { pipeline.append("HGETALL", .string(keys.kind(kind, of: id))) }
    }

    /// - Parameter replies: to what `append` asks; nil when there is no such guild.
    init?(id: UInt64, _ replies: ArraySlice<RESPValue>) {
        var replies = replies
        self.init(id: id)
        let meta = Self.texts(replies.popFirst()).mapValues { String(buffer: $0) }
        guard let state = meta["state"] else { return nil }
        self.state = state
        self.unsure = Self.kinds(meta["unsure"])
        self.kinds = Self.kinds(meta["kinds"])
        self.parts = Self.kinds(meta["parts"])
        self.memberCount = meta["member_count"].flatMap { Int($0) }
        self.fields = replies.popFirst()?.buffer
        self.notes = Self.texts(replies.popFirst())
        self.isIndexed = replies.popFirst()?.integer == 1
        for kind in Self.hashes {
            var objects: [UInt64: ByteBuffer] = [:]
            for (key, value) in Self.texts(replies.popFirst()) { objects[UInt64(key) ?? 0] = value }
            self.lists[kind] = objects
        }
    }

    private static func kinds(_ list: String?) -> Set<CacheKind> {
        Set((list ?? "").split(separator: ",").compactMap { CacheKind(rawValue: String($0)) })
    }

    private static func texts(_ reply: RESPValue?) -> [String: ByteBuffer] {
        var fields: [String: ByteBuffer] = [:]
        for (key, value) in reply?.pairs ?? [] {
            if let key = key.string, let value = value.buffer { fields[key] = value }
        }
        return fields
    }
}
