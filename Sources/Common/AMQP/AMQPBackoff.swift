/// Full jitter: a random time between nothing and a limit that doubles with each failed attempt, up to `cap`.
///
/// With base 100 ms and cap 10 s the limits are 0.1, 0.2, 0.4 … 6.4, 10, 10 s.
package struct AMQPBackoff: Sendable {
    package var base: Duration
    package var cap: Duration

    package init(base: Duration = .milliseconds(100), cap: Duration = .seconds(10)) {
        self.base = base
        self.cap = cap
    }

    /// - Parameter attempt: failures in a row, from 1.
    package func limit(attempt: Int) -> Duration {
        var limit = self.base
        for _ in 1..<max(1, min(attempt, 64)) where limit < self.cap { limit *= 2 }
        return min(limit, self.cap)
    }

    package func delay(attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        self.limit(attempt: attempt) * Double.random(in: 0..<1, using: &generator)
    }
}
