import Discord

/// What gateway commands ask of the world.
extension World {
    /// A user's status, told in each of its guilds.
    mutating func updatePresence(of user: Snowflake, _ presence: JSONValue) {
        let status = presence["status"]?.string ?? "online"
        for guild in self.guilds(of: user) where !guild.isUnavailable {
            self.emit(
                .presenceUpdate, to: .guild(guild.id), guild: guild.id,
                [
                    "user": ["id": .id(user)], "guild_id": .id(guild.id),
                    "status": .string(status == "invisible" ? "offline" : status),
                    "activities": presence["activities"] ?? [], "client_status": [:],
                ])
        }
    }

    /// The sandbox carries no voice: joining and leaving is told, no voice server follows.
    mutating func updateVoiceState(of user: Snowflake, session: String, _ state: JSONValue) {
        guard let guildID = state["guild_id"]?.snowflake, let guild = self.guilds[guildID], let who = self.users[user],
            let member = guild.members[user]
        else { return }
        self.emit(
            .voiceStateUpdate, to: .guild(guildID), guild: guildID,
            [
                "guild_id": .id(guildID), "channel_id": .id(state["channel_id"]?.snowflake), "user_id": .id(user),
                "member": member.json(user: who), "session_id": .string(session), "deaf": false, "mute": false,
                "self_deaf": state["self_deaf"] ?? false, "self_mute": state["self_mute"] ?? false, "self_video": false,
                "suppress": false, "request_to_speak_timestamp": .null,
            ])
    }

    /// The bodies of GUILD_MEMBERS_CHUNK, 1000 members each; none when the user is not in the guild.
    func memberChunks(_ request: ConnectionStateMachine.MembersRequest, for user: Snowflake) -> [JSONValue] {
        guard let guild = self.guilds[request.guildID], guild.members[user] != nil else { return [] }
        var found: [Member] = []
        var missing: [Snowflake] = []
        if let ids = request.userIDs {
            for id in ids.prefix(100) {
                if let member = guild.members[id] { found.append(member) } else { missing.append(id) }
            }
        } else {
            let query = (request.query ?? "").lowercased()
            found = guild.members.values.sorted { $0.userID < $1.userID }
            if !query.isEmpty {
                found = found.filter { member in
                    [member.nick, self.users[member.userID]?.username, self.users[member.userID]?.globalName]
                        .contains { $0?.lowercased().hasPrefix(query) ?? false }
                }
                found = Array(found.prefix(min(max(request.limit, 1), 100)))
            } else if request.limit > 0 {
                found = Array(found.prefix(min(request.limit, 100)))
            }
        }
        let count = max(1, (found.count + 999) / 1000)
        return (0..<count).map { index in
            let part = found[min(index * 1000, found.count)..<min((index + 1) * 1000, found.count)]
            var object: JSONObject = [
                "guild_id": .id(guild.id),
                "members": .array(
                    part.compactMap { member in self.users[member.userID].map { member.json(user: $0) } }),
                "chunk_index": .integer(index),
                "chunk_count": .integer(count),
            ]
            if !missing.isEmpty { object["not_found"] = .ids(missing) }
            if request.wantsPresences { object["presences"] = [] }
            if let nonce = request.nonce { object["nonce"] = .string(nonce) }
            return .object(object)
        }
    }
}
