import ClusterAPI
import Foundation
import Synchronization

/// Which incarnation this worker is, and what it has applied.
final class MembershipState: Sendable {
    private struct State: Sendable {
        var incarnation: Int?
        var appliedVersion = 0
        var renewals = 0
        var attempts = 0
    }

    private let state = Mutex(State())
    /// Unlike any other process'.
    private let process = UUID().uuidString

    /// What to say with the next attempt to register.
    func next(_ registration: MemberRegistration) -> MemberRegistration {
        let attempt = self.state.withLock { state in
            state.attempts += 1
            return state.attempts
        }
        return registration.attempt(attempt, of: self.process)
    }

    func registered(_ answer: MemberRegistered) {
        self.state.withLock { state in
            state.incarnation = answer.incarnation
            state.appliedVersion = 0
        }
    }

    func applied(_ version: Int) { self.state.withLock { $0.appliedVersion = version } }

    var appliedVersion: Int { self.state.withLock { $0.appliedVersion } }

    /// Each has its own number.
    func renewal(
        incarnation: Int, waitMilliseconds: Int, lanes: [Int] = [], draining: Bool = false
    ) -> LeaseRenewal {
        self.state.withLock { state in
            state.renewals += 1
            return LeaseRenewal(
                incarnation: incarnation, appliedVersion: state.appliedVersion, waitMilliseconds: waitMilliseconds,
                lanes: lanes, draining: draining, number: state.renewals)
        }
    }

    /// nil before the first registration.
    var lastWord: LeaseRenewal? {
        self.state.withLock { $0.incarnation }.map {
            self.renewal(incarnation: $0, waitMilliseconds: 0, draining: true)
        }
    }
}
