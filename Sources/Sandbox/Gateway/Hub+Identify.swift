import Discord
import Gateway
import NIOCore
import Runtime

extension Hub {
    private enum Verdict: Sendable {
        case bot(User, SandboxApplication, ShardID, Intents, guilds: [Snowflake])
        case person(User)
        case refused(Establishment)
    }

    /// Op 2. On success READY and what follows it are on their way before this returns.
    func identify(
        _ identify: ConnectionStateMachine.Identify, on handler: GatewayConnectionHandler
    ) -> Establishment {
        let now = self.clock.instant()
        return self.withState { state in
            var entry = LedgerEntry.Identify(connection: handler.id)
            if case .valid(let shard) = identify.shard { entry.shard = shard }
            let verdict = self.judge(identify, &entry, now: now, &state)
            if let application = entry.application {
                entry.remaining = state.gate.startLimit(of: application, now: now).remaining
            }
            if case .refused(let refusal) = verdict {
                self.metrics.refusedIdentifies.increment()
                if case .close(let code, _) = refusal { entry.outcome = "closed:\(code.rawValue)" }
                if case .invalidSession = refusal { entry.outcome = "invalid_session" }
                self.ledger?.record(.identify(entry))
                return refusal
            }
            self.metrics.identifies.increment()
            let id = Self.sessionID()
            entry.outcome = "ready"
            entry.session = id
            self.ledger?.record(.identify(entry))
            switch verdict {
            case .bot(let user, let application, let shard, let intents, let guilds):
                var session = self.session(id, of: user, identify, shard: shard, intents: intents)
                if intents.contains(.guilds) {
                    session.pendingGuilds = Set(guilds.filter { self.comesLate($0) })
                }
                self.open(session, on: handler, &state)
                self.sendReady(of: application, user, session, guilds, on: handler, &state)
            case .person(let user):
                let session = self.session(id, of: user, identify, shard: nil, intents: .documented)
                self.open(session, on: handler, &state)
                self.sendReady(of: user, session, on: handler, &state)
            case .refused: break  // answered above
            }
            if let presence = identify.presence, let session = state.sessions[id] {
                state.world.updatePresence(of: session.userID, presence, shard: session.shard)
            }
            return .established(session: id)
        }
    }

    private func judge(
        _ identify: ConnectionStateMachine.Identify, _ entry: inout LedgerEntry.Identify,
        now: ContinuousClock.Instant, _ state: inout State
    ) -> Verdict {
        let unauthenticated = Verdict.refused(.close(.authenticationFailed, "Authentication failed."))
        guard let user = state.world.user(token: identify.token) else { return unauthenticated }
        guard user.isBot else {
            entry.person = user.id
            return .person(user)
        }
        guard let application = state.world.applications[user.id] else { return unauthenticated }
        entry.application = application.id
        let invalidShard = Verdict.refused(.close(.invalidShard, "Invalid shard."))
        if case .none = identify.shard { entry.shard = ShardID(id: 0, count: 1) }
        guard let shard = entry.shard, shard.count.isMultiple(of: max(self.settings.shardCountMultiple, 1)) else {
            return invalidShard
        }
        let intents = Intents(rawValue: identify.intents ?? .max)
        guard intents.isSubset(of: .documented) else {
            return .refused(.close(.invalidIntents, "Invalid intent(s)."))
        }
        guard intents.intersection(.privileged).isSubset(of: Intents(rawValue: application.allowedIntents)) else {
            return .refused(.close(.disallowedIntents, "Disallowed intent(s)."))
        }
        let guilds = state.world.guilds.ids(of: user.id) { shard.receives(guild: $0) }
        guard guilds.count <= self.settings.maxGuildsPerSession else {
            return .refused(.close(.shardingRequired, "Sharding required."))
        }
        switch state.gate.admit(shard: shard.id, of: user.id, now: now) {
        case .admitted: return .bot(user, application, shard, intents, guilds: guilds)
        case .tooSoon: return .refused(.invalidSession)
        case .exhausted:
            // Discord ends every session and resets the token of who goes over the limit.
            self.resetToken(of: application.id, reason: "session start limit", &state)
            return unauthenticated
        }
    }

    private func session(
        _ id: String, of user: User, _ identify: ConnectionStateMachine.Identify, shard: ShardID?, intents: Intents
    ) -> GatewaySession {
        GatewaySession(
            id: id, userID: user.id, isBot: user.isBot, shard: shard, intents: intents,
            largeThreshold: identify.largeThreshold, credential: SHA256.hexadecimal(identify.token),
            limit: .init(events: self.settings.replayBufferSize, bytes: self.settings.replayBufferBytes))
    }

    private func open(_ session: GatewaySession, on handler: GatewayConnectionHandler, _ state: inout State) {
        state.sessions.insert(session)
        state.connections[session.id] = handler
        handler.attach(session.id)
    }

    private func sendReady(
        of application: SandboxApplication, _ user: User, _ session: GatewaySession, _ guilds: [Snowflake],
        on handler: GatewayConnectionHandler, _ state: inout State
    ) {
        let ready: JSONObject = [
            "v": .integer(handler.terms.version),
            "user": user.ownJSON,
            "guilds": .array(guilds.map { ["id": .id($0), "unavailable": true] }),
            "session_id": .string(session.id),
            "session_type": "normal",
            "resume_gateway_url": .string(state.addresses.resumeURL(isSecure: handler.terms.isSecure)),
            "shard": .array([session.shard?.id, session.shard?.count].map { .integer($0 ?? 0) }),
            "application": ["id": .id(application.id), "flags": .integer(application.flags)],
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "geo_ordered_rtc_regions": [],
            "_trace": ["[\"flotilla-sandbox\",{}]"],
        ]
        self.send(.ready, JSONValue.object(ready).encoded, to: session.id, &state)
        if session.intents.contains(.guilds) { self.sendGuilds(guilds, to: session, &state) }
    }

    /// People are not sharded and hear all that they may see; READY holds their guilds in full.
    private func sendReady(
        of user: User, _ session: GatewaySession, on handler: GatewayConnectionHandler, _ state: inout State
    ) {
        let direct = state.world.channels.direct.filter { $0.recipientIDs.contains(user.id) }.sorted { $0.id < $1.id }
        let ready: JSONObject = [
            "v": .integer(handler.terms.version),
            "user": user.ownJSON,
            "session_id": .string(session.id),
            "resume_gateway_url": .string(state.addresses.resumeURL(isSecure: handler.terms.isSecure)),
            "private_channels": .array(direct.map { state.world.channelJSON($0, for: user.id) }),
        ]
        var writer = JSONWriter()
        writer.raw("{\"guilds\":")
        writer.list(state.world.guilds(of: user.id)) { writer, guild in
            writer.raw(state.world.guildCreate(guild, for: user.id, .person))
        }
        for member in ready.members {
            writer.raw(",")
            writer.string(member.key)
            writer.raw(":")
            writer.value(member.value)
        }
        writer.raw("}")
        self.send(.ready, writer.bytes, to: session.id, &state)
    }

    private static func sessionID() -> String {
        let digits = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }
}
