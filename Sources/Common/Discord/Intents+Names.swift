extension Intents {
    /// The names that Discord's docs give the intents, by bit.
    package static let names: KeyValuePairs<String, Intents> = [
        "GUILDS": .guilds,
        "GUILD_MEMBERS": .guildMembers,
        "GUILD_MODERATION": .guildModeration,
        "GUILD_EXPRESSIONS": .guildExpressions,
        "GUILD_INTEGRATIONS": .guildIntegrations,
        "GUILD_WEBHOOKS": .guildWebhooks,
        "GUILD_INVITES": .guildInvites,
        "GUILD_VOICE_STATES": .guildVoiceStates,
        "GUILD_PRESENCES": .guildPresences,
        "GUILD_MESSAGES": .guildMessages,
        "GUILD_MESSAGE_REACTIONS": .guildMessageReactions,
        "GUILD_MESSAGE_TYPING": .guildMessageTyping,
        "DIRECT_MESSAGES": .directMessages,
        "DIRECT_MESSAGE_REACTIONS": .directMessageReactions,
        "DIRECT_MESSAGE_TYPING": .directMessageTyping,
        "MESSAGE_CONTENT": .messageContent,
        "GUILD_SCHEDULED_EVENTS": .guildScheduledEvents,
        "AUTO_MODERATION_CONFIGURATION": .autoModerationConfiguration,
        "AUTO_MODERATION_EXECUTION": .autoModerationExecution,
        "GUILD_MESSAGE_POLLS": .guildMessagePolls,
        "DIRECT_MESSAGE_POLLS": .directMessagePolls,
    ]

    /// The intent of this name, such as `GUILD_MESSAGES`; `nil`: none has it.
    package init?(name: String) {
        guard let found = Self.names.first(where: { $0.key == name }) else { return nil }
        self = found.value
    }
}
