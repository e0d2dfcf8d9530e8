import Synchronization

/// A value that rises and falls.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    package init() {}

    package var value: Double { Double(bitPattern: self.bits.load(ordering: .relaxed)) }

    package func set(_ value: Double) { self.bits.store(value.bitPattern, ordering: .relaxed) }
}
