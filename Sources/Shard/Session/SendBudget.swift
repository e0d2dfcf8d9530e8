import DequeModule

/// What one connection may still send: 120 payloads in 60 s, heartbeats included (Discord docs, Gateway, Rate
/// Limiting).
///
/// Heartbeats may use all of it, everything else leaves room for them. A new connection starts with a new budget.
struct SendBudget: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Payload: Sendable { case heartbeat, other }

    static let limit = 120
    static let window: Duration = .seconds(60)
    /// Left for heartbeats: more than a minute of them at any interval Discord has used, and some that it asks for.
    static let reserve = 6

    private var sent: Deque<Instant> = []

    /// Takes one payload's place. `nil`: send it now; else it fits after this wait, and nothing was taken.
    mutating func take(_ payload: Payload, now: Instant) -> Duration? {
        while let first = self.sent.first, first + Self.window <= now { self.sent.removeFirst() }
        let limit =
            switch payload {
            case .heartbeat: Self.limit
            case .other: Self.limit - Self.reserve
            }
        guard self.sent.count >= limit else {
            self.sent.append(now)
            return nil
        }
        return self.sent[self.sent.count - limit] + Self.window - now
    }
}
