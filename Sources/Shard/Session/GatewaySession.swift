import Discord

/// Decides what one slot's gateway session does next. It knows no socket, task or clock.
///
/// Each method tells what happened and returns what to do, in order. After `.close` the connection counts as gone:
/// nothing that it still says may be told here. One timer serves it: call ``timerFired(now:)`` at ``nextDeadline``,
/// which may change with every call.
struct GatewaySession: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Action: Equatable, Sendable {
        /// Open a connection to this URL.
        case connect(url: String)
        /// Ask for leave to IDENTIFY and answer with this ticket.
        case requestPermit(ticket: Int)
        /// Find out whether the slot is still this process's, and answer with this ticket: a RESUME of one that another
        /// process has got ends the session there.
        case requestStanding(ticket: Int)
        case sendIdentify
        case sendResume(sessionID: String)
        case sendHeartbeat
        /// Close the connection with this code, which keeps the session alive at Discord's.
        case close(code: UInt16)
        /// The session is gone: events after the watermark may be missing.
        case sessionLost(SessionLoss)
        /// Discord forbids to go on.
        case stopped
    }

    enum State: Equatable, Sendable {
        case idle
        case backingOff(until: Instant)
        case connecting
        case waitingForHello(until: Instant)
        case waitingForPermit
        case waitingForStanding
        case identifying(until: Instant)
        case resuming(until: Instant)
        case ready
        /// Closed for lack of room for events; connects again when reading resumes.
        case waitingForRoom
        /// `nil`: because we wanted to.
        case stopped(GatewayCloseCode?)
    }

    private(set) var state = State.idle
    private(set) var session: SessionIdentity?
    /// Why the last connection ended, for people.
    private(set) var reason: String?

    /// The close code that forbids to go on; nil while none came.
    var stopCode: GatewayCloseCode? {
        if case .stopped(let code) = self.state { code } else { nil }
    }
    /// From the last timer beat to its ACK.
    private(set) var latency: Duration?

    private let gatewayURL: String
    private let policy: SessionPolicy
    private var random: SplitMix64

    // The ladder.
    private var failures = 0
    private var unansweredResumes = 0
    private var triesResumeURL = true
    private var readySince: Instant?

    // The leave to IDENTIFY or to RESUME.
    private var ticket = 0
    private var leaveAskedAt: Instant?
    private var leaveRetryAt: Instant?

    // The heart.
    private var heartbeatInterval: Duration?
    private var heartbeatAt: Instant?
    private var lastBeatAt: Instant?
    private var awaitsACK = false
    private var missedACKs = 0
    private var frames: UInt64 = 0
    private var framesAtBeat: UInt64 = 0
    private var probeInterval: Duration?
    private var probeAt: Instant?

    // Reading.
    private var pausedSince: Instant?
    private var wasPausedSinceBeat = false

    /// - Parameter session: one to RESUME; `nil` to IDENTIFY.
    init(gatewayURL: String, resuming session: SessionIdentity?, policy: SessionPolicy, seed: UInt64) {
        self.gatewayURL = gatewayURL
        self.session = session
        self.policy = policy
        self.random = SplitMix64(seed: seed)
    }

    // MARK: The connection

    mutating func start(now: Instant) -> [Action] {
        guard case .idle = self.state else { return [] }
        return self.connect()
    }

    mutating func connected(now: Instant) -> [Action] {
        guard case .connecting = self.state else { return [] }
        self.state = .waitingForHello(until: now + self.policy.helloTimeout)
        return []
    }

    /// DNS, TCP, TLS or the upgrade failed. That says nothing of the session, but much of the URL.
    mutating func connectFailed(_ reason: String, now: Instant) -> [Action] {
        guard case .connecting = self.state else { return [] }
        self.triesResumeURL = false
        return self.tryAgain(reason, now: now)
    }

    /// The connection is gone, and not because we closed it. No code: TCP ended without a close frame, or with an empty
    /// one.
    mutating func closed(code: UInt16?, reason: String, now: Instant) -> [Action] {
        guard self.hasConnection else { return [] }
        let code = GatewayCloseCode(rawValue: code ?? GatewayCloseCode.abnormal.rawValue)
        let reason = reason.isEmpty ? "closed with \(code)" : "closed with \(code): \(reason)"
        switch code.nextStep {
        case .stop:
            self.endConnection(now: now)
            self.state = .stopped(code)
            self.reason = reason
            // 4010 to 4014 say nothing of a session that lived before; 4004 ends all.
            return [.stopped]
        case .identify:
            // Before a RESUME that tells nothing of the session: this connection has not named it.
            let lost = self.state == .waitingForStanding ? [] : self.loseSession(.closed(code))
            return lost + self.tryAgain(reason, now: now)
        case .resume:
            let wait: Duration = code == .rateLimited ? .seconds(5) : .zero
            return self.tryAgain(reason, atLeast: wait, now: now)
        }
    }

    /// We want to stop: the session stays resumable.
    mutating func stop(now: Instant) -> [Action] {
        let hadConnection = self.hasConnection
        if case .stopped = self.state { return [] }
        self.endConnection(now: now)
        self.state = .stopped(nil)
        return hadConnection ? [.close(code: Self.resumableClose)] : []
    }

    // MARK: Messages

    /// Any message came in: a sign of life. Cheap enough for every event.
    mutating func receivedMessage() { self.frames &+= 1 }

    /// An event that was not known before. While resuming it shows that the session lives, however long its replay
    /// takes.
    mutating func receivedEvent() {
        if case .resuming = self.state { self.unansweredResumes = 0 }
    }

    /// Whether a dispatch is expected now; before READY only that one is.
    func accepts(isReady: Bool) -> Bool {
        switch self.state {
        case .ready: !isReady
        case .resuming: !isReady
        case .identifying: isReady
        case .idle, .backingOff, .connecting, .waitingForHello, .waitingForPermit, .waitingForStanding,
            .waitingForRoom, .stopped:
            false
        }
    }

    mutating func receivedHello(interval: Duration, now: Instant) -> [Action] {
        guard case .waitingForHello = self.state else {
            return self.receivedNonsense("Hello that was not expected", now: now)
        }
        let intervals = self.policy.heartbeatIntervals
        guard intervals.contains(interval) else {
            let expected = "\(intervals.lowerBound) to \(intervals.upperBound)"
            return self.receivedNonsense(
                "Hello asks for a heartbeat each \(interval), expected \(expected)", now: now)
        }
        self.heartbeatInterval = interval
        // Discord docs, Gateway, Sending Heartbeats: the first after interval * jitter.
        self.heartbeatAt = now + interval * self.random.fraction()
        self.state = self.session == nil ? .waitingForPermit : .waitingForStanding
        return self.askForLeave(now: now)
    }

    mutating func receivedHeartbeatRequest(now: Instant) -> [Action] {
        // An extra beat: the timer is not reset, and its ACK rule does not see it.
        self.hasConnection && self.heartbeatInterval != nil ? [.sendHeartbeat] : []
    }

    mutating func receivedHeartbeatACK(now: Instant) {
        guard self.awaitsACK, let lastBeatAt else { return }
        self.latency = now - lastBeatAt
        self.awaitsACK = false
        self.missedACKs = 0
    }

    mutating func receivedReconnect(now: Instant) -> [Action] {
        guard self.hasConnection else { return [] }
        return [.close(code: Self.resumableClose)] + self.tryAgain("asked to reconnect", now: now)
    }

    mutating func receivedInvalidSession(isResumable: Bool, now: Instant) -> [Action] {
        guard self.hasConnection else { return [] }
        let range = self.policy.invalidSessionWait
        let wait = range.lowerBound + (range.upperBound - range.lowerBound) * self.random.fraction()
        let close = Action.close(code: Self.resumableClose)
        let lost = isResumable || self.state == .waitingForStanding ? [] : self.loseSession(.invalidSession)
        return [close] + lost + self.tryAgain("session invalidated", atLeast: wait, now: now)
    }

    mutating func receivedReady(_ session: SessionIdentity, now: Instant) -> [Action] {
        guard case .identifying = self.state else {
            return self.receivedNonsense("READY that was not expected", now: now)
        }
        self.session = session
        self.becomeReady(now: now)
        return []
    }

    /// RESUMED has a number like any event, so that a replay may hold those of earlier RESUMEs before its own.
    mutating func receivedResumed(now: Instant) -> [Action] {
        switch self.state {
        case .resuming:
            self.becomeReady(now: now)
            return []
        case .ready: return []
        case .idle, .backingOff, .connecting, .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying,
            .waitingForRoom, .stopped:
            return self.receivedNonsense("RESUMED that was not expected", now: now)
        }
    }

    /// Heartbeats are answered, but nothing has come for much longer than the slot's norm explains.
    mutating func fellSilent(now: Instant) -> [Action] {
        guard case .ready = self.state else { return [] }
        return [.close(code: Self.resumableClose)] + self.tryAgain("silent against its norm", now: now)
    }

    /// The peer broke the protocol: leave, and come back.
    mutating func receivedNonsense(_ what: String, now: Instant) -> [Action] {
        guard self.hasConnection else { return [] }
        return [.close(code: Self.resumableClose)] + self.tryAgain(what, now: now)
    }

    // MARK: Probes

    /// From now on extra heartbeats are sent while the session is live, the first at once: their ACKs tell how far it
    /// has been heard. `nil`: no more of them.
    mutating func probe(every interval: Duration?, now: Instant) {
        self.probeInterval = interval
        self.probeAt = interval.map { _ in now }
    }

    /// How many heartbeats the timer and a probe bring about in such a span, at most.
    func heartbeats(in span: Duration) -> Int {
        [self.heartbeatInterval, self.probeInterval].reduce(0) { sum, interval in
            sum + (interval.map { Int((span / $0).rounded(.up)) } ?? 0)
        }
    }

    // MARK: Leave to IDENTIFY and to RESUME

    /// - Parameters:
    ///   - validity: since the permit was asked for; `nil`: not now.
    ///   - retryAfter: when to ask again.
    mutating func permitAnswered(ticket: Int, validity: Duration?, retryAfter: Duration?, now: Instant) -> [Action] {
        guard case .waitingForPermit = self.state, ticket == self.ticket, let askedAt = self.leaveAskedAt else {
            return []
        }
        self.leaveAskedAt = nil
        if let validity, now - askedAt <= validity {
            self.state = .identifying(until: now + self.policy.readyTimeout)
            return [.sendIdentify]
        }
        let asked = min(max(retryAfter ?? .seconds(1), .milliseconds(50)), .seconds(600))
        let wait = asked + asked * 0.1 * self.random.fraction()
        if wait > self.policy.longestPermitWait {
            self.endConnection(now: now)
            self.state = .backingOff(until: now + wait - .seconds(2))
            return [.close(code: Self.resumableClose)]
        }
        self.leaveRetryAt = now + wait
        return []
    }

    /// - Parameter heldAt: when the slot was still this process's for certain; `nil`: that is not known.
    mutating func standingAnswered(ticket: Int, heldAt: Instant?, now: Instant) -> [Action] {
        guard case .waitingForStanding = self.state, ticket == self.ticket, self.leaveAskedAt != nil, let session
        else { return [] }
        self.leaveAskedAt = nil
        // This process may have stood still in between.
        guard let heldAt, now - heldAt <= self.policy.standingValidity else {
            self.leaveRetryAt = now + self.policy.standingRetry * (1 + 0.1 * self.random.fraction())
            return []
        }
        self.state = .resuming(until: now + self.policy.readyTimeout)
        self.unansweredResumes += 1
        return [.sendResume(sessionID: session.id)]
    }

    private mutating func askForLeave(now: Instant) -> [Action] {
        self.ticket += 1
        self.leaveAskedAt = now
        self.leaveRetryAt = nil
        if case .waitingForStanding = self.state { return [.requestStanding(ticket: self.ticket)] }
        return [.requestPermit(ticket: self.ticket)]
    }

    // MARK: Reading

    /// The socket is not read any more, for lack of room: ACKs can't be seen.
    mutating func readingPaused(now: Instant) {
        self.pausedSince = self.pausedSince ?? now
        self.wasPausedSinceBeat = true
    }

    mutating func readingResumed(now: Instant) -> [Action] {
        self.pausedSince = nil
        guard case .waitingForRoom = self.state else { return [] }
        return self.connect()
    }

    // MARK: Time

    /// When ``timerFired(now:)`` has to be called at the latest.
    var nextDeadline: Instant? {
        let own: Instant? =
            switch self.state {
            case .ready: self.probeAt
            case .idle, .connecting, .waitingForRoom, .stopped: nil
            case .waitingForPermit, .waitingForStanding: self.leaveRetryAt
            case .backingOff(let until), .waitingForHello(let until), .identifying(let until), .resuming(let until):
                until
            }
        let pauseEnd = self.hasConnection ? self.pausedSince.map { $0 + self.policy.longestPause } : nil
        return [own, self.heartbeatAt, pauseEnd].compactMap { $0 }.min()
    }

    mutating func timerFired(now: Instant) -> [Action] {
        switch self.state {
        case .backingOff(let until) where until <= now:
            return self.connect()
        case .waitingForHello(let until) where until <= now:
            return [.close(code: Self.resumableClose)] + self.tryAgain("no Hello in time", now: now)
        case .identifying(let until) where until <= now:
            return [.close(code: Self.resumableClose)] + self.tryAgain("no READY in time", now: now)
        case .resuming(let until) where until <= now:
            return [.close(code: Self.resumableClose)]
                + self.tryAgain("no RESUMED in time", loss: .neverReady, now: now)
        case .idle, .backingOff, .connecting, .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying,
            .resuming, .ready, .waitingForRoom, .stopped:
            break
        }
        if let pausedSince, self.hasConnection, pausedSince + self.policy.longestPause <= now {
            self.endConnection(now: now)
            self.state = .waitingForRoom
            self.reason = "no room for more events"
            return [.close(code: Self.resumableClose)]
        }
        var actions: [Action] = []
        // Set while leave is waited for alone.
        if let leaveRetryAt, leaveRetryAt <= now { actions += self.askForLeave(now: now) }
        if let heartbeatAt, heartbeatAt <= now { actions += self.beat(now: now) }
        if case .ready = self.state, let probeInterval, let probeAt, probeAt <= now {
            self.probeAt = now + probeInterval
            // A beat of its own; the timer's beats go on, and their ACK rule does not see it.
            if !actions.contains(.sendHeartbeat) { actions.append(.sendHeartbeat) }
        }
        return actions
    }

    private mutating func beat(now: Instant) -> [Action] {
        guard let interval = self.heartbeatInterval else { return [] }
        if self.awaitsACK, !self.wasPausedSinceBeat {
            // Behind a flood of events an ACK may come late, but then something comes.
            self.missedACKs += 1
            if self.frames == self.framesAtBeat || self.missedACKs >= self.policy.missedACKsWithTraffic {
                return [.close(code: Self.resumableClose)] + self.tryAgain("no heartbeat ACK", now: now)
            }
        }
        self.awaitsACK = true
        self.wasPausedSinceBeat = self.pausedSince != nil
        self.framesAtBeat = self.frames
        self.lastBeatAt = now
        // From now, not from when it was due: a late timer must not send two beats at once.
        self.heartbeatAt = now + interval
        return [.sendHeartbeat]
    }

    // MARK: The ladder

    /// Any code but 1000 and 1001 keeps the session.
    private static let resumableClose = GatewayCloseCode.unknownError.rawValue

    private var hasConnection: Bool {
        switch self.state {
        case .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying, .resuming, .ready: true
        case .idle, .backingOff, .connecting, .waitingForRoom, .stopped: false
        }
    }

    private mutating func connect() -> [Action] {
        if self.pausedSince != nil {
            // Not even HELLO could be read.
            self.state = .waitingForRoom
            return []
        }
        self.state = .connecting
        if let session, self.triesResumeURL { return [.connect(url: session.resumeURL)] }
        return [.connect(url: self.gatewayURL)]
    }

    private mutating func becomeReady(now: Instant) {
        self.state = .ready
        self.readySince = now
        self.unansweredResumes = 0
        self.triesResumeURL = true
        self.reason = nil
    }

    private mutating func loseSession(_ loss: SessionLoss) -> [Action] {
        self.triesResumeURL = true
        self.unansweredResumes = 0
        guard self.session != nil else { return [] }
        self.session = nil
        return [.sessionLost(loss)]
    }

    private mutating func endConnection(now: Instant) {
        if let readySince, now - readySince >= self.policy.stableAfter { self.failures = 0 }
        self.readySince = nil
        self.heartbeatInterval = nil
        self.heartbeatAt = nil
        self.lastBeatAt = nil
        self.awaitsACK = false
        self.missedACKs = 0
        self.leaveAskedAt = nil
        self.leaveRetryAt = nil
    }

    private mutating func tryAgain(
        _ reason: String,
        atLeast wait: Duration = .zero,
        loss: SessionLoss = .resumeAttempts,
        now: Instant
    ) -> [Action] {
        // A host that takes connections and says no Hello is as dead as one that takes none.
        if case .waitingForHello = self.state { self.triesResumeURL = false }
        self.endConnection(now: now)
        self.reason = reason
        let lost = self.unansweredResumes >= self.policy.resumeAttempts ? self.loseSession(loss) : []
        let delay = max(wait, self.backoff())
        self.failures += 1
        if delay == .zero { return lost + self.connect() }
        self.state = .backingOff(until: now + delay)
        return lost
    }

    /// 0 failures: at once, but for the spread; then 1, 2, 4 … s, each times 0.5 to 1.
    private mutating func backoff() -> Duration {
        guard self.failures > 0 else { return self.policy.reconnectSpread * self.random.fraction() }
        let full = self.policy.firstBackoff * Double(UInt64(1) << UInt64(min(self.failures - 1, 20)))
        return min(full, self.policy.longestBackoff) * (0.5 + 0.5 * self.random.fraction())
    }
}
