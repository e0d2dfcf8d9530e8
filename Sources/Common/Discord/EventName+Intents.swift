extension EventName {
    /// The intents of which any one brings this event; empty when it needs none or is not known.
    package var requiredIntents: Intents {
        self.requiredIntents(inGuild: true).union(self.requiredIntents(inGuild: false))
    }

    /// The intents of which any one brings this event, in a guild or in a direct message (Discord docs, List of
    /// Intents). Empty when it needs none.
    package func requiredIntents(inGuild: Bool) -> Intents {
        switch self {
        case .guildCreate, .guildUpdate, .guildDelete, .guildRoleCreate, .guildRoleUpdate, .guildRoleDelete,
            .channelCreate, .channelUpdate, .channelDelete, .threadCreate, .threadUpdate, .threadDelete,
            .threadListSync, .threadMemberUpdate, .stageInstanceCreate, .stageInstanceUpdate, .stageInstanceDelete,
            .voiceChannelStatusUpdate, .voiceChannelStartTimeUpdate:
            .guilds
        case .threadMembersUpdate: [.guilds, .guildMembers]
        case .channelPinsUpdate: inGuild ? .guilds : .directMessages
        case .guildMemberAdd, .guildMemberUpdate, .guildMemberRemove: .guildMembers
        case .guildAuditLogEntryCreate, .guildBanAdd, .guildBanRemove: .guildModeration
        case .guildEmojisUpdate, .guildStickersUpdate, .guildSoundboardSoundCreate, .guildSoundboardSoundUpdate,
            .guildSoundboardSoundDelete, .guildSoundboardSoundsUpdate:
            .guildExpressions
        case .guildIntegrationsUpdate, .integrationCreate, .integrationUpdate, .integrationDelete: .guildIntegrations
        case .webhooksUpdate: .guildWebhooks
        case .inviteCreate, .inviteDelete: .guildInvites
        case .voiceStateUpdate, .voiceChannelEffectSend: .guildVoiceStates
        case .presenceUpdate: .guildPresences
        case .messageDeleteBulk: .guildMessages
        case .messageCreate, .messageUpdate, .messageDelete: inGuild ? .guildMessages : .directMessages
        case .messageReactionAdd, .messageReactionRemove, .messageReactionRemoveAll, .messageReactionRemoveEmoji:
            inGuild ? .guildMessageReactions : .directMessageReactions
        case .typingStart: inGuild ? .guildMessageTyping : .directMessageTyping
        case .guildScheduledEventCreate, .guildScheduledEventUpdate, .guildScheduledEventDelete,
            .guildScheduledEventUserAdd, .guildScheduledEventUserRemove:
            .guildScheduledEvents
        case .autoModerationRuleCreate, .autoModerationRuleUpdate, .autoModerationRuleDelete:
            .autoModerationConfiguration
        case .autoModerationActionExecution: .autoModerationExecution
        case .messagePollVoteAdd, .messagePollVoteRemove: inGuild ? .guildMessagePolls : .directMessagePolls
        default: []
        }
    }
}
