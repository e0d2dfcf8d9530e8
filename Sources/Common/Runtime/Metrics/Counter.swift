import Synchronization

/// A count that only grows. Its name ends in `_total`.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    package var value: UInt64 { self.count.load(ordering: .relaxed) }

    package func increment(by amount: Int = 1) {
        self.count.wrappingAdd(UInt64(clamping: amount), ordering: .relaxed)
    }
}
