import Discord

/// What Discord tells a bot of itself: `GET /applications/@me` and `GET /gateway/bot`.
struct DiscordApplication: Sendable, Equatable {
    let id: Snowflake
    let name: String
    let gatewayURL: String
    let recommendedShards: Int
    let sessionStartTotal: Int
    let sessionStartRemaining: Int
    let sessionStartResetsAfter: Duration
    let maxConcurrency: Int
}
