/// Discord's session start limit (`GET /gateway/bot`), and what of it may be used.
struct SessionStartBudget: Sendable, Equatable {
    enum Decision: Sendable, Equatable {
        case mayIdentify
        /// The rest is kept for what can't wait; it is filled up again after this time.
        case reserveReached(retryAfter: Duration)
    }

    /// What stays untouched, as a part of `total`.
    static let reserve = 0.2

    let total: Int
    private(set) var remaining: Int
    let maxConcurrency: Int
    /// On the caller's monotonic clock.
    let resetsAt: Duration

    init(total: Int, remaining: Int, maxConcurrency: Int, resetsAt: Duration) {
        self.total = total
        self.remaining = remaining
        self.maxConcurrency = max(1, maxConcurrency)
        self.resetsAt = resetsAt
    }

    func decide(now: Duration) -> Decision {
        if now >= self.resetsAt || Double(self.remaining) > Double(self.total) * Self.reserve { return .mayIdentify }
        return .reserveReached(retryAfter: self.resetsAt - now)
    }

    mutating func identified() { self.remaining -= 1 }

    /// What was counted did not happen.
    mutating func notIdentified() { self.remaining += 1 }
}
