/// Which of two sessions of a guild's shard is the later one. A session that another process goes on with comes later
/// than its beginning; a script that knows both as the same session compares sequence numbers instead.
package struct CacheOrder: Sendable, Hashable, Comparable {
    package let generation: Int
    /// Of the slot's grant: only grows for a slot.
    package let epoch: Int64
    /// Sessions begun under the grant; 0 for one that was there before.
    package let ordinal: Int

    package init(generation: Int, epoch: Int64, ordinal: Int) {
        self.generation = generation
        self.epoch = epoch
        self.ordinal = ordinal
    }

    package static func < (first: CacheOrder, second: CacheOrder) -> Bool {
        (first.generation, first.epoch, first.ordinal) < (second.generation, second.epoch, second.ordinal)
    }

    /// Sorts as text as the values do; the generation is its first six characters.
    package var text: String {
        Self.padded(Int64(self.generation), 6) + "." + Self.padded(self.epoch, 16) + "."
            + Self.padded(Int64(self.ordinal), 6)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(max(0, value))
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// How new a write is.
package struct CacheVersion: Sendable, Hashable {
    package let order: CacheOrder
    /// Discord's session id.
    package let session: String
    package let sequence: Int64

    package init(order: CacheOrder, session: String, sequence: Int64) {
        self.order = order
        self.session = session
        self.sequence = sequence
    }
}
