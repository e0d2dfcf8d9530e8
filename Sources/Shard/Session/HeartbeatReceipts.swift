import DequeModule

/// Tells up to when everything that Discord dispatched has been received and settled.
///
/// Discord sends an ACK behind all that it dispatched before it read the heartbeat: so what came before the ACK holds
/// all that was dispatched before the heartbeat was sent. ACKs name no heartbeat; they come in the heartbeats' order.
/// An ACK that never comes only makes the answer older than it could be.
struct HeartbeatReceipts: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Beat {
        let sentAt: Instant
        /// False while a replay may still be on its way: an ACK may overtake it.
        let counts: Bool
    }

    private struct Receipt {
        let sentAt: Instant
        /// The last number received before the ACK.
        let sequence: Int64
    }

    private static let mostBeats = 256
    private static let mostReceipts = 64

    private var beats: Deque<Beat> = []
    /// Not even the order tells any more which heartbeat an ACK belongs to.
    private var isLost = false
    /// The earliest first; of each number the latest.
    private var receipts: Deque<Receipt> = []
    /// When the heartbeat was sent before which nothing was dispatched that is not settled; `nil`: not known yet.
    private(set) var settledAt: Instant?

    mutating func sent(isReady: Bool, now: Instant) {
        guard self.beats.count < Self.mostBeats else { return self.isLost = true }
        self.beats.append(Beat(sentAt: now, counts: isReady))
    }

    /// - Parameter received: the last number received of the session.
    mutating func acknowledged(received: Int64?) {
        guard !self.isLost, let beat = self.beats.popFirst(), beat.counts, let received else { return }
        // A later one says more, as long as nothing came in between; with too many, those between are left out.
        if self.receipts.last?.sequence == received || self.receipts.count >= Self.mostReceipts {
            self.receipts.removeLast()
        }
        self.receipts.append(Receipt(sentAt: beat.sentAt, sequence: received))
    }

    /// Everything up to this number of the session is settled.
    mutating func settled(_ watermark: Int64?) {
        guard let watermark else { return }
        while let first = self.receipts.first, first.sequence <= watermark {
            self.settledAt = first.sentAt
            self.receipts.removeFirst()
        }
    }

    mutating func disconnected() {
        self.beats.removeAll()
        self.isLost = false
    }

    /// Numbers start over.
    mutating func sessionEnded() {
        self.receipts.removeAll()
        self.settledAt = nil
    }
}
