import Discord
import GuildCache
import NIOCore

/// A guild as the sandbox' model says that a bot should know it.
struct ModelGuild: Sendable {
    let id: UInt64
    var isUnavailable = false
    var memberCount: Int?
    /// The guild itself, without lists and without what the cache keeps beside it.
    var fields: JSONTree = .object([:])
    /// By kind and id, as written. Members are asked for apart.
    var lists: [CacheKind: [UInt64: ByteBuffer]] = [:]

    init(id: UInt64) { self.id = id }

    /// Lists of GUILD_CREATE, and the keys that lead to their elements' ids.
    private static let lists: [String: (kind: CacheKind, id: [StaticString])] = [
        "channels": (.channels, ["id"]), "roles": (.roles, ["id"]), "emojis": (.emojis, ["id"]),
        "stickers": (.stickers, ["id"]), "threads": (.threads, ["id"]), "voice_states": (.voice, ["user_id"]),
        "stage_instances": (.stages, ["id"]), "guild_scheduled_events": (.events, ["id"]),
        "soundboard_sounds": (.sounds, ["sound_id"]),
    ]
    /// What the cache keeps beside the guild, elsewhere, or not at all.
    static let apart: Set<String> = [
        "members", "presences", "member_count", "joined_at", "large", "unavailable", "guild_id",
    ]

    /// - Parameter answer: of `GET /sandbox/v1/model/guilds/{id}`.
    init(_ answer: ByteBuffer) throws(SliceError) {
        self = try answer.readableBytesView.sliced { (slice) throws(SliceError) in
            var guild = ModelGuild(id: try slice.member("id")?.id ?? 0)
            guild.isUnavailable = try slice.member("unavailable")?.isTrue ?? false
            var fields: [String: JSONTree] = [:]
            try slice.member("create")?.forEachMember { (key, value) throws(SliceError) in
                let name = slice.name(key)
                if let (kind, path) = Self.lists[name] {
                    guild.lists[kind] = try value.copies(by: path, from: answer)
                } else if name == "member_count" {
                    guild.memberCount = value.id.map { Int(clamping: $0) }
                } else if !Self.apart.contains(name) {
                    fields[name] = try JSONTree(value)
                }
            }
            guild.fields = .object(fields)
            return guild
        }
    }

    /// - Parameter answer: of `GET /sandbox/v1/model/guilds/{id}/members`.
    mutating func addMembers(_ answer: ByteBuffer) throws(SliceError) {
        let members = try answer.readableBytesView.sliced { (slice) throws(SliceError) in
            try slice.member("members")?.copies(by: ["user", "id"], from: answer) ?? [:]
        }
        self.lists[.members, default: [:]].merge(members) { $1 }
    }
}

extension JSONSlice {
    /// An array's elements by their ids.
    ///
    /// - Parameter whole: the buffer that this lies in, from its first byte.
    fileprivate func copies(
        by path: [StaticString], from whole: ByteBuffer
    ) throws(SliceError) -> [UInt64: ByteBuffer] {
        var found: [UInt64: ByteBuffer] = [:]
        try self.forEachElement { (element) throws(SliceError) in
            var place: JSONSlice? = element
            for name in path { place = try place?.member(name) }
            guard let id = place?.id else { return }
            found[id] = whole.getSlice(at: whole.readerIndex + element.range.lowerBound, length: element.range.count)
        }
        return found
    }
}
