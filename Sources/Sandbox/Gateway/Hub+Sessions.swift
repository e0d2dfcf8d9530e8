import Discord
import Gateway
import NIOCore

extension Hub {
    enum Establishment: Sendable, Equatable {
        case established(session: String)
        case invalidSession
        case close(GatewayCloseCode, String)
    }

    func nextConnectionID() -> Int64 {
        self.withState { state in
            state.lastConnection += 1
            return state.lastConnection
        }
    }

    /// Takes a connection in; what it is told first.
    func opened(_ handler: GatewayConnectionHandler) -> Door.Greeting {
        let now = self.clock.instant()
        return self.withState { state in
            state.open[handler.id] = handler
            self.ledger?.record(.connected(handler.id, peer: handler.peer))
            return state.door.greeting(now: now)
        }
    }

    /// A connection is over. 1000 and 1001 from the client end its session.
    ///
    /// - Parameters:
    ///   - session: the last one that it had.
    ///   - endsSession: the code, if it is one of those.
    ///   - isAnswered: whether the client has answered the sandbox' close frame.
    func closed(
        _ handler: GatewayConnectionHandler, session: String?, endsSession: UInt16?, reason: String, isAnswered: Bool
    ) {
        self.withState { state in
            state.open[handler.id] = nil
            self.ledger?.record(.disconnected(handler.id, session: session, reason: reason, isAnswered: isAnswered))
            guard let session, state.connections[session] === handler else { return }
            if let endsSession {
                self.endSession(session, .clientClosed(endsSession), &state)
            } else {
                self.detachSession(session, &state)
            }
        }
    }

    func admission(at entrance: Door.Entrance) -> GatewayAdmission {
        let now = self.clock.instant()
        return self.withState { $0.door.admission(at: entrance, now: now) }
    }

    /// Ends a session. Its client, if there is one, hears nothing of it here.
    @discardableResult
    func endSession(_ id: String, _ reason: SessionEnd, _ state: inout State) -> GatewayConnectionHandler? {
        guard state.sessions.remove(id) != nil else { return nil }
        self.ledger?.record(.sessionEnded(id, reason: reason))
        let handler = state.connections.removeValue(forKey: id)
        handler?.detach()
        return handler
    }

    /// Parts a session from its client, who may come back for it.
    @discardableResult
    func detachSession(_ id: String, _ state: inout State) -> GatewayConnectionHandler? {
        let now = self.clock.instant()
        state.sessions.update(id) { $0.detachedAt = now }
        let handler = state.connections.removeValue(forKey: id)
        handler?.detach()
        return handler
    }

    /// Ends all of a user's sessions, as when its token is taken away.
    func endSessions(of user: Snowflake, _ reason: SessionEnd, code: GatewayCloseCode, _ state: inout State) {
        for id in state.sessions.sessions(of: user).sorted() {
            self.endSession(id, reason, &state)?.close(code, code.description)
        }
    }

    /// Ends the sessions that were begun or resumed with this token.
    func logOut(token: String) {
        let credential = SHA256.hexadecimal(token)
        self.withState { state in
            guard let user = state.world.user(token: token) else { return }
            state.world.removeCredential(token: token)
            for id in state.sessions.sessions(of: user.id).sorted()
            where state.sessions[id]?.credential == credential {
                let code = GatewayCloseCode.authenticationFailed
                self.endSession(id, .loggedOut, &state)?.close(code, code.description)
            }
        }
    }

    /// Tells the ledger that no session outlives this process.
    func endAllSessions() {
        self.withState { state in
            for id in state.sessions.ids.sorted() { self.endSession(id, .sandboxStopped, &state) }
        }
    }

    /// What a heartbeat told. Only the session's present client counts: an old one has no say in what is replayed.
    func heartbeat(_ sequence: Int64?, on handler: GatewayConnectionHandler) {
        self.withState { state in
            let session = self.session(of: handler, state)
            self.ledger?.record(.heartbeat(handler.id, session: session?.id, sequence: sequence))
            guard let session, let sequence else { return }
            state.sessions.update(session.id) { session in
                session.acknowledged = max(session.acknowledged ?? 0, sequence)
                if self.settings.trimsAtHeartbeat { session.trim(through: min(sequence, session.lastSequence)) }
            }
        }
    }

    /// The session that hears this client, unless another client has it by now.
    func session(of handler: GatewayConnectionHandler, _ state: State) -> GatewaySession? {
        guard let id = handler.session, state.connections[id] === handler else { return nil }
        return state.sessions[id]
    }
}
