import Discord
import Gateway
import NIOCore
import Runtime

extension Hub {
    private enum ResumeVerdict: Sendable {
        case resumed(GatewaySession, missed: [GatewaySession.Entry])
        case refused(Establishment)
    }

    /// Op 6. On success the missed events and RESUMED are on their way before this returns.
    func resume(_ resume: ConnectionStateMachine.Resume, on handler: GatewayConnectionHandler) -> Establishment {
        let now = self.clock.instant()
        return self.withState { state in
            let verdict = self.judge(resume, now: now, &state)
            switch verdict {
            case .refused(let refusal):
                self.metrics.refusedResumes.increment()
                var outcome = "invalid_session"
                if case .close(let code, _) = refusal { outcome = "closed:\(code.rawValue)" }
                self.ledger?.record(
                    .resume(
                        handler.id, session: resume.sessionID, sequence: resume.sequence, outcome: outcome,
                        replayed: nil))
                return refusal
            case .resumed(let session, let missed):
                self.metrics.resumes.increment()
                self.ledger?.record(
                    .resume(
                        handler.id, session: session.id, sequence: resume.sequence, outcome: "resumed",
                        replayed: missed.count))
                self.takeOver(session.id, by: handler, &state)
                state.sessions.update(session.id) { session in
                    session.detachedAt = nil
                    session.credential = SHA256.hexadecimal(resume.token)
                    session.acknowledged = max(session.acknowledged ?? 0, resume.sequence)
                }
                for entry in missed { handler.deliver(session.frame(entry)) }
                self.send(.resumed, JSONValue.object(["_trace": []]).encoded, to: session.id, &state)
                return .established(session: session.id)
            }
        }
    }

    private func judge(
        _ resume: ConnectionStateMachine.Resume, now: ContinuousClock.Instant, _ state: inout State
    ) -> ResumeVerdict {
        guard let user = state.world.user(token: resume.token) else {
            return .refused(.close(.authenticationFailed, "Authentication failed."))
        }
        guard let session = state.sessions[resume.sessionID], session.userID == user.id else {
            return .refused(.invalidSession)
        }
        if let detachedAt = session.detachedAt, now - detachedAt > self.settings.sessionTTL {
            self.endSession(session.id, .expired, &state)
            return .refused(.invalidSession)
        }
        do throws(GatewaySession.ResumeRefusal) {
            return .resumed(session, missed: try session.replay(after: resume.sequence))
        } catch {
            switch error {
            case .sequenceAhead: return .refused(.close(.invalidSequence, "Invalid sequence."))
            case .evicted:
                self.endSession(session.id, .evicted, &state)?.drop()
                return .refused(.invalidSession)
            }
        }
    }

    /// Gives the session to another connection. What the one before meets is for `takeover` to say: Discord does not
    /// tell what it does there.
    private func takeOver(_ session: String, by handler: GatewayConnectionHandler, _ state: inout State) {
        let old = state.connections.updateValue(handler, forKey: session)
        if let old, old !== handler {
            old.detach()
            switch self.settings.takeover {
            case .drop: old.drop()
            case .op9: old.invalidate(isResumable: false)
            case .close:
                let code = GatewayCloseCode(rawValue: self.settings.takeoverCode)
                old.close(code, code.description)
            case .silent: old.silence()
            }
        }
        handler.attach(session)
    }
}
