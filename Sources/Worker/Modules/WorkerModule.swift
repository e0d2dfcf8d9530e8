import ClusterAPI

/// A part of the bot that people see. Modules don't call each other.
protocol WorkerModule: Sendable {
    var commands: [Command] { get }

    /// Events of a shard's guilds in this lane may be missing. A lane tells it at least once, after all that it has of
    /// the lost session.
    func sessionLost(_ record: GapRecord, lane: String)
}

extension WorkerModule {
    func sessionLost(_ record: GapRecord, lane: String) {}
}
