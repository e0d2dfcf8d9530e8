import ClusterAPI
import Synchronization

/// Which incarnation this worker is, and what it has applied.
final class MembershipState: Sendable {
    private struct State: Sendable {
        var incarnation: Int?
        var appliedVersion = 0
    }

    private let state = Mutex(State())

    func registered(_ answer: MemberRegistered) {
        self.state.withLock { $0 = State(incarnation: answer.incarnation) }
    }

    func applied(_ version: Int) { self.state.withLock { $0.appliedVersion = version } }

    var appliedVersion: Int { self.state.withLock { $0.appliedVersion } }

    /// nil before the first registration.
    var lastWord: LeaseRenewal? {
        self.state.withLock { state in
            state.incarnation.map {
                LeaseRenewal(incarnation: $0, appliedVersion: state.appliedVersion, waitMilliseconds: 0, draining: true)
            }
        }
    }
}
