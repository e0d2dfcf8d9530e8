import ControlAPI
import Gateway
import Runtime

/// What all slots of a process have in common.
struct SlotSettings: Sendable {
    var policy = SessionPolicy()
    var limits = BatchAssembler.Limits()
    var plan = PublishPlan()
    /// The plan's first rules: those of `shard.drop-events`.
    var dropRules: [PublishPlan.Rule] = []
    var partition = LanePartition(count: 32)
    var compression = GatewayCompression.zstdStream
    var gatewayLimits = GatewayLimits.client
    var gatewayTLS: GatewayClientTLS?
    var resumeHosts = ResumeHosts("discord.gg")
    var connectTimeout: Duration = .seconds(15)
    /// How far the watermark may lie behind the last event, in events. One lane that does not confirm holds it back
    /// while the others go on; Discord's replay buffer ends somewhere.
    var mostUnsettled = 8_192
    /// How long a hand-over waits for confirms, and then for the close handshake.
    var flushTimeout: Duration = .seconds(10)
    var closeTimeout: Duration = .seconds(1)

    /// Between extra heartbeats while a shard count is changed: a switch goes on when they are answered. 30 of the 120
    /// payloads that a connection may send in 60 s.
    var probeInterval: Duration = .seconds(2)

    var silence = SilenceWatch.Policy()
    var commands = SlotCommands.Limits()
    /// What a bot shows until a command says otherwise; nil: Discord's default, online.
    var presence: PresenceUpdate?

    /// How long a confirm may take while the broker takes publishes.
    var confirmTimeout: Duration = .seconds(30)
    /// Counts everything as confirmed and sends nothing: for measuring what comes before.
    var discardsEvents = false

    /// How long the cache's own request for a guild's members may take.
    var cacheMembersTimeout: Duration = .seconds(600)
    /// `nil`: guilds are not cached.
    var cache: CacheSettings?

    init() {}
}
