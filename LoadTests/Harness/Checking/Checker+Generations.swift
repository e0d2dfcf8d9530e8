/// While an application is resharded two generations are connected, and of each lane one publishes, or both do.
extension Checker {
    /// What is sent to one session for its own sake. GUILD_DELETE: of a guild that READY named and that was left before
    /// its GUILD_CREATE.
    private static let own: Set<String> = [
        "READY", "RESUMED", "GUILD_CREATE", "GUILD_DELETE", "GUILD_MEMBERS_CHUNK", "SOUNDBOARD_SOUNDS", "CHANNEL_INFO",
        "RATE_LIMITED",
    ]

    /// Why an event need not have come from this session; nil: it is lost.
    func excuse(session: Int, _ sequence: Int, _ facts: LaneFacts) -> String? {
        guard let counterparts, let slot = self.history.sessions[session].slot else { return nil }
        let place = Counterparts.Place(session: session, sequence: sequence)
        let others = counterparts.others(of: place)
        if others.contains(where: { facts.isSeen($0.session, $0.sequence) }) {
            return "came from the other generation"
        }
        let dispatch = self.history.sessions[session].dispatches[sequence - 1]
        // Nobody published it; that of the other one's session may be told.
        let isTold = others.contains { other in
            self.history.sessions[other.session].slot != slot
                && self.gapCovers(session: other.session, other.sequence, dispatch, facts)
        }
        if isTold { return "covered by a gap record of the other generation" }
        // A session that nobody heard is not another one's witness.
        guard !others.contains(where: { facts.isHeard[$0.session] }) else { return nil }
        guard self.isMuted(session, sequence, facts, counterparts) else { return nil }
        if Self.own.contains(self.history.name(of: dispatch)) { return "of a muted session alone" }
        return self.otherIsLost(slot, dispatch, facts) ? "while the generation that publishes had no session" : nil
    }

    private func gapCovers(
        session: Int, _ sequence: Int, _ dispatch: LedgerHistory.Dispatch, _ facts: LaneFacts
    ) -> Bool {
        guard let gaps = facts.gaps[session] else { return false }
        let lanes = self.lane(of: dispatch).map { $0..<($0 + 1) } ?? 0..<self.terms.lanes
        return lanes.allSatisfy { gaps[$0].map { $0 < Int64(sequence) } ?? false }
    }

    /// Whether the session may have been silent in the event's lane then: what it was sent there before, or what it was
    /// sent after, did not come from it either.
    private func isMuted(
        _ session: Int, _ sequence: Int, _ facts: LaneFacts, _ counterparts: Counterparts
    ) -> Bool {
        let told = self.history.sessions[session]
        guard let slot = told.slot else { return false }
        // An event without a guild goes by its shard, as far as the ledger tells.
        func lane(_ dispatch: LedgerHistory.Dispatch) -> Int {
            self.lane(of: dispatch) ?? self.history.slots.values[slot].shard % self.terms.lanes
        }
        let own = lane(told.dispatches[sequence - 1])
        func isSeen(_ indices: some Sequence<Int>) -> Bool {
            for index in indices where lane(told.dispatches[index]) == own {
                if facts.isSeen(session, index + 1) { return true }
                if counterparts.event(Counterparts.Place(session: session, sequence: index + 1)) != nil {
                    return false
                }
            }
            return false
        }
        return !isSeen((0..<sequence - 1).reversed()) || !isSeen(sequence..<told.dispatches.count)
    }

    /// Whether a session of another shard count that heard the guild was lost before this event, a gap record tells of
    /// it, and the next one had not begun.
    private func otherIsLost(_ slot: Int, _ dispatch: LedgerHistory.Dispatch, _ facts: LaneFacts) -> Bool {
        guard let guild = self.history.guild(of: dispatch) else { return false }
        let own = self.history.slots.values[slot]
        for (number, other) in self.history.slots.values.enumerated()
        where other.application == own.application && other.numShards != own.numShards
            && other.shard == Int((guild >> 22) % UInt64(other.numShards))
        {
            let before = self.history.slotSessions[number].last {
                self.history.sessions[$0].identifyLine < dispatch.line
            }
            guard let before, let end = self.history.sessions[before].end, end.line < dispatch.line else { continue }
            if facts.gaps[before] != nil { return true }
        }
        return false
    }

    /// An event that both generations published comes close enough together for a consumer to tell.
    func doubles(_ counterparts: Counterparts) -> Verdict {
        var findings = Findings("doubles")
        var first: [Int: (session: Int, at: Int64)] = [:]
        var met: Set<Counterparts.Place> = []
        for queue in self.recording.queues {
            for occurrence in queue.occurrences where !occurrence.isGap {
                let message = self.recording.messages[Int(occurrence.message)]
                guard let session = self.sessions[Int(message.session)] else { continue }
                let place = Counterparts.Place(session: session, sequence: Int(occurrence.sequence))
                // What comes again of one session is told by its number.
                guard let event = counterparts.event(place), met.insert(place).inserted else { continue }
                findings.checked += 1
                guard let before = first[event] else {
                    first[event] = (session, message.at)
                    continue
                }
                findings.count("published by both generations")
                let apart = abs(message.at - before.at)
                if apart > self.terms.memoryMilliseconds {
                    findings.violated(
                        "\(self.name(session, Int(occurrence.sequence))) came \(apart) ms after the same event from "
                            + "session \(self.history.sessions[before.session].id)")
                }
            }
        }
        return findings.verdict
    }
}
