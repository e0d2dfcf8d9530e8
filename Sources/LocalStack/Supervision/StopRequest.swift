import Synchronization

/// Asks a stack to stop: the first request in order, a later one at once.
final class StopRequest: Sendable {
    /// A terminal, `make` and `timeout` may each pass on the same request: what comes this soon is no second one.
    static let samePeriod: Duration = .seconds(2)

    let stop = Latch()
    let kill = Latch()
    private let first = Mutex<ContinuousClock.Instant?>(nil)

    func request(at now: ContinuousClock.Instant) {
        let isRepeated = self.first.withLock { first in
            guard let earlier = first else {
                first = now
                return false
            }
            return now - earlier >= Self.samePeriod
        }
        self.stop.open()
        if isRepeated { self.kill.open() }
    }
}
