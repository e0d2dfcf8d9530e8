/// The events that change what is kept of a guild.
package enum CacheEvent: String, CaseIterable, Sendable {
    case guildCreate = "GUILD_CREATE"
    case guildUpdate = "GUILD_UPDATE"
    case guildDelete = "GUILD_DELETE"
    case channelCreate = "CHANNEL_CREATE"
    case channelUpdate = "CHANNEL_UPDATE"
    case channelDelete = "CHANNEL_DELETE"
    case channelPinsUpdate = "CHANNEL_PINS_UPDATE"
    case channelInfo = "CHANNEL_INFO"
    case voiceChannelStatusUpdate = "VOICE_CHANNEL_STATUS_UPDATE"
    case voiceChannelStartTimeUpdate = "VOICE_CHANNEL_START_TIME_UPDATE"
    case threadCreate = "THREAD_CREATE"
    case threadUpdate = "THREAD_UPDATE"
    case threadDelete = "THREAD_DELETE"
    case threadListSync = "THREAD_LIST_SYNC"
    case threadMemberUpdate = "THREAD_MEMBER_UPDATE"
    case threadMembersUpdate = "THREAD_MEMBERS_UPDATE"
    case roleCreate = "GUILD_ROLE_CREATE"
    case roleUpdate = "GUILD_ROLE_UPDATE"
    case roleDelete = "GUILD_ROLE_DELETE"
    case emojisUpdate = "GUILD_EMOJIS_UPDATE"
    case stickersUpdate = "GUILD_STICKERS_UPDATE"
    case memberAdd = "GUILD_MEMBER_ADD"
    case memberUpdate = "GUILD_MEMBER_UPDATE"
    case memberRemove = "GUILD_MEMBER_REMOVE"
    case membersChunk = "GUILD_MEMBERS_CHUNK"
    case messageCreate = "MESSAGE_CREATE"
    case voiceStateUpdate = "VOICE_STATE_UPDATE"
    case presenceUpdate = "PRESENCE_UPDATE"
    case stageCreate = "STAGE_INSTANCE_CREATE"
    case stageUpdate = "STAGE_INSTANCE_UPDATE"
    case stageDelete = "STAGE_INSTANCE_DELETE"
    case eventCreate = "GUILD_SCHEDULED_EVENT_CREATE"
    case eventUpdate = "GUILD_SCHEDULED_EVENT_UPDATE"
    case eventDelete = "GUILD_SCHEDULED_EVENT_DELETE"
    case soundCreate = "GUILD_SOUNDBOARD_SOUND_CREATE"
    case soundUpdate = "GUILD_SOUNDBOARD_SOUND_UPDATE"
    case soundDelete = "GUILD_SOUNDBOARD_SOUND_DELETE"
    case soundsUpdate = "GUILD_SOUNDBOARD_SOUNDS_UPDATE"
    case sounds = "SOUNDBOARD_SOUNDS"

    /// By length: most events are of no concern here, and told so by a few comparisons.
    private static let byLength: [[(name: [UInt8], event: CacheEvent)]] = {
        let all = Self.allCases.map { (name: Array($0.rawValue.utf8), event: $0) }
        let longest = all.map(\.name.count).max() ?? 0
        return (0...longest).map { length in all.filter { $0.name.count == length } }
    }()

    package init?(_ name: UnsafeRawBufferPointer) {
        guard name.count < Self.byLength.count else { return nil }
        for candidate in Self.byLength[name.count] where name.elementsEqual(candidate.name) {
            self = candidate.event
            return
        }
        return nil
    }

    /// The events whose line can show what was kept before.
    package static let withOldState: Set<CacheEvent> = [
        .guildUpdate, .guildDelete, .channelUpdate, .channelDelete, .threadUpdate, .threadDelete, .roleUpdate,
        .roleDelete, .memberUpdate, .memberRemove, .voiceStateUpdate, .presenceUpdate, .stageUpdate, .stageDelete,
        .eventUpdate, .eventDelete, .soundUpdate, .soundDelete,
    ]
}
