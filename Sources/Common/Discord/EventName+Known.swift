extension EventName {
    /// Every name that has a constant, in the order of the constants.
    package static let known: [EventName] = [
        .ready, .resumed, .rateLimited, .applicationCommandPermissionsUpdate, .autoModerationRuleCreate,
        .autoModerationRuleUpdate, .autoModerationRuleDelete, .autoModerationActionExecution, .channelCreate,
        .channelUpdate, .channelDelete, .channelInfo, .channelPinsUpdate, .voiceChannelStatusUpdate,
        .voiceChannelStartTimeUpdate, .threadCreate, .threadUpdate, .threadDelete, .threadListSync,
        .threadMemberUpdate, .threadMembersUpdate, .entitlementCreate, .entitlementUpdate, .entitlementDelete,
        .subscriptionCreate, .subscriptionUpdate, .subscriptionDelete, .guildCreate, .guildUpdate, .guildDelete,
        .guildAuditLogEntryCreate, .guildBanAdd, .guildBanRemove, .guildEmojisUpdate, .guildStickersUpdate,
        .guildSoundboardSoundCreate, .guildSoundboardSoundUpdate, .guildSoundboardSoundDelete,
        .guildSoundboardSoundsUpdate, .soundboardSounds, .guildIntegrationsUpdate, .integrationCreate,
        .integrationUpdate, .integrationDelete, .guildMemberAdd, .guildMemberUpdate, .guildMemberRemove,
        .guildMembersChunk, .guildRoleCreate, .guildRoleUpdate, .guildRoleDelete, .guildScheduledEventCreate,
        .guildScheduledEventUpdate, .guildScheduledEventDelete, .guildScheduledEventUserAdd,
        .guildScheduledEventUserRemove, .interactionCreate, .inviteCreate, .inviteDelete, .messageCreate,
        .messageUpdate, .messageDelete, .messageDeleteBulk, .messageReactionAdd, .messageReactionRemove,
        .messageReactionRemoveAll, .messageReactionRemoveEmoji, .messagePollVoteAdd, .messagePollVoteRemove,
        .presenceUpdate, .stageInstanceCreate, .stageInstanceUpdate, .stageInstanceDelete, .typingStart, .userUpdate,
        .voiceStateUpdate, .voiceServerUpdate, .voiceChannelEffectSend, .webhooksUpdate,
    ]
}
