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

    private var sent = SlidingWindow(limit: Self.limit, span: Self.window)

    /// How long until one more fits; `nil`: now.
    mutating func wait(for payload: Payload, now: Instant) -> Duration? {
        switch payload {
        case .heartbeat: self.sent.wait(now: now)
        case .other: self.sent.wait(leaving: Self.reserve, now: now)
        }
    }

    /// Takes one payload's place. `nil`: send it now; else it fits after this wait, and nothing was taken.
    mutating func take(_ payload: Payload, now: Instant) -> Duration? {
        if let wait = self.wait(for: payload, now: now) { return wait }
        self.sent.record(now: now)
        return nil
    }
}
