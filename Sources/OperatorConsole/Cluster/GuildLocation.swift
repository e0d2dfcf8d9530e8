package import ClusterAPI
package import Discord

/// Where a guild's events come in and are handled.
package struct GuildLocation: Sendable, Codable, Equatable {
    package let guild: Snowflake
    package let application: Snowflake
    package let applicationName: String
    package let generation: Int
    /// `(guild >> 22) mod numShards`.
    package let shard: Int
    package let numShards: Int
    /// nil: the cluster shows no such slot.
    package let slot: ClusterView.SlotView?
    /// `(guild >> 22) mod lanes`; nil: there are no lanes yet.
    package let lane: Int?
    package let lanes: Int
    /// The worker that reads the lane; nil: nobody.
    package let worker: String?
    package let standby: String?

    /// One for each application, since whether a bot is in the guild is not known here; two while a reshard runs both
    /// generations.
    package static func all(of guild: Snowflake, in view: ClusterView, application: Snowflake? = nil) -> [GuildLocation]
    {
        let lane = view.lanes.isEmpty ? nil : Int((guild.rawValue >> 22) % UInt64(view.lanes.count))
        let reader = lane.flatMap { number in view.lanes.first { $0.lane == number } }
        return view.applications.filter { application == nil || $0.id == application }.flatMap { known in
            var counts = [(known.generation, known.numShards)]
            if let reshard = known.reshard {
                let other = [(reshard.from, reshard.fromShards), (reshard.to, reshard.toShards)]
                counts += other.filter { $0.0 != known.generation }
            }
            return counts.map { generation, numShards in
                let shard = ShardID.shard(for: guild, count: numShards)
                return GuildLocation(
                    guild: guild, application: known.id, applicationName: known.name, generation: generation,
                    shard: shard, numShards: numShards,
                    slot: view.slots.first {
                        $0.application == known.id && $0.generation == generation && $0.shard == shard
                    },
                    lane: lane, lanes: view.lanes.count, worker: reader?.primary, standby: reader?.standby)
            }
        }
    }
}
