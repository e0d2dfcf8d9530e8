/// Compares what the sandbox sent with what came out of the queues.
package struct Checker {
    let history: LedgerHistory
    let recording: Recording
    let terms: CheckerTerms

    /// In `history.sessions` for each of the recording's; nil: the sandbox never had it.
    let sessions: [Int?]
    /// The recording's names and guilds by the history's numbers; -1: the sandbox never sent it.
    let names: [Int]
    let guilds: [Int]
    let claims: [ClaimFront]
    /// In `history.slots` for each of the recording's; nil: the sandbox never had it.
    let slots: [Int?]
    /// The highest epoch that published anything of each session; nil: nothing of it was published.
    let lastEpochs: [Int64?]
    /// The generation that published each session; nil: nothing of it was published.
    let generations: [Int64?]
    /// What the sessions of two shard counts have in common; nil: there is one shard count.
    let counterparts: Counterparts?

    package init(history: LedgerHistory, recording: Recording, terms: CheckerTerms) {
        self.history = history
        self.recording = recording
        self.terms = terms
        self.sessions = recording.sessions.values.map { history.session($0) }
        self.names = recording.names.values.map { history.names.find($0) ?? -1 }
        self.guilds = [0] + recording.guilds.values.map { history.guilds.find($0).map { $0 + 1 } ?? -1 }
        self.claims = history.sessions.map { ClaimFront($0.claims) }
        self.slots = recording.slots.values.map { history.slots.find($0) }
        var epochs: [Int64?] = history.sessions.map { _ in nil }
        var generations: [Int64?] = epochs
        for message in recording.messages {
            guard let session = self.sessions[Int(message.session)] else { continue }
            epochs[session] = max(epochs[session] ?? message.epoch, message.epoch)
            generations[session] = message.generation
        }
        self.lastEpochs = epochs
        self.generations = generations
        self.counterparts = Counterparts(history)
    }

    /// Once nothing is on its way any more.
    package func verdicts() -> [Verdict] {
        var facts = LaneFacts(history: self.history)
        var content = Findings("content")
        var order = Findings("order")
        var watermark = Findings("watermark")
        var handover = Findings("sessions")
        for queue in self.recording.queues.indices {
            var walk = LaneWalk(self, queue: queue)
            walk.run(&facts, content: &content, order: &order, watermark: &watermark, sessions: &handover)
        }
        self.checkGaps(facts, &handover)
        self.checkClaims(facts, &watermark)
        return [
            self.soundness(), self.loss(facts), content.verdict, order.verdict, handover.verdict, watermark.verdict,
            self.identifySpacing(), self.identifyReasons(facts), self.sessionStartReserve(),
        ] + (self.terms.identifyWindows.isEmpty ? [] : [self.identifyCounts()])
            + (self.counterparts.map { [self.doubles($0)] } ?? [])
    }

    /// Whether ledger and recording are whole: nothing is shown by ones that are not.
    private func soundness() -> Verdict {
        var findings = Findings("records")
        findings.checked = self.history.eventCount + self.recording.eventCount
        for defect in self.history.defects { findings.violated("the ledger: \(defect)") }
        for defect in self.recording.defects { findings.violated("the queues: \(defect)") }
        for session in self.history.sessions where session.slot == nil {
            // A person's session has no slot and is never published.
            findings.count("sessions without a shard")
            if self.recording.sessions.find(session.id) != nil {
                findings.violated("session \(session.id) is in the queues and was begun by no IDENTIFY with a shard")
            }
        }
        return findings.verdict
    }

    /// An event for people.
    func name(_ session: Int, _ sequence: Int) -> String {
        let told = self.history.sessions[session]
        let slot = told.slot.map { "\(self.history.slots.values[$0]) " } ?? ""
        guard told.dispatches.indices.contains(sequence - 1) else { return "\(slot)session \(told.id) s \(sequence)" }
        let dispatch = told.dispatches[sequence - 1]
        let guild = self.history.guild(of: dispatch).map { " of guild \($0)" } ?? ""
        return "\(slot)session \(told.id) s \(sequence) \(self.history.name(of: dispatch))\(guild) (ledger line "
            + "\(dispatch.line))"
    }

    /// Whether two sessions of one slot belong to the same generation, as far as was heard of them. A shard count that
    /// was given up and is tried again has the same slots and no more in common.
    func areOfOneGeneration(_ first: Int, _ second: Int) -> Bool {
        guard let first = self.generations[first], let second = self.generations[second] else { return true }
        return first == second
    }

    /// The lane that an event belongs to; nil where that hangs on what the ledger does not tell.
    func lane(of dispatch: LedgerHistory.Dispatch) -> Int? {
        self.history.guild(of: dispatch).map { Int(($0 >> 22) % UInt64(self.terms.lanes)) }
    }
}

/// When a session's client first claimed to have everything up to a number.
struct ClaimFront {
    private var sequences: [Int64] = []
    private var lines: [UInt32] = []

    init(_ claims: [LedgerHistory.Claim]) {
        for claim in claims where claim.sequence > self.sequences.last ?? 0 {
            self.sequences.append(claim.sequence)
            self.lines.append(claim.line)
        }
    }

    /// The highest number that was claimed.
    var highest: Int64 { self.sequences.last ?? 0 }

    /// The ledger's line of the first claim that covers this number.
    func line(covering sequence: Int64) -> UInt32? {
        let index = self.sequences.partitioningIndex { $0 >= sequence }
        return index < self.lines.count ? self.lines[index] : nil
    }
}

/// What the walks over the queues found, for the checks that look at the whole.
struct LaneFacts {
    /// For each session which of its events were met, a bit each.
    private var seen: [[UInt64]]
    /// Sessions of which anything was met.
    private(set) var isHeard: [Bool]
    /// For each session the lowest `after` of its gap records in each lane.
    var gaps: [Int: [Int: Int64]] = [:]
    /// Sessions that a gap record of an unknown session stands for.
    var unknown: Set<Int> = []

    init(history: LedgerHistory) {
        self.seen = history.sessions.map { [UInt64](repeating: 0, count: ($0.dispatches.count + 63) / 64) }
        self.isHeard = history.sessions.map { _ in false }
    }

    func isSeen(_ session: Int, _ sequence: Int) -> Bool {
        self.seen[session][(sequence - 1) / 64] & 1 << ((sequence - 1) % 64) != 0
    }

    mutating func see(_ session: Int, _ sequence: Int) {
        self.seen[session][(sequence - 1) / 64] |= 1 << ((sequence - 1) % 64)
        self.isHeard[session] = true
    }
}
