package import Discord

/// Op 4's body: joins, moves or leaves a voice channel (Discord docs, Gateway Events, Update Voice State).
package struct VoiceStateUpdate: Sendable, Codable, Equatable {
    package let guildID: Snowflake
    /// nil leaves.
    package let channelID: Snowflake?
    package let selfMute: Bool
    package let selfDeaf: Bool

    package init(guildID: Snowflake, channelID: Snowflake?, selfMute: Bool = false, selfDeaf: Bool = false) {
        self.guildID = guildID
        self.channelID = channelID
        self.selfMute = selfMute
        self.selfDeaf = selfDeaf
    }

    private enum CodingKeys: String, CodingKey {
        case guildID = "guild_id"
        case channelID = "channel_id"
        case selfMute = "self_mute"
        case selfDeaf = "self_deaf"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.guildID = try container.decode(Snowflake.self, forKey: .guildID)
        // Null leaves the channel: that has to be said, not forgotten.
        self.channelID = try container.decode(Snowflake?.self, forKey: .channelID)
        self.selfMute = try container.decodeIfPresent(Bool.self, forKey: .selfMute) ?? false
        self.selfDeaf = try container.decodeIfPresent(Bool.self, forKey: .selfDeaf) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.guildID, forKey: .guildID)
        try container.encode(self.channelID, forKey: .channelID)
        try container.encode(self.selfMute, forKey: .selfMute)
        try container.encode(self.selfDeaf, forKey: .selfDeaf)
    }
}
