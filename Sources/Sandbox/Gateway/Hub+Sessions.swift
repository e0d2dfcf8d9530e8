import Discord
import Gateway
import NIOCore
import Runtime

extension Hub {
    enum Establishment: Sendable, Equatable {
        case established(session: String)
        case invalidSession
        case close(GatewayCloseCode, String)
    }

    /// Op 2. On success READY and what follows it are on their way before this returns.
    func identify(
        _ identify: ConnectionStateMachine.Identify, on connection: GatewayConnection, terms: Terms
    ) -> Establishment {
        let now = self.clock.instant()
        return self.withState { state in
            guard let user = state.world.user(token: identify.token) else {
                return .close(.authenticationFailed, "Authentication failed.")
            }
            let outcome =
                user.isBot
                ? self.identifyBot(user, identify, on: connection, terms: terms, now: now, &state)
                : self.identifyPerson(user, identify, on: connection, terms: terms, &state)
            if case .established = outcome {
                self.metrics.identifies.increment()
            } else {
                self.metrics.refusedIdentifies.increment()
            }
            self.ledger?.record(
                "identify",
                [
                    "user": .id(user.id), "shard": Self.shardJSON(identify.shard), "outcome": .string("\(outcome)"),
                    "bucket": Self.bucketJSON(identify.shard, self.settings.maxConcurrency),
                ])
            return outcome
        }
    }

    private static func shardJSON(_ shard: ConnectionStateMachine.Identify.Shard) -> JSONValue {
        if case .valid(let shard) = shard { [.integer(shard.id), .integer(shard.count)] } else { .null }
    }

    private static func bucketJSON(_ shard: ConnectionStateMachine.Identify.Shard, _ maxConcurrency: Int) -> JSONValue {
        if case .valid(let shard) = shard { .integer(shard.id % max(maxConcurrency, 1)) } else { 0 }
    }

    private func identifyBot(
        _ user: User, _ identify: ConnectionStateMachine.Identify, on connection: GatewayConnection, terms: Terms,
        now: ContinuousClock.Instant, _ state: inout State
    ) -> Establishment {
        guard let application = state.world.applications[user.id] else {
            return .close(.authenticationFailed, "Authentication failed.")
        }
        let shard: ShardID
        switch identify.shard {
        case .valid(let given): shard = given
        case .invalid: return .close(.invalidShard, "Invalid shard.")
        case .none:
            guard let only = ShardID(id: 0, count: 1) else { return .close(.invalidShard, "Invalid shard.") }
            shard = only
        }
        guard let bits = identify.intents else { return .close(.invalidIntents, "Invalid intent(s).") }
        let intents = Intents(rawValue: bits)
        guard intents.isSubset(of: .documented) else { return .close(.invalidIntents, "Invalid intent(s).") }
        guard intents.intersection(.privileged).isSubset(of: Intents(rawValue: application.allowedIntents)) else {
            return .close(.disallowedIntents, "Disallowed intent(s).")
        }
        let guilds = state.world.guilds(of: user.id).filter { shard.receives(guild: $0.id) }
        guard guilds.count <= self.settings.maxGuildsPerSession else {
            return .close(.shardingRequired, "Sharding required.")
        }
        switch state.gate.admit(shard: shard.id, of: user.id, now: now) {
        case .admitted: break
        case .tooSoon: return .invalidSession
        case .exhausted: return .close(.authenticationFailed, "Session start limit reached.")
        }
        let id = self.open(
            GatewaySession(
                id: Self.sessionID(), userID: user.id, isBot: true, shard: shard, intents: intents,
                largeThreshold: identify.largeThreshold, bufferSize: self.settings.replayBufferSize),
            on: connection, &state)
        let ready: JSONObject = [
            "v": .integer(terms.version),
            "user": user.ownJSON,
            "guilds": .array(guilds.map { ["id": .id($0.id), "unavailable": true] }),
            "session_id": .string(id),
            "session_type": "normal",
            "resume_gateway_url": .string(state.addresses.url(isSecure: terms.isSecure)),
            "shard": [.integer(shard.id), .integer(shard.count)],
            "application": ["id": .id(application.id), "flags": .integer(application.flags)],
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "geo_ordered_rtc_regions": [],
            "_trace": ["[\"flotilla-sandbox\",{}]"],
        ]
        self.send(.ready, JSONValue.object(ready).encoded, to: id, &state)
        if intents.contains(.guilds) {
            let seesMembers = intents.contains(.guildPresences) || intents.contains(.guildMembers)
            for guild in guilds {
                let body = state.world.guildCreate(
                    guild, for: user.id, memberLimit: seesMembers ? identify.largeThreshold : 0)
                self.send(guild.isUnavailable ? .guildDelete : .guildCreate, body.encoded, to: id, &state)
            }
        }
        if let presence = identify.presence { state.world.updatePresence(of: user.id, presence) }
        return .established(session: id)
    }

    /// People are not sharded and hear all that they may see; READY holds their guilds in full.
    private func identifyPerson(
        _ user: User, _ identify: ConnectionStateMachine.Identify, on connection: GatewayConnection, terms: Terms,
        _ state: inout State
    ) -> Establishment {
        let id = self.open(
            GatewaySession(
                id: Self.sessionID(), userID: user.id, isBot: false, shard: nil, intents: .documented,
                largeThreshold: identify.largeThreshold, bufferSize: self.settings.replayBufferSize),
            on: connection, &state)
        let guilds = state.world.guilds(of: user.id).map {
            state.world.guildCreate($0, for: user.id, memberLimit: 1000)
        }
        let ready: JSONObject = [
            "v": .integer(terms.version),
            "user": user.ownJSON,
            "guilds": .array(guilds),
            "session_id": .string(id),
            "resume_gateway_url": .string(state.addresses.url(isSecure: terms.isSecure)),
            "private_channels": .array(
                state.world.channels.values.filter { $0.recipientIDs.contains(user.id) }.sorted { $0.id < $1.id }
                    .map { state.world.channelJSON($0, for: user.id) }),
        ]
        self.send(.ready, JSONValue.object(ready).encoded, to: id, &state)
        return .established(session: id)
    }

    private func open(_ session: GatewaySession, on connection: GatewayConnection, _ state: inout State) -> String {
        state.sessions.insert(session)
        state.connections[session.id] = connection
        return session.id
    }

    private static func sessionID() -> String {
        let digits = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }

    /// Op 6. On success the missed events and RESUMED are on their way before this returns.
    func resume(_ resume: ConnectionStateMachine.Resume, on connection: GatewayConnection) -> Establishment {
        let now = self.clock.instant()
        return self.withState { state in
            let outcome = self.resume(resume, on: connection, now: now, &state)
            if case .established = outcome {
                self.metrics.resumes.increment()
            } else {
                self.metrics.refusedResumes.increment()
            }
            self.ledger?.record(
                "resume",
                [
                    "session": .string(resume.sessionID), "seq": .integer(resume.sequence),
                    "outcome": .string("\(outcome)"),
                ])
            return outcome
        }
    }

    private func resume(
        _ resume: ConnectionStateMachine.Resume, on connection: GatewayConnection, now: ContinuousClock.Instant,
        _ state: inout State
    ) -> Establishment {
        guard let user = state.world.user(token: resume.token) else {
            return .close(.authenticationFailed, "Authentication failed.")
        }
        guard let session = state.sessions[resume.sessionID], session.userID == user.id else { return .invalidSession }
        if let detachedAt = session.detachedAt, now - detachedAt > self.settings.sessionTTL {
            state.sessions.remove(session.id)
            return .invalidSession
        }
        let missed: [GatewaySession.Entry]
        do throws(GatewaySession.ResumeRefusal) {
            missed = try session.replay(after: resume.sequence)
        } catch {
            switch error {
            case .sequenceAhead: return .close(.invalidSequence, "Invalid sequence.")
            case .evicted:
                state.sessions.remove(session.id)
                state.connections.removeValue(forKey: session.id)?.drop()
                return .invalidSession
            }
        }
        // A connection that this session still has is dead to its client.
        state.connections.updateValue(connection, forKey: session.id)?.drop()
        state.sessions.update(session.id) { $0.detachedAt = nil }
        for entry in missed { connection.send(session.frame(entry)) }
        self.send(.resumed, JSONValue.object(["_trace": []]).encoded, to: session.id, &state)
        return .established(session: session.id)
    }

    func heartbeat(of id: String, sequence: Int64?) {
        guard self.settings.trimsAtHeartbeat, let sequence else { return }
        self.withState { state in state.sessions.update(id) { $0.trim(through: sequence) } }
    }

    /// A session's connection is over. 1000 and 1001 from the client end the session.
    func connectionClosed(_ connection: GatewayConnection, session id: String, endsSession: Bool) {
        let now = self.clock.instant()
        self.withState { state in
            guard state.connections[id] === connection else { return }
            state.connections[id] = nil
            if endsSession {
                state.sessions.remove(id)
            } else {
                state.sessions.update(id) { $0.detachedAt = now }
            }
        }
    }

    /// Carries out what an identified client asked for.
    func perform(_ action: ConnectionStateMachine.Action, session id: String) {
        let now = self.clock.instant()
        self.withState { state in
            guard let session = state.sessions[id] else { return }
            switch action {
            case .updatePresence(let presence): state.world.updatePresence(of: session.userID, presence)
            case .updateVoiceState(let voice): state.world.updateVoiceState(of: session.userID, session: id, voice)
            case .requestMembers(let request): self.sendMembers(request, session, now: now, &state)
            case .requestSoundboardSounds(let guilds):
                for guild in guilds where state.world.guilds[guild]?.members[session.userID] != nil {
                    let body: JSONValue = ["guild_id": .id(guild), "soundboard_sounds": []]
                    self.send(.soundboardSounds, body.encoded, to: id, &state)
                }
            case .requestChannelInfo(let guild):
                guard state.world.guilds[guild]?.members[session.userID] != nil else { return }
                let body: JSONValue = ["guild_id": .id(guild), "channels": []]
                self.send(.channelInfo, body.encoded, to: id, &state)
            case .none, .acknowledgeHeartbeat, .identify, .resume, .close: break
            }
        }
    }

    /// All members of a guild may be asked for once in 30 s.
    private func sendMembers(
        _ request: ConnectionStateMachine.MembersRequest, _ session: GatewaySession, now: ContinuousClock.Instant,
        _ state: inout State
    ) {
        if request.query == "", request.limit == 0, session.isBot {
            let key = MemberRequestKey(guild: request.guildID, user: session.userID)
            if let last = state.memberRequests[key], now - last < .seconds(30) {
                let wait = (Duration.seconds(30) - (now - last)) / .seconds(1)
                var meta: JSONObject = ["guild_id": .id(request.guildID)]
                if let nonce = request.nonce { meta["nonce"] = .string(nonce) }
                let body: JSONValue = [
                    "opcode": 8, "retry_after": .number(RateLimiter.seconds(wait)), "meta": .object(meta),
                ]
                self.send(.rateLimited, body.encoded, to: session.id, &state)
                return
            }
            state.memberRequests[key] = now
        }
        for chunk in state.world.memberChunks(request, for: session.userID) {
            self.send(.guildMembersChunk, chunk.encoded, to: session.id, &state)
        }
    }
}
