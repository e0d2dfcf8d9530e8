import Synchronization

/// How often a value fell into each of a few ranges. Values are in base units (seconds, bytes).
package final class Histogram: Sendable {
    struct Counts: Sendable {
        var buckets: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    /// For delays: 1 ms to 10 s.
    package static let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    let bounds: [Double]
    private let counts: Mutex<Counts>

    package init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count)))
    }

    var snapshot: Counts { self.counts.withLock { $0 } }

    package func record(_ value: Double) {
        let index = self.bounds.firstIndex { value <= $0 }
        self.counts.withLock { counts in
            if let index { counts.buckets[index] += 1 }
            counts.sum += value
            counts.count += 1
        }
    }

    package func record(_ duration: Duration) { self.record(duration / .seconds(1)) }
}
