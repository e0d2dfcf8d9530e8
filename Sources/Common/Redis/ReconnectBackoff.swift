/// Full jitter: a wait between 0 and `base · 2ⁿ`, at most `limit`. With the defaults up to 100 ms, 200 ms, 400 ms … 5
/// s.
package struct ReconnectBackoff: Sendable, Equatable {
    package var base: Duration
    package var limit: Duration

    package init(base: Duration = .milliseconds(100), limit: Duration = .seconds(5)) {
        self.base = base
        self.limit = limit
    }

    /// The longest wait after `failures` failed attempts in a row.
    func ceiling(afterFailures failures: Int) -> Duration {
        var ceiling = min(self.base, self.limit)
        for _ in 0..<min(max(failures, 0), 32) where ceiling < self.limit { ceiling = min(ceiling * 2, self.limit) }
        return ceiling
    }

    func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        self.ceiling(afterFailures: failures) * Double.random(in: 0...1, using: &generator)
    }
}
