import Discord

// The same bytes as the types' `json`, without a value for each part: for what is sent by the thousand.

extension Role {
    func write(to writer: inout JSONWriter) {
        writer.raw("{\"id\":")
        writer.id(self.id)
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"permissions\":")
        writer.permissions(self.permissions)
        writer.raw(",\"position\":")
        writer.integer(self.position)
        writer.raw(",\"color\":")
        writer.integer(self.color)
        writer.raw(",\"colors\":{\"primary_color\":")
        writer.integer(self.color)
        writer.raw(",\"secondary_color\":null,\"tertiary_color\":null},\"hoist\":")
        writer.bool(self.hoist)
        writer.raw(",\"managed\":")
        writer.bool(self.managed)
        writer.raw(",\"mentionable\":")
        writer.bool(self.mentionable)
        writer.raw(",\"icon\":null,\"unicode_emoji\":null,\"description\":null,\"flags\":0")
        if let botID {
            writer.raw(",\"tags\":{\"bot_id\":")
            writer.id(botID)
            writer.raw("}")
        }
        writer.raw("}")
    }
}

extension Channel {
    /// Of a guild's channel or thread.
    ///
    /// - Parameter isNew: whether it is told that the thread was made just now.
    func write(isNew: Bool = false, to writer: inout JSONWriter) {
        writer.raw("{\"id\":")
        writer.id(self.id)
        writer.raw(",\"type\":")
        writer.integer(self.kind.rawValue)
        writer.raw(",\"guild_id\":")
        writer.id(self.guildID)
        if let thread {
            self.write(thread, to: &writer)
            writer.raw(isNew ? ",\"newly_created\":true}" : "}")
            return
        }
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"topic\":")
        writer.string(self.topic)
        writer.raw(",\"position\":")
        writer.integer(self.position)
        writer.raw(",\"flags\":0,\"parent_id\":")
        writer.id(self.parentID)
        writer.raw(",\"permission_overwrites\":")
        writer.list(self.overwrites) { writer, overwrite in
            writer.raw("{\"id\":")
            writer.id(overwrite.id)
            writer.raw(",\"type\":")
            writer.integer(overwrite.type.rawValue)
            writer.raw(",\"allow\":")
            writer.permissions(overwrite.allow)
            writer.raw(",\"deny\":")
            writer.permissions(overwrite.deny)
            writer.raw("}")
        }
        writer.raw(",\"nsfw\":")
        writer.bool(self.isNSFW)
        writer.raw(",\"rate_limit_per_user\":")
        writer.integer(self.rateLimitPerUser)
        writer.raw(",\"last_message_id\":")
        writer.id(self.lastMessageID)
        writer.raw(",\"last_pin_timestamp\":null")
        if self.kind == .voice || self.kind == .stage {
            writer.raw(",\"bitrate\":64000,\"user_limit\":0,\"rtc_region\":null")
        }
        writer.raw("}")
    }

    private func write(_ thread: Thread, to writer: inout JSONWriter) {
        writer.raw(",\"parent_id\":")
        writer.id(self.parentID)
        writer.raw(",\"owner_id\":")
        writer.id(thread.ownerID)
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"flags\":0,\"rate_limit_per_user\":")
        writer.integer(self.rateLimitPerUser)
        writer.raw(",\"last_message_id\":")
        writer.id(self.lastMessageID)
        writer.raw(",\"last_pin_timestamp\":null,\"member_count\":")
        writer.integer(thread.memberCount)
        writer.raw(",\"message_count\":")
        writer.integer(thread.messageCount)
        writer.raw(",\"total_message_sent\":")
        writer.integer(thread.messageCount)
        writer.raw(",\"thread_metadata\":{\"archived\":")
        writer.bool(thread.isArchived)
        writer.raw(",\"auto_archive_duration\":1440,\"archive_timestamp\":")
        writer.time(thread.archiveTime)
        writer.raw(",\"locked\":")
        writer.bool(thread.isLocked)
        writer.raw(",\"create_timestamp\":")
        writer.time(Timestamp(milliseconds: self.id.milliseconds))
        writer.raw("}")
    }
}

extension GuildEmoji {
    func write(to writer: inout JSONWriter) {
        writer.raw("{\"id\":")
        writer.id(self.id)
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"roles\":[],\"require_colons\":true,\"managed\":false,\"animated\":")
        writer.bool(self.isAnimated)
        writer.raw(",\"available\":true}")
    }
}

extension GuildSticker {
    func write(to writer: inout JSONWriter) {
        writer.raw("{\"id\":")
        writer.id(self.id)
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"tags\":")
        writer.string(self.tags)
        writer.raw(",\"type\":2,\"format_type\":1,\"description\":null,\"available\":true,\"guild_id\":")
        writer.id(self.guildID)
        writer.raw("}")
    }
}

extension Guild {
    /// The members of the guild's object but for its opening and closing brace: what REST, GUILD_UPDATE and
    /// GUILD_CREATE have in common.
    func writeFields(to writer: inout JSONWriter) {
        writer.raw("\"id\":")
        writer.id(self.id)
        writer.raw(",\"name\":")
        writer.string(self.name)
        writer.raw(",\"icon\":")
        writer.string(self.icon)
        writer.raw(",\"splash\":null,\"discovery_splash\":null,\"home_header\":null,\"owner_id\":")
        writer.id(self.ownerID)
        writer.raw(
            """
            ,"region":"sandbox","afk_channel_id":null,"afk_timeout":300,"widget_enabled":false,\
            "widget_channel_id":null,"verification_level":
            """)
        writer.integer(self.verificationLevel)
        writer.raw(",\"default_message_notifications\":0,\"explicit_content_filter\":0,\"roles\":")
        writer.list(self.roles.values.sorted { ($0.position, $0.id) < ($1.position, $1.id) }) { $1.write(to: &$0) }
        writer.raw(",\"emojis\":")
        self.writeEmojis(to: &writer)
        writer.raw(",\"stickers\":")
        self.writeStickers(to: &writer)
        writer.raw(
            """
            ,"features":[],"mfa_level":0,"application_id":null,"system_channel_id":null,"system_channel_flags":0,\
            "rules_channel_id":null,"max_presences":null,"max_members":1000000,"max_video_channel_users":25,\
            "max_stage_video_channel_users":50,"vanity_url_code":null,"description":
            """)
        writer.string(self.topic)
        writer.raw(",\"banner\":null,\"premium_tier\":")
        writer.integer(self.boosts >= 14 ? 3 : self.boosts >= 7 ? 2 : self.boosts >= 2 ? 1 : 0)
        writer.raw(",\"premium_subscription_count\":")
        writer.integer(self.boosts)
        writer.raw(
            """
            ,"preferred_locale":"en-US","public_updates_channel_id":null,"safety_alerts_channel_id":null,\
            "nsfw":false,"nsfw_level":0,"premium_progress_bar_enabled":false,"incidents_data":null,"hub_type":null,\
            "latest_onboarding_question_id":null
            """)
    }

    func writeEmojis(to writer: inout JSONWriter) {
        writer.list(self.emojis.values) { $1.write(to: &$0) }
    }

    func writeStickers(to writer: inout JSONWriter) {
        writer.list(self.stickers.values) { $1.write(to: &$0) }
    }
}
