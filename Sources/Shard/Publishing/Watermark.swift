import DequeModule

/// The highest sequence number of a session such that it and all before it are settled: confirmed by the broker, or
/// filtered on purpose.
///
/// Events are told in the order they came; each gets an ordinal to settle it by, since sequence numbers may skip.
struct Watermark: Sendable {
    private struct Entry {
        let sequence: Int64
        var isSettled: Bool
    }

    /// Everything up to this number is settled.
    private(set) var value: Int64
    /// The last number received.
    private(set) var received: Int64
    private var open: Deque<Entry> = []
    private var firstOrdinal: UInt64 = 0

    /// - Parameter start: what was settled before; 0 for a new session.
    init(start: Int64) {
        self.value = start
        self.received = start
    }

    var unsettledCount: Int { self.open.count }

    /// An event came. `nil`: it was received before, and must not be taken again.
    mutating func receive(_ sequence: Int64) -> UInt64? {
        guard sequence > self.received else { return nil }
        self.received = sequence
        self.open.append(Entry(sequence: sequence, isSettled: false))
        return self.firstOrdinal + UInt64(self.open.count - 1)
    }

    mutating func settle(_ ordinal: UInt64) {
        guard ordinal >= self.firstOrdinal, ordinal - self.firstOrdinal < UInt64(self.open.count) else { return }
        self.open[Int(ordinal - self.firstOrdinal)].isSettled = true
        while let first = self.open.first, first.isSettled {
            self.value = first.sequence
            self.open.removeFirst()
            self.firstOrdinal += 1
        }
    }
}
