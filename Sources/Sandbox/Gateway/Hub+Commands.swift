import Discord
import NIOCore

/// What identified clients ask for. A client whose session is another's by now is not heard.
extension Hub {
    func updatePresence(_ presence: PresenceForm, on handler: GatewayConnectionHandler) {
        self.withState { state in
            guard let session = self.session(of: handler, state) else { return }
            state.world.updatePresence(of: session.userID, presence, shard: session.shard)
        }
    }

    func updateVoiceState(_ voice: VoiceForm, on handler: GatewayConnectionHandler) {
        self.withState { state in
            guard let session = self.session(of: handler, state) else { return }
            state.world.updateVoiceState(of: session.userID, session: session.id, voice)
        }
    }

    func sendSoundboardSounds(of guilds: [Snowflake], on handler: GatewayConnectionHandler) {
        self.withState { state in
            guard let session = self.session(of: handler, state) else { return }
            for guild in guilds where self.isIn(guild, session, state) {
                let body: JSONValue = ["guild_id": .id(guild), "soundboard_sounds": []]
                self.send(.soundboardSounds, body.encoded, guild: guild, to: session.id, &state)
            }
        }
    }

    /// No voice channel here has a status or a start time: the answer names none.
    func sendChannelInfo(of guild: Snowflake, on handler: GatewayConnectionHandler) {
        self.withState { state in
            guard let session = self.session(of: handler, state), self.isIn(guild, session, state) else { return }
            let body: JSONValue = ["guild_id": .id(guild), "channels": []]
            self.send(.channelInfo, body.encoded, guild: guild, to: session.id, &state)
        }
    }

    /// All members of a guild may be asked for once in 30 s, by who has the intent.
    func sendMembers(_ request: ConnectionStateMachine.MembersRequest, on handler: GatewayConnectionHandler) {
        let now = self.clock.instant()
        self.withState { state in
            guard let session = self.session(of: handler, state), self.isIn(request.guildID, session, state) else {
                return
            }
            var request = request
            if session.isBot {
                if !session.intents.contains(.guildPresences) { request.wantsPresences = false }
                if request.query == "", request.limit == 0 {
                    guard session.intents.contains(.guildMembers) else { return }
                    guard self.mayAskForAll(request, session, now: now, &state) else { return }
                }
            }
            for chunk in state.world.memberChunks(request, for: session.userID) {
                self.send(.guildMembersChunk, chunk, guild: request.guildID, to: session.id, &state)
            }
        }
    }

    private func mayAskForAll(
        _ request: ConnectionStateMachine.MembersRequest, _ session: GatewaySession, now: ContinuousClock.Instant,
        _ state: inout State
    ) -> Bool {
        let key = MemberRequestKey(guild: request.guildID, user: session.userID)
        guard let last = state.memberRequests[key], now - last < .seconds(30) else {
            state.memberRequests[key] = now
            return true
        }
        let wait = (Duration.seconds(30) - (now - last)) / .seconds(1)
        var meta: JSONObject = ["guild_id": .id(request.guildID)]
        if let nonce = request.nonce { meta["nonce"] = .string(nonce) }
        let body: JSONValue = [
            "opcode": 8, "retry_after": .number(RateLimiter.seconds(wait)), "meta": .object(meta),
        ]
        self.send(.rateLimited, body.encoded, to: session.id, &state)
        return false
    }

    /// Guilds in an outage, and those that the session was not told of yet, answer nothing.
    private func isIn(_ guild: Snowflake, _ session: GatewaySession, _ state: State) -> Bool {
        guard let known = state.world.guilds[guild], !known.isUnavailable else { return false }
        return known.members.contains(session.userID) && !session.pendingGuilds.contains(guild)
    }
}
