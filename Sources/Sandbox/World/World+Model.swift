import Discord
import NIOCore

/// The world as the model that a bot's cache is compared with.
extension World {
    /// A page of a bot's guilds, ascending: `{"guilds":[{"id","unavailable","member_count","channel_count"}],"total"}`.
    func modelGuilds(of application: Snowflake, after: Snowflake?, limit: Int) -> ByteBuffer {
        let ids = self.guilds.ids(of: application)
        var writer = JSONWriter(capacity: 100 * limit)
        writer.raw("{\"total\":")
        writer.integer(ids.count)
        writer.raw(",\"guilds\":")
        let start = after.flatMap { after in ids.firstIndex { $0 > after } } ?? (after == nil ? 0 : ids.count)
        writer.list(ids[start...].prefix(limit).compactMap { self.guilds[$0] }) { writer, guild in
            writer.raw("{\"id\":")
            writer.id(guild.id)
            writer.raw(",\"unavailable\":")
            writer.bool(guild.isUnavailable)
            writer.raw(",\"member_count\":")
            writer.integer(guild.members.count)
            writer.raw(",\"channel_count\":")
            writer.integer(guild.channelIDs.count)
            writer.raw("}")
        }
        writer.raw("}")
        return writer.bytes
    }

    /// One guild: GUILD_CREATE's body as the bot would get it now, and which members have changed since the beginning.
    func modelGuild(_ guild: Guild, for application: Snowflake, largeThreshold: Int) -> ByteBuffer {
        var shown = guild
        shown.isUnavailable = false
        var writer = JSONWriter(capacity: 16_384)
        writer.raw("{\"id\":")
        writer.id(guild.id)
        writer.raw(",\"unavailable\":")
        writer.bool(guild.isUnavailable)
        writer.raw(",\"create\":")
        writer.raw(
            self.guildCreate(shown, for: application, .bot(seesPresences: true, largeThreshold: largeThreshold)))
        writer.raw(",\"members_changed\":")
        writer.ids(guild.members.changed.sorted())
        writer.raw(",\"members_gone\":")
        writer.ids(guild.members.gone.sorted())
        writer.raw("}")
        return writer.bytes
    }

    /// A page of a guild's members as JSON: those of `ids` who are in it, or all, ascending.
    func modelMembers(of guild: Guild, ids: [Snowflake]?, after: Snowflake?, limit: Int) -> ByteBuffer {
        var members: [Member]
        if let ids {
            members = ids.compactMap { guild.members[$0] }
        } else {
            members = guild.members.values.filter { $0.userID > after ?? 0 }.sorted { $0.userID < $1.userID }
        }
        members = Array(members.prefix(limit))
        var writer = JSONWriter(capacity: 500 * members.count + 64)
        writer.raw("{\"member_count\":")
        writer.integer(guild.members.count)
        writer.raw(",\"members\":")
        writer.list(members) { writer, member in
            member.write(user: self.users[member.userID] ?? Self.deleted(member.userID), to: &writer)
        }
        writer.raw("}")
        return writer.bytes
    }
}
