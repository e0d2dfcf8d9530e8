/// Exponential backoff with full jitter: attempt 1 waits between 0 and `first`, attempt 2 up to twice that, until
/// `most`.
package struct Backoff: Sendable, Equatable {
    package var first: Duration
    package var most: Duration

    package init(first: Duration, most: Duration) {
        self.first = first
        self.most = most
    }

    /// - Parameters:
    ///   - attempt: how many attempts have failed, from 1.
    ///   - fraction: a random number from 0 to 1.
    func delay(afterAttempt attempt: Int, fraction: Double) -> Duration {
        var ceiling = min(self.first, self.most)
        var remaining = max(1, attempt) - 1
        while remaining > 0, ceiling < self.most, ceiling > .zero {
            ceiling = min(ceiling * 2, self.most)
            remaining -= 1
        }
        return ceiling * min(max(fraction, 0), 1)
    }
}
