import ClusterAPI

/// How long a slot has to wait after IDENTIFYs that came to nothing.
///
/// An IDENTIFY failed when the slot asks for the next one before its session was up for a while.
struct IdentifyBackoff: Sendable, Equatable {
    private struct Attempt: Sendable, Equatable {
        var failures = 0
        var permittedAt: Duration
        var readySince: Duration?
    }

    enum Outcome: Sendable, Equatable {
        case first, succeeded, failed
    }

    let policy: IdentifyPolicy
    private var attempts: [Slot: Attempt] = [:]

    init(policy: IdentifyPolicy) { self.policy = policy }

    func failures(of slot: Slot) -> Int { self.attempts[slot]?.failures ?? 0 }

    /// - Returns: how long the slot has to wait yet; nil: it may go on.
    func wait(_ slot: Slot, now: Duration) -> Duration? {
        guard let attempt = self.attempts[slot] else { return nil }
        // What the last permit came to counts as soon as the next one is asked for.
        let failures = self.isStable(attempt, now: now) ? 0 : attempt.failures + 1
        guard failures > self.policy.freeFailures else { return nil }
        let doublings = min(failures - self.policy.freeFailures - 1, 20)
        let pause = min(self.policy.firstBackoff * (1 << doublings), self.policy.longestBackoff)
        let until = attempt.permittedAt + pause
        return until > now ? until - now : nil
    }

    /// - Returns: what became of the permit before this one.
    mutating func permitted(_ slot: Slot, now: Duration) -> Outcome {
        guard let attempt = self.attempts[slot] else {
            self.attempts[slot] = Attempt(permittedAt: now)
            return .first
        }
        let isStable = self.isStable(attempt, now: now)
        self.attempts[slot] = Attempt(failures: isStable ? 0 : attempt.failures + 1, permittedAt: now)
        return isStable ? .succeeded : .failed
    }

    /// Whether the slot has leave to IDENTIFY and was not up since.
    func awaits(_ slot: Slot) -> Bool { self.attempts[slot].map { $0.readySince == nil } ?? false }

    /// - Returns: whether this is news.
    mutating func isUp(_ slot: Slot, now: Duration) -> Bool {
        guard self.awaits(slot) else { return false }
        self.attempts[slot]?.readySince = now
        return true
    }

    mutating func forget(_ slot: Slot) { self.attempts[slot] = nil }

    /// An operator knows better.
    mutating func reset() { self.attempts = [:] }

    private func isStable(_ attempt: Attempt, now: Duration) -> Bool {
        attempt.readySince.map { now - $0 >= self.policy.stableAfter } ?? false
    }
}
