/// Says when sockets are to be left unread since cache writes pile up. Only a Redis that takes them is waited for, and
/// that not for long: events never wait for one that is away or too slow. It knows no clock.
struct CacheBackpressure: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Bytes without an answer from which on sockets are left unread.
    let high: Int
    /// A pause is over, and the pile is gone, when no more than this is left.
    let low: Int
    private let stall: Duration
    private let longestPause: Duration
    /// When Redis answered last, or when there was something to answer again.
    private var heardAt: Instant?
    private var pausedSince: Instant?
    /// What the pile of now may still hold reading up.
    private var left: Duration

    /// The marks are no further apart than this, in bytes: more would only make pauses longer.
    private static let mostBetween = 4 << 20
    /// Half of what the connection to Redis holds before it refuses.
    private static let highest = 32 << 20

    /// - Parameters:
    ///   - bytes: the queue's bound: sockets are left unread from the half of it, or 32 MiB.
    ///   - stall: how long Redis may be without an answer while sockets wait for it.
    ///   - longestPause: how long one pile of writes may hold reading up, all its pauses together.
    init(bytes: Int, stall: Duration, longestPause: Duration) {
        self.high = min(bytes / 2, Self.highest)
        self.low = self.high - min(self.high / 2, Self.mostBetween)
        self.stall = stall
        self.longestPause = longestPause
        self.left = longestPause
    }

    /// Whether sockets are to be left unread.
    var isPausing: Bool { self.pausedSince != nil }

    /// Redis answered, or is from now on to answer the first write of an empty queue.
    mutating func heard(now: Instant) { self.heardAt = now }

    /// - Parameters:
    ///   - bytes: without an answer.
    ///   - isUp: Redis took what was sent last.
    mutating func update(bytes: Int, isUp: Bool, now: Instant) {
        guard bytes > self.low else {
            self.pausedSince = nil
            self.left = self.longestPause
            return
        }
        let isAnswering = isUp && self.heardAt.map { now - $0 < self.stall } ?? true
        if let pausedSince {
            let paused = now - pausedSince
            guard !isAnswering || paused >= self.left else { return }
            self.left = max(.zero, self.left - paused)
            self.pausedSince = nil
        } else if bytes >= self.high, isAnswering, self.left > .zero {
            self.pausedSince = now
        }
    }

    /// When ``update(bytes:isUp:now:)`` ends a pause that no answer ends before.
    var deadline: Instant? {
        self.pausedSince.map { pausedSince in
            let last = pausedSince + self.left
            return self.heardAt.map { min($0 + self.stall, last) } ?? last
        }
    }
}
