import Runtime
import Synchronization

/// The memory that all slots of a process together may fill with what they hold until they take guilds over.
final class TakeoverRoom: Sendable {
    /// Of memory, for the whole process.
    let mostBytes: Int
    private let metrics: CacheMetrics?
    private let taken = Atomic<Int>(0)

    init(mostBytes: Int, metrics: CacheMetrics? = nil) {
        self.mostBytes = mostBytes
        self.metrics = metrics
    }

    var bytes: Int { self.taken.load(ordering: .relaxed) }

    /// False: there is no room; nothing was taken.
    func take(_ bytes: Int) -> Bool {
        var taken = self.bytes
        while true {
            guard bytes <= self.mostBytes - taken else { return false }
            let (exchanged, found) = self.taken.compareExchange(
                expected: taken, desired: taken + bytes, ordering: .relaxed)
            if exchanged { break }
            taken = found
        }
        self.metrics?.heldBytes.add(Double(bytes))
        return true
    }

    func giveBack(_ bytes: Int) {
        guard bytes > 0 else { return }
        self.taken.subtract(bytes, ordering: .relaxed)
        self.metrics?.heldBytes.add(-Double(bytes))
    }

    /// A slot had to give up what it held.
    func overflowed() { self.metrics?.heldOverflows.increment() }
}
