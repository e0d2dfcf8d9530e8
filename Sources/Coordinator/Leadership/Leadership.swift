import Synchronization

/// Whether this process leads now, and with what.
final class Leadership: Sendable {
    /// One time of leading. A process may have several, one after the other, and nothing of one is in the next.
    struct Term: Sendable {
        let lease: LeaderLease
        let keeper: ClusterKeeper
        let feed: ChangeFeed
        /// Where others reach this coordinator.
        let url: String
        let answers = DesiredAnswers()
    }

    private let current = Mutex<Term?>(nil)

    /// nil: this process does not lead, or can't be certain of it any more.
    var term: Term? {
        guard let term = self.current.withLock({ $0 }), term.lease.leadsUntil > .now else { return nil }
        return term
    }

    func begin(_ term: Term) { self.current.withLock { $0 = term } }
    func end() { self.current.withLock { $0 = nil } }
}
