import DequeModule

/// At most so many things in any span of that length.
struct SlidingWindow: Sendable {
    typealias Instant = ContinuousClock.Instant

    private let limit: Int
    private let span: Duration
    private var times: Deque<Instant> = []

    init(limit: Int, span: Duration) {
        self.limit = limit
        self.span = span
    }

    /// How long until one more fits; `nil`: now.
    ///
    /// - Parameter reserve: places that are left to others.
    mutating func wait(leaving reserve: Int = 0, now: Instant) -> Duration? {
        while let first = self.times.first, first + self.span <= now { self.times.removeFirst() }
        let limit = self.limit - reserve
        guard self.times.count >= limit else { return nil }
        return self.times[self.times.count - limit] + self.span - now
    }

    mutating func record(now: Instant) { self.times.append(now) }
}
