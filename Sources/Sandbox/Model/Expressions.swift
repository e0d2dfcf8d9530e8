import Discord

/// A guild's own emoji.
struct GuildEmoji: Sendable, Equatable {
    let id: Snowflake
    var name: String
    var isAnimated = false
}

struct GuildSticker: Sendable, Equatable {
    let id: Snowflake
    let guildID: Snowflake
    var name: String
    var tags: String
}
