/// Goes over one queue in its order of arrival.
struct LaneWalk {
    /// What was met of one session in this lane.
    private struct Track {
        var last: UInt32 = 0
        var highest: UInt32 = 0
        /// The last message that the publisher sent: its first event, and where it came.
        var message: UInt32?
        var messageSequence: UInt32 = 0
        var messagePosition = 0
        /// The next of the session's RESUMEs, and of the queue's interruptions, that may explain a repeat.
        var nextResume = 0
        var nextInterruption = 0
        var hasGap = false
        var isMet = false
    }

    private let checker: Checker
    private let queue: Recording.Queue
    private let lane: Int?
    private var tracks: [Track]
    /// For each slot the session that this lane has come to.
    private var current: [Int]
    /// The latest line of the ledger that anything in this lane comes from.
    private var latestLine: UInt32 = 0
    private var latest: (session: Int, sequence: Int)?

    init(_ checker: Checker, queue index: Int) {
        self.checker = checker
        self.queue = checker.recording.queues[index]
        self.lane = index < checker.recording.lanes ? index : nil
        self.tracks = Array(repeating: Track(), count: checker.history.sessions.count)
        self.current = Array(repeating: -1, count: checker.history.slots.values.count)
    }

    mutating func run(
        _ facts: inout LaneFacts, content: inout Findings, order: inout Findings, watermark: inout Findings,
        sessions: inout Findings
    ) {
        for (position, occurrence) in self.queue.occurrences.enumerated() {
            let message = self.checker.recording.messages[Int(occurrence.message)]
            if occurrence.isGap {
                let gap = self.checker.recording.gaps[Int(occurrence.sequence)]
                if gap.isOfUnknownSession {
                    self.metUnknown(gap, message, position, &facts, content: &content, sessions: &sessions)
                } else {
                    self.met(gap, message, position, &facts, content: &content, sessions: &sessions)
                }
                continue
            }
            guard let session = self.checker.sessions[Int(message.session)] else {
                content.violated(
                    "\(self.place(position)): session \(self.checker.recording.sessions.values[Int(message.session)]) "
                        + "was never begun")
                continue
            }
            guard self.checkContent(occurrence, of: session, position, &content) else { continue }
            if self.lane != nil {
                self.checkSession(session, occurrence, message, position, &sessions)
                let isFirst = !facts.isSeen(session, Int(occurrence.sequence))
                if isFirst { self.checkClaim(session, occurrence, position, &watermark) }
                self.checkOrder(session, occurrence, message, position, isFirst: isFirst, &order)
                self.note(session, occurrence, message, position, isFirst: isFirst)
            }
            facts.see(session, Int(occurrence.sequence))
        }
    }

    private func place(_ position: Int) -> String { "\(self.queue.name)[\(position)]" }

    // MARK: What it is

    /// Whether it is an event that the sandbox sent.
    private func checkContent(
        _ occurrence: Recording.Occurrence, of session: Int, _ position: Int, _ content: inout Findings
    ) -> Bool {
        content.checked += 1
        let checker = self.checker
        let dispatches = checker.history.sessions[session].dispatches
        let index = Int(occurrence.sequence) - 1
        guard dispatches.indices.contains(index) else {
            content.violated(
                "\(self.place(position)): \(checker.name(session, index + 1)), and the sandbox' last is \(dispatches.count)"
            )
            return false
        }
        let sent = dispatches[index]
        if Int(sent.name) != checker.names[Int(occurrence.name)] {
            content.violated(
                "\(self.place(position)): \(checker.name(session, index + 1)) came as "
                    + checker.recording.names.values[Int(occurrence.name)])
        } else if Int(sent.guild) != checker.guilds[Int(occurrence.guild)] {
            content.violated(
                "\(self.place(position)): \(checker.name(session, index + 1)) came as one of guild "
                    + (occurrence.guild == 0
                        ? "none" : "\(checker.recording.guilds.values[Int(occurrence.guild) - 1])"))
        } else if sent.hash != occurrence.hash {
            content.violated(
                "\(self.place(position)): \(checker.name(session, index + 1)): the bytes of d were changed")
        }
        let name = checker.history.name(of: sent)
        if checker.terms.filtered.contains(name) {
            content.violated("\(self.place(position)): \(checker.name(session, index + 1)): the plan filters it")
        } else if checker.terms.commands.contains(name) != (self.lane == nil) {
            content.violated("\(self.place(position)): \(checker.name(session, index + 1)): the wrong kind of queue")
        } else if let lane = self.lane, let right = checker.lane(of: sent), right != lane {
            content.violated("\(self.place(position)): \(checker.name(session, index + 1)): belongs to lane \(right)")
        }
        return true
    }

    // MARK: Sessions of a slot

    private mutating func checkSession(
        _ session: Int, _ occurrence: Recording.Occurrence, _ message: Recording.Message, _ position: Int,
        _ sessions: inout Findings
    ) {
        let told = self.checker.history.sessions[session]
        guard let slot = told.slot else { return }
        if self.tracks[session].hasGap, !message.isRedelivered {
            sessions.violated(
                "\(self.place(position)): \(self.checker.name(session, Int(occurrence.sequence))) after the gap record "
                    + "of its session")
        }
        if told.ordinal < self.current[slot] {
            if !message.isRedelivered, !self.isRepublished(session, occurrence, position) {
                sessions.violated(
                    "\(self.place(position)): \(self.checker.name(session, Int(occurrence.sequence))) after events of "
                        + "its slot's next session")
            }
        } else {
            self.current[slot] = told.ordinal
        }
        guard !self.tracks[session].isMet else { return }
        self.tracks[session].isMet = true
        sessions.checked += 1
        for earlier in self.checker.history.slotSessions[slot].prefix(told.ordinal)
        where self.tracks[earlier].isMet && !self.tracks[earlier].hasGap
            && self.checker.areOfOneGeneration(earlier, session)
        {
            sessions.violated(
                "\(self.place(position)): session \(told.id) of \(self.checker.history.slots.values[slot]) begins "
                    + "without a gap record of session \(self.checker.history.sessions[earlier].id) before it")
        }
    }

    private mutating func met(
        _ gap: Recording.Gap, _ message: Recording.Message, _ position: Int, _ facts: inout LaneFacts,
        content: inout Findings, sessions: inout Findings
    ) {
        sessions.checked += 1
        sessions.count("gap records")
        guard let session = self.checker.history.session(gap.session) else {
            return content.violated("\(self.place(position)): a gap record of session \(gap.session), never begun")
        }
        if self.checker.sessions[Int(message.session)] != session {
            content.violated(
                "\(self.place(position)): a gap record of session \(gap.session) in a message of another session")
        }
        guard let lane = self.lane else {
            return content.violated("\(self.place(position)): a gap record outside of the lanes")
        }
        let told = self.checker.history.sessions[session]
        if let slot = told.slot, told.ordinal < self.current[slot], !self.tracks[session].hasGap,
            !message.isRedelivered
        {
            sessions.violated(
                "\(self.place(position)): the gap record of session \(gap.session) after events of its slot's next "
                    + "session")
        }
        if gap.after > Int64(told.dispatches.count) {
            sessions.violated(
                "\(self.place(position)): the gap record of session \(gap.session) says after \(gap.after), and its "
                    + "last number is \(told.dispatches.count)")
        }
        self.tracks[session].hasGap = true
        let known = facts.gaps[session]?[lane]
        facts.gaps[session, default: [:]][lane] = min(known ?? gap.after, gap.after)
    }

    /// It stands for every session of the slot that was published before its owner took the slot over, and that has
    /// no gap record of its own.
    private mutating func metUnknown(
        _ gap: Recording.Gap, _ message: Recording.Message, _ position: Int, _ facts: inout LaneFacts,
        content: inout Findings, sessions: inout Findings
    ) {
        sessions.checked += 1
        sessions.count("gap records of unknown sessions")
        guard let slot = self.checker.slots[Int(message.slot)], let lane = self.lane else {
            return content.violated("\(self.place(position)): a gap record of a slot that the sandbox never had")
        }
        for session in self.checker.history.slotSessions[slot] where !self.tracks[session].hasGap {
            guard let epoch = self.checker.lastEpochs[session], epoch < message.epoch else { continue }
            if self.checker.history.sessions[session].ordinal < self.current[slot], !message.isRedelivered {
                sessions.violated(
                    "\(self.place(position)): the gap record \(gap.session) after events of its slot's next session")
            }
            self.tracks[session].hasGap = true
            facts.unknown.insert(session)
            facts.gaps[session, default: [:]][lane] = 0
        }
    }

    // MARK: Order and repeats

    private mutating func checkOrder(
        _ session: Int, _ occurrence: Recording.Occurrence, _ message: Recording.Message, _ position: Int,
        isFirst: Bool, _ order: inout Findings
    ) {
        order.checked += 1
        let sequence = occurrence.sequence
        let track = self.tracks[session]
        if isFirst, sequence < track.highest {
            order.violated(
                "\(self.place(position)): \(self.checker.name(session, Int(sequence))) comes first after s "
                    + "\(track.highest) of its session and lane")
        }
        guard !isFirst else { return }
        order.count("repeats")
        // A run of repeats begins with a step back, and goes on up to where the session was before.
        guard sequence <= track.last else { return }
        if message.isRedelivered { return order.count("steps back by redelivery") }
        if self.isRepublished(session, occurrence, position) {
            self.takeInterruptions(session, before: position)
            return order.count("steps back by a lost confirm")
        }
        if self.takeResume(session, sequence) { return order.count("steps back by RESUME") }
        order.violated(
            "\(self.place(position)): \(self.checker.name(session, Int(sequence))) comes again after s \(track.last), "
                + "epoch \(message.epoch), and nothing explains it: \(self.surroundings(of: position))")
    }

    /// What the lane has of the same session around a place: messages by their number in the recording, and where the
    /// recorder connected anew.
    private func surroundings(of position: Int) -> String {
        let session = self.checker.recording.messages[Int(self.queue.occurrences[position].message)].session
        var text = ""
        var last: UInt32?
        for index in max(0, position - 60)..<min(self.queue.occurrences.count, position + 20) {
            if self.queue.interruptions.contains(index) { text += " | connected anew |" }
            let occurrence = self.queue.occurrences[index]
            let message = self.checker.recording.messages[Int(occurrence.message)]
            guard message.session == session else { continue }
            if last != occurrence.message {
                text += " #\(occurrence.message)\(message.isRedelivered ? " again" : "") epoch \(message.epoch):"
            }
            last = occurrence.message
            text += occurrence.isGap ? " gap" : " \(occurrence.sequence)"
        }
        return text
    }

    /// Whether a RESUME that was not yet used in this lane replayed this event.
    private mutating func takeResume(_ session: Int, _ sequence: UInt32) -> Bool {
        let told = self.checker.history.sessions[session]
        let line = told.dispatches[Int(sequence) - 1].line
        let found = told.resumes[self.tracks[session].nextResume...].firstIndex {
            $0.isAccepted && $0.sequence < Int64(sequence) && line < $0.line
        }
        guard let found else { return false }
        self.tracks[session].nextResume = found + 1
        return true
    }

    /// Whether it may have been on its way when the broker went: one message of a slot and lane is at a time, and it
    /// goes again when its confirm is lost.
    private func isRepublished(_ session: Int, _ occurrence: Recording.Occurrence, _ position: Int) -> Bool {
        let track = self.tracks[session]
        guard track.message != nil, occurrence.sequence >= track.messageSequence else { return false }
        return self.queue.interruptions[track.nextInterruption...].contains {
            $0 > track.messagePosition && $0 <= position
        }
    }

    private mutating func takeInterruptions(_ session: Int, before position: Int) {
        let interruptions = self.queue.interruptions
        while self.tracks[session].nextInterruption < interruptions.count,
            interruptions[self.tracks[session].nextInterruption] <= position
        {
            self.tracks[session].nextInterruption += 1
        }
    }

    // MARK: Claims

    /// An event that enters a lane behind something that the sandbox sent only after it was told that the event is
    /// safe, was not safe when that was said.
    private func checkClaim(
        _ session: Int, _ occurrence: Recording.Occurrence, _ position: Int, _ watermark: inout Findings
    ) {
        watermark.checked += 1
        guard let line = self.checker.claims[session].line(covering: Int64(occurrence.sequence)), line < self.latestLine
        else { return }
        let behind = self.latest.map { self.checker.name($0.session, $0.sequence) } ?? ""
        watermark.violated(
            "\(self.place(position)): \(self.checker.name(session, Int(occurrence.sequence))) was claimed in ledger line "
                + "\(line), and comes after \(behind)")
    }

    private mutating func note(
        _ session: Int, _ occurrence: Recording.Occurrence, _ message: Recording.Message, _ position: Int, isFirst: Bool
    ) {
        let line = self.checker.history.sessions[session].dispatches[Int(occurrence.sequence) - 1].line
        if line > self.latestLine {
            self.latestLine = line
            self.latest = (session, Int(occurrence.sequence))
        }
        self.tracks[session].last = occurrence.sequence
        self.tracks[session].highest = max(self.tracks[session].highest, occurrence.sequence)
        // What the broker gives again was sent before.
        guard self.tracks[session].message != occurrence.message, isFirst || !message.isRedelivered else { return }
        self.tracks[session].message = occurrence.message
        self.tracks[session].messageSequence = occurrence.sequence
        // What the recorder never got before it connected anew was in the queue before.
        let connected = message.isRedelivered ? self.queue.interruptions.last { $0 <= position } : nil
        self.tracks[session].messagePosition = connected.map { $0 - 1 } ?? position
    }
}
