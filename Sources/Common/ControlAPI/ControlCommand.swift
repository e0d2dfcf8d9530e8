package import Discord

/// What a slot can be told to do.
package enum ControlCommand: Sendable, Equatable {
    case presence(PresenceUpdate)
    case voiceState(VoiceStateUpdate)
    case requestMembers(MembersRequest)
    /// The sounds come as SOUNDBOARD_SOUNDS events, one a guild, on the guilds' lanes.
    case soundboardSounds(guilds: [Snowflake])
    /// The answer comes as a CHANNEL_INFO event on the guild's lane.
    case channelInfo(guild: Snowflake, fields: [ChannelInfoField])

    package enum ChannelInfoField: String, Sendable, Codable, CaseIterable {
        case status
        case voiceStartTime = "voice_start_time"
    }

    /// Of one op 31, which must fit into 4,096 bytes.
    package static let mostSoundboardGuilds = 100

    package enum Name: String, Sendable, CaseIterable {
        case presence
        case voiceState = "voice_state"
        case requestMembers = "request_members"
        case soundboardSounds = "soundboard_sounds"
        case channelInfo = "channel_info"
    }

    package var name: Name {
        switch self {
        case .presence: .presence
        case .voiceState: .voiceState
        case .requestMembers: .requestMembers
        case .soundboardSounds: .soundboardSounds
        case .channelInfo: .channelInfo
        }
    }

    /// The guilds that it is about.
    package var guilds: [Snowflake] {
        switch self {
        case .presence: []
        case .voiceState(let update): [update.guildID]
        case .requestMembers(let request): [request.guildID]
        case .soundboardSounds(let guilds): guilds
        case .channelInfo(let guild, _): [guild]
        }
    }

    /// Whether this shard may send it, with these intents.
    ///
    /// - Throws: `.badRequest` with the value's name.
    package func validate(shard: ShardID, intents: Intents) throws(ControlProblem) {
        for guild in self.guilds where !shard.receives(guild: guild) {
            let own = ShardID.shard(for: guild, count: shard.count)
            throw ControlProblem(.badRequest, "guild \(guild) is on shard \(own) of \(shard.count), not on \(shard.id)")
        }
        switch self {
        case .presence(let update): try update.validate()
        case .requestMembers(let request): try request.validate(intents: intents)
        case .soundboardSounds(let guilds):
            guard (1...Self.mostSoundboardGuilds).contains(guilds.count) else {
                throw ControlProblem(.badRequest, "guild_ids: expected 1 to \(Self.mostSoundboardGuilds) ids")
            }
        case .channelInfo(_, let fields):
            guard !fields.isEmpty else { throw ControlProblem(.badRequest, "fields: expected at least one") }
        case .voiceState: break
        }
    }
}

/// Op 31's body.
package struct SoundboardSoundsRequest: Sendable, Codable, Equatable {
    package let guildIDs: [Snowflake]

    package init(guildIDs: [Snowflake]) { self.guildIDs = guildIDs }

    private enum CodingKeys: String, CodingKey { case guildIDs = "guild_ids" }
}

/// Op 43's body.
package struct ChannelInfoRequest: Sendable, Codable, Equatable {
    package let guildID: Snowflake
    package let fields: [ControlCommand.ChannelInfoField]

    package init(guildID: Snowflake, fields: [ControlCommand.ChannelInfoField]) {
        self.guildID = guildID
        self.fields = fields
    }

    private enum CodingKeys: String, CodingKey {
        case guildID = "guild_id"
        case fields
    }
}
