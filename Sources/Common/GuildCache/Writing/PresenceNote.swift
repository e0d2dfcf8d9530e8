package import NIOCore
package import Redis

/// What a command told a slot to show, noted for the slot's next owner: the shard's field in a hash of its generation,
/// `<epoch of the owner> <op 3's body>`, with `null` for nothing.
package struct PresenceNote: Sendable {
    package let key: String
    private let shard: RedisArgument

    package init(_ keys: CacheKeys, generation: Int, shard: Int) {
        self.key = keys.presences(generation: generation)
        self.shard = .integer(Int64(shard))
    }

    package func appendRead(to pipeline: inout RedisPipeline) {
        pipeline.append("HGET", .string(self.key), self.shard)
    }

    /// The presence in a reply to what ``appendRead(to:)`` appends; `nil` without one.
    package static func presence(in reply: RESPValue) -> ByteBuffer? {
        guard let note = reply.buffer?.readableBytesView, let space = note.firstIndex(of: UInt8(ascii: " ")) else {
            return nil
        }
        let presence = note[note.index(after: space)...]
        return presence.elementsEqual("null".utf8) ? nil : ByteBuffer(presence)
    }

    /// - Parameter presence: nil: none.
    package func appendWrite(_ presence: ByteBuffer?, epoch: Int64, to pipeline: inout RedisPipeline) {
        pipeline.append(
            CacheScripts.notePresence, keys: [.string(self.key)],
            arguments: [self.shard, .integer(epoch), presence.map { .buffer($0) } ?? "null"])
    }
}

extension CacheScripts {
    /// Notes a presence, unless a later owner of the slot has noted one.
    ///
    /// KEYS[1]: the presences of a generation. ARGV: the shard, the owner's epoch, the presence. Answers 1 when it was
    /// noted.
    static let notePresence = RedisScript(
        """
        local noted = redis.call('HGET', KEYS[1], ARGV[1])
        if noted and (tonumber(string.match(noted, '^%d+')) or 0) > tonumber(ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
        return 1
        """)
}
