import ClusterAPI

/// The sequence number that heartbeats carry: the watermark that the coordinator is known to have.
///
/// A gateway may trim its replay buffer at a heartbeat's number. Another process resumes from what the coordinator has,
/// which is older than the watermark here by up to two renewals: a number ahead of it could make that RESUME
/// impossible. While the coordinator is away the number stays; the gateway then keeps more, up to its own bound.
struct AcknowledgedWatermark: Sendable, Equatable {
    private var session: String?
    /// `nil`: nothing of this session is known to the coordinator yet.
    private(set) var value: Int64?

    /// A session begins (READY), or goes on from what the coordinator granted.
    mutating func begin(session: String, granted sequence: Int64? = nil) {
        self.session = session
        self.value = Self.usable(sequence)
    }

    mutating func end() { self = AcknowledgedWatermark() }

    /// The coordinator has answered a renewal that told this.
    mutating func acknowledged(_ state: SessionState) {
        guard state.sessionID == self.session, let sequence = Self.usable(state.sequence) else { return }
        self.value = max(self.value ?? 0, sequence)
    }

    /// 0 is no event's number.
    private static func usable(_ sequence: Int64?) -> Int64? { sequence.flatMap { $0 > 0 ? $0 : nil } }
}
