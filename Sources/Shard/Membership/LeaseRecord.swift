import Synchronization

/// When this process was last known to hold the lease of one incarnation. Any thread.
///
/// A lease's length is no measure: the coordinator may end it early, and a machine that is paused may have a clock that
/// knows nothing of it.
final class LeaseRecord: Sendable {
    typealias Instant = ContinuousClock.Instant

    private let last = Mutex<Instant?>(nil)

    /// A renewal was answered that was sent then: so the lease was held then, or later.
    func renewed(sentAt: Instant) {
        self.last.withLock { $0 = max($0 ?? sentAt, sentAt) }
    }

    /// The last such time.
    var heldAt: Instant? { self.last.withLock { $0 } }
}
