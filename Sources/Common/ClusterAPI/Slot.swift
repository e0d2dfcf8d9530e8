package import Discord

/// What is assigned: one shard of one generation (shard count) of one application.
package struct Slot: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package let application: Snowflake
    /// Numbered from 1; a reshard starts the next.
    package let generation: Int
    /// 0 ..< the generation's shard count.
    package let shard: Int

    package init(application: Snowflake, generation: Int, shard: Int) {
        self.application = application
        self.generation = generation
        self.shard = shard
    }

    package static func < (first: Slot, second: Slot) -> Bool {
        (first.application, first.generation, first.shard) < (second.application, second.generation, second.shard)
    }

    package var description: String { "\(self.application).\(self.generation).\(self.shard)" }
}
