/// The `t` of a dispatch. Names that are not listed here are kept as they came.
package struct EventName: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }
    private init(_ rawValue: String) { self.rawValue = rawValue }

    package static let ready = EventName("READY")
    package static let resumed = EventName("RESUMED")
    package static let rateLimited = EventName("RATE_LIMITED")
    package static let applicationCommandPermissionsUpdate = EventName("APPLICATION_COMMAND_PERMISSIONS_UPDATE")
    package static let autoModerationRuleCreate = EventName("AUTO_MODERATION_RULE_CREATE")
    package static let autoModerationRuleUpdate = EventName("AUTO_MODERATION_RULE_UPDATE")
    package static let autoModerationRuleDelete = EventName("AUTO_MODERATION_RULE_DELETE")
    package static let autoModerationActionExecution = EventName("AUTO_MODERATION_ACTION_EXECUTION")
    package static let channelCreate = EventName("CHANNEL_CREATE")
    package static let channelUpdate = EventName("CHANNEL_UPDATE")
    package static let channelDelete = EventName("CHANNEL_DELETE")
    package static let channelInfo = EventName("CHANNEL_INFO")
    package static let channelPinsUpdate = EventName("CHANNEL_PINS_UPDATE")
    package static let voiceChannelStatusUpdate = EventName("VOICE_CHANNEL_STATUS_UPDATE")
    package static let voiceChannelStartTimeUpdate = EventName("VOICE_CHANNEL_START_TIME_UPDATE")
    package static let threadCreate = EventName("THREAD_CREATE")
    package static let threadUpdate = EventName("THREAD_UPDATE")
    package static let threadDelete = EventName("THREAD_DELETE")
    package static let threadListSync = EventName("THREAD_LIST_SYNC")
    package static let threadMemberUpdate = EventName("THREAD_MEMBER_UPDATE")
    package static let threadMembersUpdate = EventName("THREAD_MEMBERS_UPDATE")
    package static let entitlementCreate = EventName("ENTITLEMENT_CREATE")
    package static let entitlementUpdate = EventName("ENTITLEMENT_UPDATE")
    package static let entitlementDelete = EventName("ENTITLEMENT_DELETE")
    package static let subscriptionCreate = EventName("SUBSCRIPTION_CREATE")
    package static let subscriptionUpdate = EventName("SUBSCRIPTION_UPDATE")
    package static let subscriptionDelete = EventName("SUBSCRIPTION_DELETE")
    package static let guildCreate = EventName("GUILD_CREATE")
    package static let guildUpdate = EventName("GUILD_UPDATE")
    package static let guildDelete = EventName("GUILD_DELETE")
    package static let guildAuditLogEntryCreate = EventName("GUILD_AUDIT_LOG_ENTRY_CREATE")
    package static let guildBanAdd = EventName("GUILD_BAN_ADD")
    package static let guildBanRemove = EventName("GUILD_BAN_REMOVE")
    package static let guildEmojisUpdate = EventName("GUILD_EMOJIS_UPDATE")
    package static let guildStickersUpdate = EventName("GUILD_STICKERS_UPDATE")
    package static let guildSoundboardSoundCreate = EventName("GUILD_SOUNDBOARD_SOUND_CREATE")
    package static let guildSoundboardSoundUpdate = EventName("GUILD_SOUNDBOARD_SOUND_UPDATE")
    package static let guildSoundboardSoundDelete = EventName("GUILD_SOUNDBOARD_SOUND_DELETE")
    package static let guildSoundboardSoundsUpdate = EventName("GUILD_SOUNDBOARD_SOUNDS_UPDATE")
    package static let soundboardSounds = EventName("SOUNDBOARD_SOUNDS")
    package static let guildIntegrationsUpdate = EventName("GUILD_INTEGRATIONS_UPDATE")
    package static let integrationCreate = EventName("INTEGRATION_CREATE")
    package static let integrationUpdate = EventName("INTEGRATION_UPDATE")
    package static let integrationDelete = EventName("INTEGRATION_DELETE")
    package static let guildMemberAdd = EventName("GUILD_MEMBER_ADD")
    package static let guildMemberUpdate = EventName("GUILD_MEMBER_UPDATE")
    package static let guildMemberRemove = EventName("GUILD_MEMBER_REMOVE")
    package static let guildMembersChunk = EventName("GUILD_MEMBERS_CHUNK")
    package static let guildRoleCreate = EventName("GUILD_ROLE_CREATE")
    package static let guildRoleUpdate = EventName("GUILD_ROLE_UPDATE")
    package static let guildRoleDelete = EventName("GUILD_ROLE_DELETE")
    package static let guildScheduledEventCreate = EventName("GUILD_SCHEDULED_EVENT_CREATE")
    package static let guildScheduledEventUpdate = EventName("GUILD_SCHEDULED_EVENT_UPDATE")
    package static let guildScheduledEventDelete = EventName("GUILD_SCHEDULED_EVENT_DELETE")
    package static let guildScheduledEventUserAdd = EventName("GUILD_SCHEDULED_EVENT_USER_ADD")
    package static let guildScheduledEventUserRemove = EventName("GUILD_SCHEDULED_EVENT_USER_REMOVE")
    package static let interactionCreate = EventName("INTERACTION_CREATE")
    package static let inviteCreate = EventName("INVITE_CREATE")
    package static let inviteDelete = EventName("INVITE_DELETE")
    package static let messageCreate = EventName("MESSAGE_CREATE")
    package static let messageUpdate = EventName("MESSAGE_UPDATE")
    package static let messageDelete = EventName("MESSAGE_DELETE")
    package static let messageDeleteBulk = EventName("MESSAGE_DELETE_BULK")
    package static let messageReactionAdd = EventName("MESSAGE_REACTION_ADD")
    package static let messageReactionRemove = EventName("MESSAGE_REACTION_REMOVE")
    package static let messageReactionRemoveAll = EventName("MESSAGE_REACTION_REMOVE_ALL")
    package static let messageReactionRemoveEmoji = EventName("MESSAGE_REACTION_REMOVE_EMOJI")
    package static let messagePollVoteAdd = EventName("MESSAGE_POLL_VOTE_ADD")
    package static let messagePollVoteRemove = EventName("MESSAGE_POLL_VOTE_REMOVE")
    package static let presenceUpdate = EventName("PRESENCE_UPDATE")
    package static let stageInstanceCreate = EventName("STAGE_INSTANCE_CREATE")
    package static let stageInstanceUpdate = EventName("STAGE_INSTANCE_UPDATE")
    package static let stageInstanceDelete = EventName("STAGE_INSTANCE_DELETE")
    package static let typingStart = EventName("TYPING_START")
    package static let userUpdate = EventName("USER_UPDATE")
    package static let voiceStateUpdate = EventName("VOICE_STATE_UPDATE")
    package static let voiceServerUpdate = EventName("VOICE_SERVER_UPDATE")
    package static let voiceChannelEffectSend = EventName("VOICE_CHANNEL_EFFECT_SEND")
    package static let webhooksUpdate = EventName("WEBHOOKS_UPDATE")
}

extension EventName: CustomStringConvertible {
    package var description: String { self.rawValue }
}

extension EventName: Codable {
    package init(from decoder: any Decoder) throws {
        self.rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}
