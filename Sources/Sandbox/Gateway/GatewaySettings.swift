/// How strict the sandbox's gateway is. Defaults follow Discord where Discord's numbers are known.
package struct SandboxGatewaySettings: Sendable {
    /// What becomes of the connection that a session still has when a RESUME for it comes on another one.
    package enum Takeover: String, Sendable, CaseIterable {
        /// TCP is cut without a close frame.
        case drop
        /// It is told op 9 `false`.
        case op9
        /// It is closed with `takeoverCode`.
        case close
        /// It stays open, and nothing is sent to it any more, not even an ACK.
        case silent
    }

    /// Discord's live value.
    package var heartbeatInterval: Duration = .milliseconds(41_250)
    /// Identifies let through at once, and keys that shards fall into (`shard_id mod maxConcurrency`).
    package var maxConcurrency = 1
    /// One Identify for each key in this time.
    package var identifyInterval: Duration = .seconds(5)
    /// Identifies in `sessionStartPeriod`. One more resets the application's token.
    package var sessionStartLimit = 1_000
    package var sessionStartPeriod: Duration = .seconds(86_400)
    /// What `GET /gateway/bot` recommends; at least as many as the guilds need.
    package var recommendedShards = 1
    /// Shard counts that are no multiple of this are refused with 4010, as those of large bots are.
    package var shardCountMultiple = 1
    /// More guilds on one session than this are refused with 4011.
    package var maxGuildsPerSession = 2_500
    /// Dispatches kept for Resume, for each session, and the bytes that their bodies may have.
    package var replayBufferSize = 3_500
    package var replayBufferBytes = 64 << 20
    /// How long a session waits for its client to come back.
    package var sessionTTL: Duration = .seconds(120)
    /// Whether a heartbeat's number trims the replay buffer: older Resumes are then refused.
    package var trimsAtHeartbeat = false
    package var takeover = Takeover.drop
    package var takeoverCode: UInt16 = 4000
    /// Percent of the guilds whose GUILD_CREATE comes `guildDelay` after READY, and of those that are told as
    /// unavailable first and come as late. Which ones they are depends on their ids alone.
    package var lateGuildShare = 0
    package var unavailableGuildShare = 0
    package var guildDelay: Duration = .seconds(5)
    /// A client's payload may not be longer.
    package var maxPayloadBytes = 4_096
    /// Payloads of one connection in 60 s.
    package var payloadsPerMinute = 120
    /// Presence updates of one connection in 20 s; more have no effect.
    package var presencesPerWindow = 5
    package var maxConnections = 20_000

    package init() {}
}
