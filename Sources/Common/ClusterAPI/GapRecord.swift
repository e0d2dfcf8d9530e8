package import Discord

/// The `d` of the line that every lane gets when a session is lost (docs/protocol.md).
package struct GapRecord: Sendable, Codable, Equatable {
    /// The line's `t`. Discord has no such event.
    package static let eventName = EventName(rawValue: "FLOTILLA_GAP")

    package let application: Snowflake
    package let generation: Int
    package let shard: Int
    package let numShards: Int
    /// Discord's id of the lost session.
    package let session: String
    /// Events of that session after this sequence number may be missing.
    package let after: Int64
    package let reason: String

    package init(slot: Slot, gap: SessionGap) {
        self.application = slot.application
        self.generation = slot.generation
        self.shard = slot.shard
        self.numShards = gap.numShards
        self.session = gap.session
        self.after = gap.after
        self.reason = gap.reason
    }

    private enum CodingKeys: String, CodingKey {
        case application, generation, shard, session, after, reason
        case numShards = "num_shards"
    }
}
