/// Discord's session start limit (`GET /gateway/bot`), and what of it may be used.
package struct SessionStartBudget: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case mayIdentify
        /// The rest is kept for what can't wait; it is filled up again after this time.
        case reserveReached(retryAfter: Duration)
    }

    /// Discord's window.
    private static let window: Duration = .seconds(86_400)

    package let total: Int
    package private(set) var remaining: Int
    package let maxConcurrency: Int
    /// On the caller's monotonic clock.
    package private(set) var resetsAt: Duration
    /// What stays untouched, as a part of `total`.
    package let reserve: Double

    package init(total: Int, remaining: Int, maxConcurrency: Int, resetsAt: Duration, reserve: Double = 0.2) {
        self.total = total
        self.remaining = remaining
        self.maxConcurrency = max(1, maxConcurrency)
        self.resetsAt = resetsAt
        self.reserve = reserve
    }

    /// How many may still be used.
    package var free: Int { max(0, self.remaining - Int((Double(self.total) * self.reserve).rounded(.up))) }

    /// Discord's counter starts anew.
    package mutating func resetIfDue(now: Duration) {
        guard now >= self.resetsAt else { return }
        self.remaining = self.total
        self.resetsAt = now + Self.window
    }

    package func decide(now: Duration) -> Decision {
        self.free > 0 || now >= self.resetsAt ? .mayIdentify : .reserveReached(retryAfter: self.resetsAt - now)
    }

    package mutating func identified() { self.remaining -= 1 }

    /// What was counted did not happen.
    package mutating func notIdentified() { self.remaining += 1 }
}
