/// One shard of a shard count, `[id, count]` on the wire.
package struct ShardID: Hashable, Sendable {
    package let id: Int
    package let count: Int

    /// `nil` unless `0 ≤ id < count`.
    package init?(id: Int, count: Int) {
        guard id >= 0, id < count else { return nil }
        self.id = id
        self.count = count
    }

    /// The shard that a guild belongs to: `(guild >> 22) % count` (Discord docs, Gateway, Sharding). A count below 1
    /// counts as 1.
    package static func shard(for guild: Snowflake, count: Int) -> Int {
        Int((guild.rawValue >> 22) % UInt64(max(count, 1)))
    }

    /// Whether this shard receives the guild's events; events without a guild go to shard 0.
    package func receives(guild: Snowflake?) -> Bool {
        guard let guild else { return self.id == 0 }
        return Self.shard(for: guild, count: self.count) == self.id
    }
}

extension ShardID: CustomStringConvertible {
    package var description: String { "\(self.id)/\(self.count)" }
}

extension ShardID: Codable {
    package init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        let id = try container.decode(Int.self)
        let count = try container.decode(Int.self)
        guard let shard = ShardID(id: id, count: count), container.isAtEnd else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a shard [id, count]")
        }
        self = shard
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(self.id)
        try container.encode(self.count)
    }
}
