extension Checker {
    /// Every event of every session came out, or is filtered, or a gap record in its lane covers it.
    func loss(_ facts: LaneFacts) -> Verdict {
        var findings = Findings("loss")
        for (index, session) in self.history.sessions.enumerated() {
            guard let slot = session.slot else { continue }
            findings.checked += session.dispatches.count
            // Nothing of it was ever published, and its slot went on with another: READY did not arrive, or died with
            // the process that had it. For those who read the lanes the session before it ended at the next READY.
            let isUnheard = !facts.isHeard[index] && session.ordinal + 1 < self.history.slotSessions[slot].count
            if isUnheard { findings.count("sessions that nobody heard") }
            for sequence in session.dispatches.indices.map({ $0 + 1 }) where !facts.isSeen(index, sequence) {
                let dispatch = session.dispatches[sequence - 1]
                let name = self.history.name(of: dispatch)
                if self.terms.filtered.contains(name) {
                    findings.count("filtered")
                } else if self.mayHaveExpired(dispatch) {
                    findings.count("commands that expired")
                } else if isUnheard {
                    findings.count("in sessions that nobody heard")
                } else if self.isCovered(session: index, sequence, dispatch, facts) {
                    findings.count("covered by gap records")
                } else if let excuse = self.excuse(session: index, sequence, facts) {
                    findings.count(excuse)
                } else {
                    findings.violated("\(self.name(index, sequence)) never came")
                }
            }
        }
        return findings.verdict
    }

    /// A command is worth nothing after 2.5 s, and the broker forgets those that it can't even dead-letter: that
    /// happens when it goes down with them.
    private func mayHaveExpired(_ dispatch: LedgerHistory.Dispatch) -> Bool {
        guard self.terms.commands.contains(self.history.name(of: dispatch)) else { return false }
        let at = self.history.time(of: dispatch.line)
        return self.recording.outages.contains { $0.from - self.terms.commandMilliseconds <= at && at <= $0.to }
    }

    private func isCovered(
        session: Int, _ sequence: Int, _ dispatch: LedgerHistory.Dispatch, _ facts: LaneFacts
    ) -> Bool {
        guard let gaps = facts.gaps[session] else { return false }
        // Without a guild its lane is not known: then all of them have to say so.
        let lanes = self.lane(of: dispatch).map { $0..<($0 + 1) } ?? 0..<self.terms.lanes
        return lanes.allSatisfy { gaps[$0].map { $0 < Int64(sequence) } ?? false }
    }

    /// A session that was followed by another has a gap record in every lane, and all of them say the same.
    func checkGaps(_ facts: LaneFacts, _ findings: inout Findings) {
        for sessions in self.history.slotSessions {
            let heard = sessions.filter { facts.isHeard[$0] }
            for (index, session) in heard.enumerated()
            where heard[(index + 1)...].contains(where: { self.areOfOneGeneration(session, $0) }) {
                findings.checked += 1
                let gaps = facts.gaps[session] ?? [:]
                let missing = (0..<self.terms.lanes).filter { gaps[$0] == nil }
                guard !missing.isEmpty else { continue }
                findings.violated(
                    "session \(self.history.sessions[session].id) of "
                        + "\(self.history.slots.values[self.history.sessions[session].slot ?? 0]) was lost, and "
                        + (missing.count == self.terms.lanes ? "no lane" : "not each lane (lane \(missing[0]))")
                        + " has a gap record of it")
            }
        }
    }

    /// A client claims nothing that it was not sent, and all that it claims came out.
    func checkClaims(_ facts: LaneFacts, _ findings: inout Findings) {
        for (index, session) in self.history.sessions.enumerated() where session.slot != nil {
            for claim in session.claims {
                findings.checked += 1
                findings.count(claim.isResume ? "RESUMEs" : "heartbeats")
                let isSent =
                    claim.sequence <= 0
                    || claim.sequence <= session.dispatches.count
                        && session.dispatches[Int(claim.sequence) - 1].line < claim.line
                if !isSent {
                    findings.violated(
                        "session \(session.id): \(claim.isResume ? "RESUME" : "a heartbeat") with \(claim.sequence) in "
                            + "ledger line \(claim.line), before the session had that number")
                }
            }
            let claimed = Int(min(self.claims[index].highest, Int64(session.dispatches.count)))
            for sequence in 0..<claimed where !facts.isSeen(index, sequence + 1) {
                let dispatch = session.dispatches[sequence]
                guard !self.terms.filtered.contains(self.history.name(of: dispatch)), !self.mayHaveExpired(dispatch),
                    self.excuse(session: index, sequence + 1, facts) == nil
                else { continue }
                findings.violated("\(self.name(index, sequence + 1)) was claimed and never came")
            }
        }
    }
}
