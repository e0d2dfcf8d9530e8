/// What a loaded fleet is made of.
package struct FleetPlan: Sendable {
    /// The programs.
    package var flotilla: String
    package var sandbox: String
    /// For logs, the ledger and certificates; made where missing.
    package var directory: String
    package var coordinators = 1
    package var shardProcesses = 4
    /// Shard processes that are there, and not started with the fleet.
    package var spareShardProcesses = 0
    /// With workers the recorder reads copies of the lanes; without, it reads the lanes in their place.
    package var workers = 0
    /// The application's shard count.
    package var shards = 16
    package var lanes = 32
    package var world = "seed=7,guilds=160,members=20-400"
    package var eventsPerSecond = 2500
    /// Names of events that the publish plan drops.
    package var dropped: Set<String> = ["TYPING_START"]
    /// Every documented intent.
    package var intents = 131_071
    /// All identify buckets are open at once, so that a fleet starts in seconds.
    package var maxConcurrency = 16
    /// How long the sandbox wants each bucket to wait.
    package var identifyInterval = "5s"
    /// Short, so that what can only be seen by a missing ACK is seen in time.
    package var heartbeatInterval = "5s"
    /// Of the guild cache: members too, all of them.
    package var cacheKinds = "threads,emojis,stickers,voice,members=all"
    package var logLevel = "info"
    /// Of every process, beside its own settings.
    var environment: [String: String] = [:]

    package init(flotilla: String, sandbox: String, directory: String) {
        self.flotilla = flotilla
        self.sandbox = sandbox
        self.directory = directory
    }

    var terms: CheckerTerms {
        var terms = CheckerTerms()
        terms.lanes = self.lanes
        terms.filtered = self.dropped
        terms.maxConcurrency = self.maxConcurrency
        return terms
    }

    var ledger: String { "\(self.directory)/ledger.jsonl" }
}
