/// Which ordered partition an event belongs to. It depends on the guild alone, never on the shard count.
struct LanePartition: Sendable, Equatable {
    /// Fixed for the life of a cluster.
    let count: Int

    init(count: Int) { self.count = max(1, count) }

    /// `(guild >> 22) mod count`; without a guild by the channel; without either by the shard.
    func lane(guild: UInt64?, channel: UInt64?, shard: Int) -> Int {
        if let id = guild ?? channel { return Int((id >> 22) % UInt64(self.count)) }
        return shard % self.count
    }
}
