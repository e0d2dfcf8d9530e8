import DequeModule

/// Which publishes of a channel the broker has settled. Delivery tags count from 1.
package struct ConfirmTracker: Sendable {
    package enum Outcome: Sendable, Equatable {
        case acked, nacked, returned
    }

    private enum Entry: Sendable {
        case pending, pendingReturned, settled
    }

    /// The tag of the next publish.
    package private(set) var nextTag: UInt64 = 1
    package private(set) var unsettledCount = 0
    /// From `lowestUnsettled` on; its first entry is never `.settled`.
    private var entries: Deque<Entry> = []
    private var lowestUnsettled: UInt64 = 1
    private var lowestFailure: UInt64?

    package init() {}

    /// The highest tag such that it and all below it were taken: acked and not returned. A nack or return stops it
    /// for good.
    package var confirmedThrough: UInt64 {
        min(self.lowestUnsettled, self.lowestFailure ?? .max) - 1
    }

    /// - Returns: the first tag; the others follow by ones.
    package mutating func published(_ count: Int = 1) -> UInt64 {
        let first = self.nextTag
        for _ in 0..<count { self.entries.append(.pending) }
        self.nextTag += UInt64(count)
        self.unsettledCount += count
        return first
    }

    /// A mandatory message came back; its ack is still to come.
    package mutating func returned(_ tag: UInt64) throws(AMQPError) {
        guard let index = self.index(of: tag), self.entries[index] == .pending else {
            throw .protocolViolation("a return of publish \(tag), which waits for no confirm", replyCode: 503)
        }
        self.entries[index] = .pendingReturned
        self.lowestFailure = min(self.lowestFailure ?? .max, tag)
    }

    /// - Parameter each: called for each newly settled tag, in ascending order.
    package mutating func settle(
        _ tag: UInt64,
        multiple: Bool,
        acked: Bool,
        each: ((UInt64, Outcome) -> Void)? = nil
    ) throws(AMQPError) {
        // Tag 0 with `multiple` means: all so far.
        let last = multiple && tag == 0 ? self.nextTag - 1 : tag
        guard last < self.nextTag, last > 0 || multiple else {
            throw .protocolViolation("a confirm of publish \(tag), \(self.nextTag - 1) were made", replyCode: 503)
        }
        guard last >= self.lowestUnsettled else { return }
        if multiple {
            while self.lowestUnsettled <= last { self.settleFirst(acked: acked, each: each) }
        } else if last == self.lowestUnsettled {
            self.settleFirst(acked: acked, each: each)
        } else if let index = self.index(of: last) {
            self.settle(index, tag: last, acked: acked, each: each)
        }
        while self.entries.first == .settled {
            self.entries.removeFirst()
            self.lowestUnsettled += 1
        }
    }

    private mutating func settleFirst(acked: Bool, each: ((UInt64, Outcome) -> Void)?) {
        self.settle(0, tag: self.lowestUnsettled, acked: acked, each: each)
        self.entries.removeFirst()
        self.lowestUnsettled += 1
    }

    private mutating func settle(_ index: Int, tag: UInt64, acked: Bool, each: ((UInt64, Outcome) -> Void)?) {
        let entry = self.entries[index]
        guard entry != .settled else { return }
        self.entries[index] = .settled
        self.unsettledCount -= 1
        if !acked { self.lowestFailure = min(self.lowestFailure ?? .max, tag) }
        each?(tag, !acked ? .nacked : entry == .pendingReturned ? .returned : .acked)
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= self.lowestUnsettled, tag < self.nextTag else { return nil }
        return Int(tag - self.lowestUnsettled)
    }
}
