import Discord

/// The parts of MESSAGE_CREATE that commands need.
struct MessageCreate: Sendable, Decodable {
    struct Author: Sendable, Decodable {
        let id: Snowflake
        let bot: Bool?
    }

    let id: Snowflake
    let channelId: Snowflake
    let guildId: Snowflake?
    let author: Author
    let content: String
    let webhookId: Snowflake?

    /// Bots and webhooks give no commands: two bots that answer each other would never end.
    var isFromPerson: Bool { self.author.bot != true && self.webhookId == nil }
}
