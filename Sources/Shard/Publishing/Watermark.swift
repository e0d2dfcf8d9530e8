/// The highest sequence number of a session such that it and all before it are settled: confirmed by the broker, or
/// filtered on purpose.
///
/// It counts batches and not events: all it needs of a batch is which number was received last before its first event.
struct Watermark: Sendable {
    /// The last number received.
    private(set) var received: Int64
    /// Below the earliest open batch; of no meaning while none is open.
    private var floor: Int64
    private var openBatches = 0

    /// - Parameter start: what was settled before; 0 for a new session.
    init(start: Int64) {
        self.received = start
        self.floor = start
    }

    /// Everything up to this number is settled.
    var value: Int64 { self.openBatches == 0 ? self.received : self.floor }

    /// An event came. Returns the number received before it; `nil`: it was received before, and must not be taken
    /// again.
    mutating func receive(_ sequence: Int64) -> Int64? {
        guard sequence > self.received else { return nil }
        let preceding = self.received
        self.received = sequence
        return preceding
    }

    /// A batch begins with the event that came after this number.
    mutating func opened(after preceding: Int64) {
        if self.openBatches == 0 { self.floor = preceding }
        self.openBatches += 1
    }

    /// A batch that began after this number is settled. Returns whether it was the earliest: then ``raise(to:)`` has to
    /// follow.
    mutating func settled(after preceding: Int64) -> Bool {
        guard self.openBatches > 0 else { return false }
        self.openBatches -= 1
        return preceding == self.floor && self.openBatches > 0
    }

    /// - Parameter lowest: the number after which the earliest batch begins that is still open.
    mutating func raise(to lowest: Int64) { self.floor = max(self.floor, lowest) }

    /// What is open will never be settled: what came after the watermark counts as not received.
    mutating func discardOpen() {
        self.received = self.value
        self.openBatches = 0
    }
}
