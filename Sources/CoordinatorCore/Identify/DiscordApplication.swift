package import Discord

/// What Discord tells a bot of itself: `GET /applications/@me` and `GET /gateway/bot`.
package struct DiscordApplication: Sendable, Equatable {
    package let id: Snowflake
    package let name: String
    package let gatewayURL: String
    package let recommendedShards: Int
    package let sessionStartTotal: Int
    package let sessionStartRemaining: Int
    package let sessionStartResetsAfter: Duration
    package let maxConcurrency: Int

    package init(
        id: Snowflake, name: String, gatewayURL: String, recommendedShards: Int, sessionStartTotal: Int,
        sessionStartRemaining: Int, sessionStartResetsAfter: Duration, maxConcurrency: Int
    ) {
        self.id = id
        self.name = name
        self.gatewayURL = gatewayURL
        self.recommendedShards = recommendedShards
        self.sessionStartTotal = sessionStartTotal
        self.sessionStartRemaining = sessionStartRemaining
        self.sessionStartResetsAfter = sessionStartResetsAfter
        self.maxConcurrency = maxConcurrency
    }
}
