import ClusterAPI
import Discord
import Foundation

/// Who runs what: the coordinator's whole mind as a value. It knows no socket, no database and no clock.
///
/// `now` is the time since the start of a monotonic clock. A slot keeps its owner until that owner has said that it let
/// go, or has been fenced at the broker; only then it is granted to somebody else, with a higher epoch.
struct ClusterState: Sendable {
    /// One life of a member.
    struct Owner: Hashable, Sendable {
        let member: String
        let incarnation: Int
    }

    struct SlotState: Sendable, Equatable {
        let slot: Slot
        let numShards: Int
        var epoch: Int64 = 0
        var owner: Owner?
        /// When an owner that was told to hand over has to be done.
        var releaseDeadline: Duration?
        var session: SessionState?
        var guilds = 0
        var observed: ObservedSlot?
        var observedAt: Date?
    }

    struct MemberState: Sendable, Equatable {
        enum Phase: Sendable, Equatable {
            case alive
            /// Leaves in good order: gets nothing new, hands over what it has.
            case draining
            /// Its lease is over; nothing it had may be granted before the broker has cut it off.
            case fencing
        }

        let registration: MemberRegistration
        let incarnation: Int
        let startedAt: Date
        var leaseEnds: Duration
        var phase: Phase = .alive
        var observedLanes: [Int] = []

        var owner: Owner { Owner(member: self.registration.id, incarnation: self.incarnation) }
    }

    struct LaneState: Sendable, Equatable {
        var primary: String?
        var standby: String?
    }

    struct ApplicationState: Sendable, Equatable {
        let id: Snowflake
        let name: String
        let generation: Int
        let numShards: Int
        let intents: UInt64
        let gatewayURL: String
    }

    /// What has to be written down before anyone may see it.
    enum Change: Hashable, Sendable {
        case member(String)
        case slot(Slot)
        case lane(Int)
        case application(Snowflake)
    }

    struct StaleIncarnation: Error {}

    let policy: ClusterPolicy
    var applications: [Snowflake: ApplicationState] = [:]
    var members: [String: MemberState] = [:]
    var slots: [Slot: SlotState] = [:]
    var lanes: [LaneState]
    /// Lives that are over but not yet cut off at the broker.
    var fences: Set<Owner> = []
    /// The highest incarnation each member id ever had.
    var incarnations: [String: Int] = [:]
    /// One counter for every member's desired state: it grows, and a change is seen.
    private var version: Int
    private var versions: [String: Int] = [:]
    private var changes: Set<Change> = []

    /// - Parameter firstVersion: above every version that an earlier leader told.
    init(policy: ClusterPolicy, firstVersion: Int) {
        self.policy = policy
        self.version = firstVersion
        self.lanes = Array(repeating: LaneState(), count: policy.lanes)
    }

    mutating func takeChanges() -> Set<Change> {
        defer { self.changes = [] }
        return self.changes
    }

    // MARK: What happened

    /// What Discord says of an application.
    ///
    /// - Parameter numShards: nil keeps the generation in force. Another count than that starts the next generation;
    ///   the slots of the one before are handed over, to nobody.
    mutating func applicationFound(
        _ id: Snowflake,
        name: String,
        numShards: Int?,
        recommendedShards: Int,
        intents: UInt64,
        gatewayURL: String
    ) {
        let known = self.applications[id]
        let count = numShards ?? known?.numShards ?? recommendedShards
        let generation = known.map { $0.numShards == count ? $0.generation : $0.generation + 1 } ?? 1
        let found = ApplicationState(
            id: id, name: name, generation: generation, numShards: count, intents: intents, gatewayURL: gatewayURL)
        guard found != known else { return }
        self.applications[id] = found
        self.changes.insert(.application(id))
        for shard in 0..<count {
            let slot = Slot(application: id, generation: generation, shard: shard)
            if self.slots[slot] == nil {
                self.slots[slot] = SlotState(slot: slot, numShards: count)
                self.changes.insert(.slot(slot))
            }
        }
        for id in self.members.keys { self.touch(id) }
    }

    /// A process asks to take part. An earlier life of the same id is over with this.
    mutating func memberRegistered(_ registration: MemberRegistration, now: Duration, date: Date) -> Owner {
        if let earlier = self.members[registration.id] { self.end(earlier) }
        let incarnation = (self.incarnations[registration.id] ?? 0) + 1
        self.incarnations[registration.id] = incarnation
        let member = MemberState(
            registration: registration, incarnation: incarnation, startedAt: date, leaseEnds: now + self.policy.lease)
        self.members[registration.id] = member
        self.changes.insert(.member(registration.id))
        self.touch(registration.id)
        return member.owner
    }

    mutating func leaseRenewed(
        _ id: String, _ renewal: LeaseRenewal, now: Duration, date: Date
    ) throws(StaleIncarnation) {
        guard var member = self.members[id], member.incarnation == renewal.incarnation, member.phase != .fencing else {
            throw StaleIncarnation()
        }
        member.leaseEnds = now + self.policy.lease
        member.observedLanes = renewal.lanes
        if renewal.draining, member.phase == .alive { member.phase = .draining }
        self.members[id] = member
        for observed in renewal.slots { self.slotObserved(observed, owner: member.owner, date: date) }
    }

    /// The member's last word. Its sessions are closed and told, so what it had can move on as soon as it is cut off.
    mutating func memberLeft(_ id: String, _ final: LeaseRenewal, date: Date) {
        guard let member = self.members[id], member.incarnation == final.incarnation else { return }
        for observed in final.slots { self.slotObserved(observed, owner: member.owner, date: date) }
        self.end(member)
    }

    /// The broker has deleted the exchange of this life: nothing it sends can reach a queue any more.
    mutating func fenced(_ owner: Owner) {
        self.fences.remove(owner)
        for (slot, state) in self.slots where state.owner == owner {
            self.slots[slot]?.owner = nil
            self.slots[slot]?.releaseDeadline = nil
            self.changes.insert(.slot(slot))
        }
        if self.members[owner.member]?.owner == owner {
            self.members[owner.member] = nil
            self.changes.insert(.member(owner.member))
        }
    }

    /// Ends leases that ran out and hand-overs that took too long.
    mutating func timePassed(now: Duration) {
        for member in self.members.values where member.phase != .fencing && member.leaseEnds <= now { self.end(member) }
        for state in self.slots.values {
            if let deadline = state.releaseDeadline, deadline <= now, let owner = state.owner,
                let member = self.members[owner.member], member.owner == owner
            {
                self.end(member)
            }
        }
    }

    /// The coordinator itself stood still: leases and hand-overs get the time that they could not be heard in.
    mutating func clockJumped(by gap: Duration) {
        for id in self.members.keys { self.members[id]?.leaseEnds += gap }
        for (slot, state) in self.slots where state.releaseDeadline != nil { self.slots[slot]?.releaseDeadline? += gap }
    }

    private mutating func slotObserved(_ observed: ObservedSlot, owner: Owner, date: Date) {
        guard var state = self.slots[observed.slot], state.owner == owner, state.epoch == observed.epoch else { return }
        // A late report of the same session must not move the watermark back.
        if let told = observed.session, let known = state.session, told.sessionID == known.sessionID,
            told.sequence < known.sequence
        {
            return
        }
        let sessionChanged = state.session != observed.session
        state.session = observed.session
        state.guilds = observed.guilds
        state.observed = observed
        state.observedAt = date
        if observed.status == .released {
            state.owner = nil
            state.releaseDeadline = nil
            self.touch(owner.member)
        }
        self.slots[observed.slot] = state
        if sessionChanged || observed.status == .released { self.changes.insert(.slot(observed.slot)) }
    }

    private mutating func end(_ member: MemberState) {
        let id = member.registration.id
        self.changes.insert(.member(id))
        switch member.registration.kind {
        case .worker:
            // A worker's lane is fenced by its queue: a single active consumer reads it.
            self.members[id] = nil
        case .shard:
            self.members[id]?.phase = .fencing
            self.fences.insert(member.owner)
        }
    }

    // MARK: What should be

    /// Gives free slots and lanes to members, and asks for hand-overs where the spread is uneven.
    mutating func assign(now: Duration) {
        self.assignSlots(now: now)
        self.assignLanes()
    }

    private mutating func assignSlots(now: Duration) {
        let candidates = self.members.values
            .filter { $0.registration.kind == .shard && $0.phase != .fencing }
            .map {
                SlotPlan.Member(owner: $0.owner, capacity: $0.registration.capacity, isDraining: $0.phase == .draining)
            }
        let slots = self.slots.values
            .filter { self.applications[$0.slot.application]?.generation == $0.slot.generation }
            .map {
                SlotPlan.Slot(
                    slot: $0.slot, owner: $0.owner, isMoving: $0.releaseDeadline != nil,
                    isReady: $0.observed?.status == .ready)
            }
        for move in SlotPlan.moves(slots: slots, members: candidates, mostMoves: self.policy.mostHandOvers) {
            switch move {
            case .grant(let slot, let owner):
                self.slots[slot]?.owner = owner
                self.slots[slot]?.epoch += 1
                self.slots[slot]?.observed = nil
                self.touch(owner.member)
            case .release(let slot, let owner):
                self.slots[slot]?.releaseDeadline = now + self.policy.handOver
                self.touch(owner.member)
            }
            self.changes.insert(.slot(move.slot))
        }
    }

    private mutating func assignLanes() {
        let workers = self.members.values
            .filter { $0.registration.kind == .worker && $0.phase == .alive }
            .map { LanePlan.Worker(id: $0.registration.id, capacity: $0.registration.capacity) }
        let planned = LanePlan.lanes(current: self.lanes, workers: workers)
        for (lane, (before, after)) in zip(self.lanes, planned).enumerated() where before != after {
            self.changes.insert(.lane(lane))
            for id in [before.primary, before.standby, after.primary, after.standby] { id.map { self.touch($0) } }
        }
        self.lanes = planned
    }

    /// The slot whose close code forbids every IDENTIFY of its application: a wrong token, wrong intents.
    func obstacle(to application: Snowflake) -> SlotState? {
        self.slots.values.first { state in
            guard state.slot.application == application, state.owner != nil,
                self.applications[application]?.generation == state.slot.generation,
                let code = state.observed?.closeCode
            else {
                return false
            }
            return GatewayCloseCode(rawValue: code).concernsWholeApplication
        }
    }

    func desired(for id: String) -> DesiredState {
        let owner = self.members[id]?.owner
        let slots = self.slots.values
            .filter { $0.owner == owner && owner != nil && $0.releaseDeadline == nil }
            .sorted { $0.slot < $1.slot }
            .compactMap { state -> SlotGrant? in
                guard let application = self.applications[state.slot.application],
                    application.generation == state.slot.generation
                else { return nil }
                return SlotGrant(
                    slot: state.slot, numShards: state.numShards, epoch: state.epoch, intents: application.intents,
                    gatewayURL: application.gatewayURL, session: state.session, guilds: state.guilds)
            }
        let lanes = self.lanes.enumerated().compactMap { lane, state -> LaneGrant? in
            if state.primary == id { return LaneGrant(lane: lane, role: .primary) }
            if state.standby == id { return LaneGrant(lane: lane, role: .standby) }
            return nil
        }
        return DesiredState(version: self.versions[id] ?? self.version, slots: slots, lanes: lanes)
    }

    private mutating func touch(_ id: String) {
        self.version += 1
        self.versions[id] = self.version
    }
}
