/// What one connection may still send: 120 payloads in 60 s, heartbeats included (Discord docs, Gateway, Rate
/// Limiting).
///
/// Heartbeats may use all of it, everything else leaves room for as many as there will be. A new connection starts with
/// a new budget.
struct SendBudget: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Payload: Sendable { case heartbeat, other }

    static let limit = 120
    static let window: Duration = .seconds(60)
    /// Left for heartbeats that the gateway asks for.
    static let spare = 4
    /// Never left for heartbeats: IDENTIFY or RESUME, and some commands.
    static let leastOthers = 20

    /// Left for heartbeats: until HELLO tells their interval, a window's at Discord's 41.25 s.
    private var reserve = 2 + Self.spare
    private var sent = SlidingWindow(limit: Self.limit, span: Self.window)
    private var others = SlidingWindow(limit: Self.limit, span: Self.window)

    /// - Parameter heartbeats: what the session sends in a window at most.
    mutating func keepRoom(for heartbeats: Int) {
        self.reserve = min(max(heartbeats, 0) + Self.spare, Self.limit - Self.leastOthers)
    }

    /// How long until one more fits; `nil`: now.
    mutating func wait(for payload: Payload, now: Instant) -> Duration? {
        let wait = self.sent.wait(now: now)
        guard payload == .other, let otherWait = self.others.wait(leaving: self.reserve, now: now) else { return wait }
        return max(wait ?? .zero, otherWait)
    }

    /// Takes one payload's place. `nil`: send it now; else it fits after this wait, and nothing was taken.
    mutating func take(_ payload: Payload, now: Instant) -> Duration? {
        if let wait = self.wait(for: payload, now: now) { return wait }
        self.sent.record(now: now)
        if payload == .other { self.others.record(now: now) }
        return nil
    }
}
