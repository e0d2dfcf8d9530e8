/// How strict the sandbox's gateway is. Defaults follow Discord where Discord's numbers are known.
package struct SandboxGatewaySettings: Sendable {
    /// Discord's live value.
    package var heartbeatInterval: Duration = .milliseconds(41_250)
    /// Identifies let through at once, and keys that shards fall into (`shard_id mod maxConcurrency`).
    package var maxConcurrency = 1
    /// One Identify for each key in this time.
    package var identifyInterval: Duration = .seconds(5)
    /// Identifies in `sessionStartPeriod`.
    package var sessionStartLimit = 1_000
    package var sessionStartPeriod: Duration = .seconds(86_400)
    /// What `GET /gateway/bot` recommends; at least as many as the guilds need.
    package var recommendedShards = 1
    /// More guilds on one session than this are refused with 4011.
    package var maxGuildsPerSession = 2_500
    /// Dispatches kept for Resume, for each session.
    package var replayBufferSize = 3_500
    /// How long a session waits for its client to come back.
    package var sessionTTL: Duration = .seconds(120)
    /// Whether a heartbeat's number trims the replay buffer: older Resumes are then refused.
    package var trimsAtHeartbeat = false
    /// A client's payload may not be longer.
    package var maxPayloadBytes = 4_096
    /// Payloads of one connection in 60 s.
    package var payloadsPerMinute = 120
    package var maxConnections = 20_000

    package init() {}
}
