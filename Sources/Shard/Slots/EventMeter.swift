/// How many events and bytes a second a slot takes in, over the time since it was last asked.
struct EventMeter: Sendable {
    /// Events since the beginning.
    private(set) var total: UInt64 = 0
    private var events = 0
    private var bytes = 0
    private var since: ContinuousClock.Instant
    private var last: (events: Double, bytes: Double) = (0, 0)

    /// Shorter spans give the last answer again.
    private static let shortestSpan: Duration = .milliseconds(500)

    init(now: ContinuousClock.Instant) { self.since = now }

    mutating func count(bytes: Int) {
        self.total &+= 1
        self.events += 1
        self.bytes += bytes
    }

    mutating func rates(now: ContinuousClock.Instant) -> (events: Double, bytes: Double) {
        let span = now - self.since
        guard span >= Self.shortestSpan else { return self.last }
        let seconds = span / .seconds(1)
        self.last = (Double(self.events) / seconds, Double(self.bytes) / seconds)
        (self.events, self.bytes, self.since) = (0, 0, now)
        return self.last
    }
}
