import Discord

/// A REST route and what its rate limit is counted by (Discord docs, Rate Limits).
struct DiscordRoute: Sendable, Hashable {
    let method: String
    let path: String
    /// Method and path template: what Discord's bucket belongs to.
    let template: String
    /// The channel, guild or webhook that the bucket is counted for.
    let majorParameter: String
    /// Interaction answers don't count against the global limit.
    let countsGlobally: Bool

    static func createMessage(channel: Snowflake) -> DiscordRoute {
        DiscordRoute(
            method: "POST", path: "/channels/\(channel)/messages", template: "POST /channels/{}/messages",
            majorParameter: "\(channel)", countsGlobally: true)
    }

    static func interactionCallback(_ interaction: Snowflake, token: String) -> DiscordRoute {
        DiscordRoute(
            method: "POST", path: "/interactions/\(interaction)/\(token)/callback",
            template: "POST /interactions/{}/{}/callback", majorParameter: "\(interaction)", countsGlobally: false)
    }

    /// With the numbers of members and presences.
    static func guild(_ guild: Snowflake) -> DiscordRoute {
        DiscordRoute(
            method: "GET", path: "/guilds/\(guild)?with_counts=true", template: "GET /guilds/{}",
            majorParameter: "\(guild)", countsGlobally: true)
    }

    /// A list of a guild's, such as `channels` or `threads/active`.
    static func guild(_ guild: Snowflake, list: String) -> DiscordRoute {
        DiscordRoute(
            method: "GET", path: "/guilds/\(guild)/\(list)", template: "GET /guilds/{}/\(list)",
            majorParameter: "\(guild)", countsGlobally: true)
    }

    static let ownApplication = DiscordRoute(
        method: "GET", path: "/applications/@me", template: "GET /applications/@me", majorParameter: "",
        countsGlobally: true)

    static func applicationCommands(_ application: Snowflake, method: String) -> DiscordRoute {
        DiscordRoute(
            method: method, path: "/applications/\(application)/commands",
            template: "\(method) /applications/{}/commands",
            majorParameter: "", countsGlobally: true)
    }
}
