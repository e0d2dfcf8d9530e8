import Gateway
import Runtime

/// What all slots of a process have in common.
struct SlotSettings: Sendable {
    var policy = SessionPolicy()
    var limits = BatchAssembler.Limits()
    var plan = PublishPlan()
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

    init() {}
}
