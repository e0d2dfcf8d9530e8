/// Stops every IDENTIFY of an application while most of them come to nothing: each one burns a session start.
///
/// After the pause one is let through. If its session comes up, all go on; else the pause doubles.
struct StormBrake: Sendable, Equatable {
    private enum State: Sendable, Equatable {
        case open
        case paused(until: Duration)
        /// One was let through, or is about to be.
        case probing(since: Duration?)
    }

    let policy: IdentifyPolicy
    private var state = State.open
    private var pauses = 0
    private var outcomes: [(at: Duration, isFailure: Bool)] = []

    init(policy: IdentifyPolicy) { self.policy = policy }

    static func == (first: StormBrake, second: StormBrake) -> Bool {
        first.state == second.state && first.pauses == second.pauses
    }

    /// Until when nobody may IDENTIFY; nil: the brake is not on.
    var pausedUntil: Duration? {
        switch self.state {
        case .open: nil
        case .paused(let until): until
        case .probing(let since): since.map { $0 + self.policy.probe }
        }
    }

    var isOn: Bool { self.state != .open }

    /// - Returns: how long to wait yet; nil: may go on.
    mutating func wait(now: Duration) -> Duration? {
        switch self.state {
        case .open: return nil
        case .paused(let until):
            guard until <= now else { return until - now }
            self.state = .probing(since: nil)
            return nil
        case .probing(since: nil): return nil
        case .probing(since: let since?):
            let left = since + self.policy.probe - now
            guard left <= .zero else { return left }
            self.pause(now: now)
            return self.pausedUntil.map { $0 - now }
        }
    }

    /// One is let through to the ledger. Nobody else is while its outcome is open.
    mutating func asked(now: Duration) {
        if case .probing(since: nil) = self.state { self.state = .probing(since: now) }
    }

    /// The ledger gave it nothing: another one may try.
    mutating func notPermitted() {
        if case .probing = self.state { self.state = .probing(since: nil) }
    }

    mutating func succeeded(now: Duration) {
        self.note(isFailure: false, now: now)
        if case .probing = self.state {
            self.state = .open
            self.pauses = 0
            self.outcomes = []
        }
    }

    /// - Returns: whether the brake has gone on.
    mutating func failed(now: Duration) -> Bool {
        self.note(isFailure: true, now: now)
        switch self.state {
        case .open:
            let failures = self.outcomes.count { $0.isFailure }
            guard failures >= self.policy.brakeFailures, failures * 3 > self.outcomes.count * 2 else { return false }
            self.pause(now: now)
            return true
        // The IDENTIFY before the one that is let through: that one's own failure shows in its silence.
        case .probing, .paused: return false
        }
    }

    /// An operator knows better.
    mutating func reset() {
        self.state = .open
        self.pauses = 0
        self.outcomes = []
    }

    private mutating func pause(now: Duration) {
        let pause = min(self.policy.firstBrake * (1 << min(self.pauses, 10)), self.policy.longestBrake)
        self.pauses += 1
        self.outcomes = []
        self.state = .paused(until: now + pause)
    }

    private mutating func note(isFailure: Bool, now: Duration) {
        self.outcomes.append((now, isFailure))
        self.outcomes.removeAll { now - $0.at > self.policy.brakeWindow }
    }
}
