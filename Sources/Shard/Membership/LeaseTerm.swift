import Synchronization

/// Until when the lease of one incarnation lasts for certain, by this process' own clock. Any thread.
///
/// The coordinator counts from when a renewal comes in, which is later than when it was sent.
final class LeaseTerm: Sendable {
    typealias Instant = ContinuousClock.Instant

    private let length: Duration
    private let end: Mutex<Instant>

    init(askedAt: Instant, length: Duration) {
        self.length = length
        self.end = Mutex(askedAt + length)
    }

    /// An answer came to a renewal that was sent then.
    func renewed(askedAt: Instant) {
        self.end.withLock { $0 = max($0, askedAt + self.length) }
    }

    func lasts(at now: Instant = .now) -> Bool { self.end.withLock { now < $0 } }
}
