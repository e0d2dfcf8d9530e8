import Discord

// The same bytes as the types' `json`, without a value for each part: for what is sent by the thousand.

extension User {
    func write(to writer: inout JSONWriter) {
        writer.raw("{\"id\":")
        writer.id(self.id)
        writer.raw(",\"username\":")
        writer.string(self.username)
        writer.raw(
            self.isBot ? ",\"discriminator\":\"0000\",\"global_name\":" : ",\"discriminator\":\"0\",\"global_name\":")
        writer.string(self.globalName)
        writer.raw(",\"avatar\":")
        writer.string(self.avatar)
        writer.raw(
            """
            ,"flags":0,"public_flags":0,"primary_guild":null,"banner":null,"accent_color":null,\
            "avatar_decoration_data":null,"collectibles":null
            """)
        writer.raw(self.isBot ? ",\"bot\":true}" : "}")
    }
}

extension Member {
    /// - Parameters:
    ///   - user: left out of messages.
    ///   - withGuild: as events about members carry it.
    func write(user: User?, withGuild: Bool = false, to writer: inout JSONWriter) {
        writer.raw("{")
        if let user {
            writer.raw("\"user\":")
            user.write(to: &writer)
            writer.raw(",")
        }
        writer.raw("\"nick\":")
        writer.string(self.nick)
        writer.raw(",\"avatar\":null,\"banner\":null,\"roles\":")
        writer.ids(self.roles)
        writer.raw(",\"joined_at\":")
        writer.time(self.joinedAt)
        writer.raw(",\"premium_since\":null,\"deaf\":false,\"mute\":false,\"flags\":0,\"pending\":false")
        writer.raw(",\"communication_disabled_until\":")
        writer.time(self.communicationDisabledUntil)
        if withGuild {
            writer.raw(",\"guild_id\":")
            writer.id(self.guildID)
        }
        writer.raw("}")
    }
}

extension VoiceState {
    /// - Parameters:
    ///   - guild: left out within GUILD_CREATE.
    ///   - channel: `nil` for who has left.
    func write(guild: Snowflake?, channel: Snowflake?, member: (Member, User)?, to writer: inout JSONWriter) {
        writer.raw("{")
        if let guild {
            writer.raw("\"guild_id\":")
            writer.id(guild)
            writer.raw(",")
        }
        writer.raw("\"channel_id\":")
        writer.id(channel)
        writer.raw(",\"user_id\":")
        writer.id(self.userID)
        if let (member, user) = member {
            writer.raw(",\"member\":")
            member.write(user: user, to: &writer)
        }
        writer.raw(",\"session_id\":")
        writer.string(self.sessionID)
        writer.raw(",\"deaf\":false,\"mute\":false,\"self_deaf\":")
        writer.bool(self.isSelfDeafened)
        writer.raw(",\"self_mute\":")
        writer.bool(self.isSelfMuted)
        writer.raw(",\"self_stream\":")
        writer.bool(self.isStreaming)
        writer.raw(",\"self_video\":false,\"suppress\":false,\"request_to_speak_timestamp\":null}")
    }
}

extension Presence {
    func write(of user: Snowflake, guild: Snowflake, to writer: inout JSONWriter) {
        writer.raw("{\"user\":{\"id\":")
        writer.id(user)
        writer.raw("},\"guild_id\":")
        writer.id(guild)
        writer.raw(",\"status\":")
        writer.string(self.status.rawValue)
        guard self.status != .offline else {
            writer.raw(",\"activities\":[],\"client_status\":{}}")
            return
        }
        writer.raw(",\"activities\":[")
        if let activity {
            writer.raw("{\"name\":")
            writer.string(BlueprintNames.pick(BlueprintNames.games, UInt64(activity)))
            writer.raw(",\"type\":0,\"created_at\":")
            writer.integer(1_700_000_000_000 + Int(activity) * 10)
            writer.raw(",\"id\":\"")
            writer.hexadecimal(UInt64(activity))
            writer.raw("\"}")
        }
        writer.raw("],\"client_status\":{\"desktop\":")
        writer.string(self.status.rawValue)
        writer.raw("}}")
    }
}
