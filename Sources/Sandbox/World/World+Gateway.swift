import Discord
import NIOCore

/// What gateway commands ask of the world.
extension World {
    /// A user's status, told to the others in each of its guilds.
    ///
    /// - Parameter shard: a bot's status is that of one shard, in the guilds of which it is told; `nil` for people.
    mutating func updatePresence(of user: Snowflake, _ presence: PresenceForm, shard: ShardID?) {
        let activities = presence.activities.map { activity -> JSONValue in
            var activity = activity
            activity["created_at"] = .integer(self.now.milliseconds)
            return .object(activity)
        }
        for id in self.guilds.ids(of: user, where: { shard?.receives(guild: $0) ?? true })
        where !(self.guilds[id]?.isUnavailable ?? true) {
            self.emit(
                .presenceUpdate, to: .others(user, guild: id), guild: id,
                [
                    "user": ["id": .id(user)], "guild_id": .id(id), "status": .string(presence.status),
                    "activities": .array(activities),
                    "client_status": presence.status == "offline" ? [:] : ["web": .string(presence.status)],
                ])
        }
    }

    /// The sandbox carries no voice: joining and leaving is told, no voice server follows. A channel that is none for
    /// voice, or that the user may not enter, changes nothing.
    mutating func updateVoiceState(of user: Snowflake, session: String, _ form: VoiceForm) {
        guard let guild = self.guilds[form.guildID], let who = self.users[user], let member = guild.members[user] else {
            return
        }
        if let id = form.channelID {
            guard let channel = self.channels[id], channel.guildID == guild.id,
                channel.kind == .voice || channel.kind == .stage,
                self.permissions(of: user, in: channel).contains([.viewChannel, .connect])
            else { return }
        }
        var state = VoiceState(userID: user, channelID: form.channelID ?? 0, sessionID: session)
        state.isSelfMuted = form.isSelfMuted
        state.isSelfDeafened = form.isSelfDeafened
        self.guilds[guild.id]?.voiceStates[user] = form.channelID == nil ? nil : state
        var writer = JSONWriter()
        state.write(guild: guild.id, channel: form.channelID, member: (member, who), to: &writer)
        self.emit(Dispatch(.voiceStateUpdate, to: .guild(guild.id), guild: guild.id, bytes: writer.bytes))
    }

    /// The bodies of GUILD_MEMBERS_CHUNK, 1000 members each; none when the user is not in the guild.
    func memberChunks(_ request: ConnectionStateMachine.MembersRequest, for user: Snowflake) -> [ByteBuffer] {
        guard let guild = self.guilds[request.guildID], guild.members.contains(user) else { return [] }
        var found: [Member] = []
        var missing: [Snowflake] = []
        if let ids = request.userIDs {
            for id in ids.prefix(100) {
                if let member = guild.members[id] { found.append(member) } else { missing.append(id) }
            }
        } else {
            let query = (request.query ?? "").lowercased()
            found = guild.members.values
            if !query.isEmpty {
                found = found.filter { member in
                    let who = self.users[member.userID]
                    return [member.nick, who?.username, who?.globalName].contains {
                        $0?.lowercased().hasPrefix(query) ?? false
                    }
                }
                found = Array(found.prefix((1...100).contains(request.limit) ? request.limit : 100))
            } else if request.limit > 0 {
                found = Array(found.prefix(min(request.limit, 100)))
            }
        }
        found.sort { $0.userID < $1.userID }
        let count = max(1, (found.count + 999) / 1000)
        return (0..<count).map { index in
            let part = found[min(index * 1000, found.count)..<min((index + 1) * 1000, found.count)]
            return self.chunk(part, index: index, of: count, missing: missing, guild, request)
        }
    }

    private func chunk(
        _ members: ArraySlice<Member>, index: Int, of count: Int, missing: [Snowflake], _ guild: Guild,
        _ request: ConnectionStateMachine.MembersRequest
    ) -> ByteBuffer {
        var writer = JSONWriter(capacity: 512 * members.count + 256)
        writer.raw("{\"guild_id\":")
        writer.id(guild.id)
        writer.raw(",\"members\":")
        writer.list(members) { writer, member in
            member.write(user: self.users[member.userID] ?? Self.deleted(member.userID), to: &writer)
        }
        writer.raw(",\"chunk_index\":")
        writer.integer(index)
        writer.raw(",\"chunk_count\":")
        writer.integer(count)
        if !missing.isEmpty {
            writer.raw(",\"not_found\":")
            writer.ids(missing)
        }
        if request.wantsPresences {
            let presences = members.compactMap { member in
                guild.presence(of: member.userID).map { (user: member.userID, presence: $0) }
            }.filter { $0.presence.status != .offline }
            writer.raw(",\"presences\":")
            writer.list(presences) { $1.presence.write(of: $1.user, guild: guild.id, to: &$0) }
        }
        if let nonce = request.nonce {
            writer.raw(",\"nonce\":")
            writer.string(nonce)
        }
        writer.raw("}")
        return writer.bytes
    }
}
