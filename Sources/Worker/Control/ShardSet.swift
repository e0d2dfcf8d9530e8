package import AMQP
package import ClusterAPI
package import Discord

/// The shards of one application's generation: enough to find the slot that a guild is on.
package struct ShardSet: Sendable, Hashable {
    package let application: Snowflake
    package let generation: Int
    package let numShards: Int

    /// `nil` unless there is at least one shard.
    package init?(application: Snowflake, generation: Int, numShards: Int) {
        guard numShards > 0 else { return nil }
        self.application = application
        self.generation = generation
        self.numShards = numShards
    }

    /// As the headers of an event's message tell; `nil` when they don't.
    package init?(headers: AMQPTable) {
        guard let application = headers["application"]?.stringValue.flatMap({ Snowflake($0) }),
            let generation = headers["generation"]?.integerValue.flatMap({ Int(exactly: $0) }),
            let numShards = headers["num_shards"]?.integerValue.flatMap({ Int(exactly: $0) })
        else { return nil }
        self.init(application: application, generation: generation, numShards: numShards)
    }

    /// The generation in force, as the coordinator tells; `nil` when it knows no such application.
    package init?(of application: Snowflake, in view: ClusterView) {
        guard let known = view.applications.first(where: { $0.id == application }) else { return nil }
        self.init(application: application, generation: known.generation, numShards: known.numShards)
    }

    package func slot(ofGuild guild: Snowflake) -> Slot {
        self.slot(shard: ShardID.shard(for: guild, count: self.numShards))
    }

    /// Every slot of the set, as for a presence that the whole bot is to show.
    package var slots: [Slot] { (0..<self.numShards).map(self.slot(shard:)) }

    private func slot(shard: Int) -> Slot {
        Slot(application: self.application, generation: self.generation, shard: shard)
    }
}
