import Synchronization

/// A value that rises and falls.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package init() {}

    package var value: Double { Double(bitPattern: self.bits.load(ordering: .relaxed)) }

    package func set(_ value: Double) { self.bits.store(value.bitPattern, ordering: .relaxed) }

    /// For what several threads count together.
    package func add(_ difference: Double) {
        var found = self.bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: found) + difference
            let (exchanged, original) = self.bits.compareExchange(
                expected: found, desired: sum.bitPattern, ordering: .relaxed)
            if exchanged { return }
            found = original
        }
    }
}
