import AMQP
import ClusterAPI
import ClusterClient
import Synchronization
import TestSupport

@testable import Shard

/// A coordinator that a test plays by hand: it grants what it is told to, and keeps what members tell.
final class ScriptedCoordinator: MemberCoordinator {
    struct State {
        var incarnation = 0
        var version = 1
        var grants: [SlotGrant] = []
        var publishing: [GenerationPublishing]?
        var wantsRestart = false
        /// The version that the member has applied, as it told last.
        var applied = 0
        /// Of each request to register, and of each renewal, in their order.
        var attempts: [Int?] = []
        var processes: Set<String?> = []
        var numbers: [Int?] = []
        var told: [ObservedSlot] = []
        /// Each once, in the order they were told.
        var gaps: [SessionGap] = []
        var final: LeaseRenewal?
        var permits = 0
        var permittedSlots: [Slot] = []
        var refusesPermits = false
        var isAway = false
        var isLeaseLost = false
        /// Whoever registers next gets nothing at first.
        var grantsEndWithIncarnation = false
    }

    private let topology: TestTopology
    private let state = Mutex(State())

    init(_ topology: TestTopology) { self.topology = topology }

    var now: State { self.state.withLock { $0 } }

    func change(_ body: (inout State) -> Void) {
        self.state.withLock { state in
            body(&state)
        }
    }

    func grant(_ grants: [SlotGrant]) {
        self.change {
            $0.grants = grants
            $0.version += 1
        }
    }

    /// What generations publish; returns once the member has told that it does.
    func publish(_ publishing: [GenerationPublishing]?) async throws {
        let version = self.state.withLock { state in
            state.publishing = publishing
            state.version += 1
            return state.version
        }
        try await eventually("version \(version) applied") { self.now.applied >= version }
    }

    func waitForRegistration() async throws {
        try await eventually("a registration") { self.now.incarnation > 0 }
    }

    func told(_ slot: Slot) -> ObservedSlot? { self.now.told.first { $0.slot == slot } }

    func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
        let incarnation = self.state.withLock { state in
            state.incarnation += 1
            state.isLeaseLost = false
            if state.grantsEndWithIncarnation { state.grants = [] }
            state.told = []
            state.applied = 0
            state.attempts.append(registration.attempt)
            state.processes.insert(registration.process)
            return state.incarnation
        }
        do {
            try await self.topology.admit(incarnation: incarnation)
        } catch {
            throw Failure(code: .unavailable, message: "\(error)")
        }
        return MemberRegistered(
            incarnation: incarnation, leaseMilliseconds: 6_000, renewMilliseconds: 100,
            exchange: self.topology.exchange(incarnation: incarnation),
            controlQueue: self.topology.controlQueue(incarnation: incarnation))
    }

    func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
        let state = self.now
        if state.isAway { throw Failure(code: .unavailable, message: "away") }
        guard renewal.incarnation == state.incarnation, !state.isLeaseLost else {
            throw Failure(code: .staleIncarnation, message: "stale")
        }
        self.change { state in
            state.told = renewal.slots
            state.applied = max(state.applied, renewal.appliedVersion)
            state.numbers.append(renewal.number)
            for gap in renewal.slots.flatMap({ $0.gaps ?? [] }) where !state.gaps.contains(gap) {
                state.gaps.append(gap)
            }
        }
        let desired = self.now
        return DesiredState(
            version: desired.version, slots: desired.grants, lanes: [], publishing: desired.publishing,
            restart: desired.wantsRestart ? true : nil)
    }

    func attend(_ attendance: Attendance, member: String) async throws(Failure) {
        // Until the member no longer attends.
        try? await Task.sleep(for: .seconds(3600))
    }

    func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {
        self.change { $0.final = final }
    }

    func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer {
        self.state.withLock { state in
            if state.refusesPermits {
                return PermitAnswer(validMilliseconds: nil, retryAfterMilliseconds: 50, reason: "not now")
            }
            state.permits += 1
            state.permittedSlots.append(request.slot)
            return PermitAnswer(validMilliseconds: 2_000, retryAfterMilliseconds: nil, reason: nil)
        }
    }
}
