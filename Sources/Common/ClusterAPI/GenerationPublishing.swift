package import Discord

/// What one generation of an application publishes while the shard count is changed. Events of other lanes are
/// received, counted as settled, and not published (docs/protocol.md, "Resharding").
package struct GenerationPublishing: Sendable, Codable, Hashable {
    package let application: Snowflake
    package let generation: Int
    /// The lanes it publishes. Empty: it is muted.
    package let lanes: [Int]
    /// The lanes whose guilds it keeps in the guild cache: one generation does at a time. nil: those that it publishes.
    package let cached: [Int]?
    /// Whether it publishes what has no lane: interactions.
    package let commands: Bool

    package init(application: Snowflake, generation: Int, lanes: [Int], cached: [Int]? = nil, commands: Bool) {
        self.application = application
        self.generation = generation
        self.lanes = lanes
        self.cached = cached
        self.commands = commands
    }
}
