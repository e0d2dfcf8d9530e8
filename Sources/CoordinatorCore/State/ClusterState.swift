package import ClusterAPI
package import Discord

/// Who runs what: the coordinator's whole mind as a value. It knows no socket, no database and no clock.
///
/// `now` is the time since the start of a monotonic clock. A slot keeps its owner until that owner has said that it let
/// go, or has been fenced at the broker; only then it is granted to somebody else, with a higher epoch.
package struct ClusterState: Sendable {
    package let policy: ClusterPolicy
    package internal(set) var applications: [Snowflake: ApplicationState] = [:]
    package internal(set) var members: [String: MemberState] = [:]
    package internal(set) var marks: [String: Mark] = [:]
    package internal(set) var slots: [Slot: SlotState] = [:]
    package internal(set) var lanes: [LaneState]
    /// The last ``ClusterView/mostGaps``, the latest last.
    package internal(set) var gaps: [GapState] = []
    /// Changes of a shard count that are on their way.
    package internal(set) var reshards: [Snowflake: Reshard] = [:]
    package internal(set) var restart: RollingRestart?
    /// Since when the member that restarts now was asked to.
    var restartedAt: Duration?
    var reshardProgress: [Snowflake: ReshardProgress] = [:]
    /// The highest generation each application ever had.
    var latestGenerations: [Snowflake: Int] = [:]
    /// What Discord recommends.
    var recommendedShards: [Snowflake: Int] = [:]
    /// Discord's `max_concurrency`, for the spread of identify buckets.
    var maxConcurrency: [Snowflake: Int] = [:]
    /// Lives that are over but not yet cut off at the broker.
    package internal(set) var fences: Set<Owner> = []
    /// The highest incarnation each member id ever had.
    var incarnations: [String: Int] = [:]

    // What follows from `slots`, kept beside it so that nothing looks through all of them.
    private(set) var held: [Owner: Set<Slot>] = [:]
    /// Slots of generations in force or to come that nobody runs.
    private(set) var free: Set<Slot> = []
    private(set) var releasing: Set<Slot> = []
    private(set) var pinned: Set<Slot> = []
    private(set) var moved: Set<Slot> = []
    /// Of `moved`, those that are handed over once the member that is to have them may get something.
    private(set) var movesToBegin: Set<Slot> = []
    /// Slots of generations that are over and that somebody still runs.
    private(set) var retired: Set<Slot> = []

    /// One counter for every member's desired state: it grows, and a change is seen.
    private(set) var version: Int
    private var versions: [String: Int] = [:]
    private var touched: Set<String> = []
    private(set) var changes: Set<Change> = []
    /// Slots of which only the watermark has moved since it was written down.
    private(set) var movedWatermarks: Set<Slot> = []
    /// Slots whose owner or status may be another than when this was taken last, or that are run now or no longer.
    private(set) var slotNews: Set<Slot> = []
    var lanesAreDue = true
    /// A new leader hears of members with their next renewals; so long slots wait that are meant for one of them.
    private(set) var hearsUntil: Duration = .zero
    /// When a busy slot may be traded for a quiet one again: what the last trade did has to show first.
    var loadIsTradedNext: Duration = .zero

    /// - Parameter firstVersion: above every version that an earlier leader told.
    package init(policy: ClusterPolicy, firstVersion: Int) {
        self.policy = policy
        self.version = firstVersion
        self.lanes = Array(repeating: LaneState(), count: policy.lanes)
    }

    /// The state that the last leader wrote down. Its members keep what they have if they renew in time.
    package init(policy: ClusterPolicy, firstVersion: Int, loaded: LoadedState, now: Duration) {
        self.init(policy: policy, firstVersion: firstVersion)
        self.incarnations = loaded.incarnations
        self.marks = loaded.marks
        self.reshards = loaded.reshards
        self.restart = loaded.restart
        self.gaps = loaded.gaps
        for application in loaded.applications {
            self.applications[application.id] = application
            self.latestGenerations[application.id] = application.generation
        }
        for (application, generation) in loaded.latestGenerations {
            self.latestGenerations[application] = max(generation, self.latestGenerations[application] ?? 0)
        }
        for (lane, assigned) in loaded.lanes where self.lanes.indices.contains(lane) { self.lanes[lane] = assigned }
        for member in loaded.members {
            var member = member
            member.leaseEnds = now + max(policy.lease, policy.grace)
            member.isConfirmed = false
            self.members[member.registration.id] = member
            if member.phase == .fencing { self.fences.insert(member.owner) }
        }
        for slot in loaded.slots { self.add(slot) }
        self.hearsUntil = now + Self.hearing
        self.loadMoves(now: now)
        // An owner whose member started a new life before the old one was cut off.
        for owner in self.held.keys where self.members[owner.member]?.owner != owner { self.fences.insert(owner) }
    }

    // MARK: What others look at

    package mutating func takeChanges() -> Set<Change> {
        defer { self.changes = [] }
        return self.changes
    }

    /// - Parameter most: so many at the most; the rest stays for the next time.
    mutating func takeMovedWatermarks(most: Int) -> [Slot] {
        if self.movedWatermarks.count <= most {
            defer { self.movedWatermarks = [] }
            return self.movedWatermarks.sorted()
        }
        let some = Array(self.movedWatermarks.prefix(most)).sorted()
        self.movedWatermarks.subtract(some)
        return some
    }

    package mutating func takeSlotNews() -> Set<Slot> {
        defer { self.slotNews = [] }
        return self.slotNews
    }

    /// Members whose desired state may be another than when this was asked last.
    mutating func takeTouched() -> Set<String> {
        defer { self.touched = [] }
        return self.touched
    }

    mutating func putBack(changes: Set<Change>, watermarks: [Slot], touched: Set<String>) {
        self.changes.formUnion(changes)
        self.movedWatermarks.formUnion(watermarks)
        self.touched.formUnion(touched)
    }

    /// Whether slots of this generation are to be run.
    package func isActive(_ slot: Slot) -> Bool {
        if self.applications[slot.application]?.generation == slot.generation { return true }
        guard let reshard = self.reshards[slot.application] else { return false }
        return reshard.runsBoth && reshard.to == slot.generation
    }

    /// Discord lets one slot of each bucket IDENTIFY at a time.
    func bucket(of slot: Slot) -> Int { slot.shard % max(1, self.maxConcurrency[slot.application] ?? 1) }

    func version(of member: String) -> Int { self.versions[member] ?? self.version }

    // MARK: The one way to change things

    mutating func change(_ change: Change) { self.changes.insert(change) }

    mutating func watermarkMoved(_ slot: Slot) { self.movedWatermarks.insert(slot) }

    mutating func statusChanged(_ slot: Slot) { self.slotNews.insert(slot) }

    mutating func touch(_ id: String) {
        self.version += 1
        self.versions[id] = self.version
        self.touched.insert(id)
    }

    func touchedAnything() -> Bool { !self.touched.isEmpty }

    mutating func add(_ state: SlotState) {
        self.slots[state.slot] = state
        self.index(state.slot, owner: state.owner)
        if state.releaseDeadline != nil { self.releasing.insert(state.slot) }
        if state.pin != nil { self.pinned.insert(state.slot) }
    }

    mutating func pin(_ slot: Slot, to member: String?) {
        guard self.slots[slot] != nil, self.slots[slot]?.pin != member else { return }
        self.slots[slot]?.pin = member
        if member == nil { self.pinned.remove(slot) } else { self.pinned.insert(slot) }
        self.change(.slot(slot))
    }

    /// So long a slot that an operator moved stays where it was put.
    static let moveHold: Duration = .seconds(600)

    private static let hearing: Duration = .seconds(3)

    /// An operator moves the slot: it is to stay there.
    mutating func move(_ slot: Slot, to member: String, now: Duration) {
        for other in self.moved where self.slots[other]?.moved.map({ $0.until <= now }) ?? true { self.endHold(other) }
        guard let state = self.slots[slot], let owner = state.owner?.member else { return }
        self.slots[slot]?.moved = OperatorMove(
            from: state.moved?.from ?? owner, to: member, until: now + Self.moveHold)
        self.moved.insert(slot)
        self.movesToBegin.insert(slot)
        self.change(.slot(slot))
    }

    mutating func endHolds() { for slot in self.moved { self.endHold(slot) } }

    private mutating func endHold(_ slot: Slot) {
        self.slots[slot]?.moved = nil
        self.moved.remove(slot)
        self.movesToBegin.remove(slot)
        self.change(.slot(slot))
    }

    /// Begins the hand-overs that operators asked for, as soon as the members that are to have the slots may get them.
    mutating func beginMoves(now: Duration) {
        for slot in self.movesToBegin.sorted() {
            guard let state = self.slots[slot], let move = state.moved, move.until > now, self.isActive(slot),
                let member = self.members[move.to], member.phase == .alive, self.marks[move.to] == nil,
                state.pin.map({ $0 == move.to }) ?? true
            else {
                self.endHold(slot)
                continue
            }
            switch state.owner?.member {
            case nil: self.slots[slot]?.destination = move.to
            case move.to?: break
            case _?:
                guard member.isConfirmed, member.isAdmitted else { continue }
                // It may be on its way to nobody in particular.
                if state.releaseDeadline != nil { self.slots[slot]?.destination = move.to }
                self.release(slot, for: move.to, deadline: now + self.policy.handOver)
            }
            self.movesToBegin.remove(slot)
        }
    }

    /// An operator who was told that a slot moves need not know which coordinator led: what the last leader had not
    /// brought to its end goes on.
    private mutating func loadMoves(now: Duration) {
        for slot in Array(self.slots.keys) {
            guard let move = self.slots[slot]?.moved else { continue }
            self.slots[slot]?.moved?.until = now + min(move.until, Self.moveHold)
            self.moved.insert(slot)
            self.movesToBegin.insert(slot)
            if self.slots[slot]?.owner == nil { self.slots[slot]?.destination = move.to }
        }
    }

    /// Whether this member, which the last leader knew, may get something as soon as it is heard of.
    func isWaitedFor(_ id: String, now: Duration) -> Bool {
        guard now < self.hearsUntil, let member = self.members[id] else { return false }
        return member.phase == .alive && !member.isConfirmed && self.marks[id] == nil
    }

    private mutating func forget(_ slot: Slot) {
        self.slots[slot] = nil
        self.free.remove(slot)
        self.pinned.remove(slot)
        self.moved.remove(slot)
        self.movesToBegin.remove(slot)
        self.slotNews.insert(slot)
        self.change(.slot(slot))
    }

    private mutating func index(_ slot: Slot, owner: Owner?) {
        let isActive = self.isActive(slot)
        self.slotNews.insert(slot)
        if let owner {
            self.held[owner, default: []].insert(slot)
            self.free.remove(slot)
            if !isActive { self.retired.insert(slot) }
        } else if isActive {
            self.free.insert(slot)
        }
    }

    /// The slot is somebody's from now on, with the next epoch.
    mutating func grant(_ slot: Slot, to owner: Owner) {
        guard var state = self.slots[slot] else { return }
        state.owner = owner
        state.epoch += 1
        state.observed = nil
        state.releaseDeadline = nil
        state.destination = nil
        self.slots[slot] = state
        if let moved = state.moved, moved.to != owner.member { self.endHold(slot) }
        self.releasing.remove(slot)
        self.index(slot, owner: owner)
        self.change(.slot(slot))
        self.touch(owner.member)
    }

    /// The slot is nobody's: its owner let go, or was cut off.
    mutating func letGo(_ slot: Slot) {
        guard let state = self.slots[slot], let owner = state.owner else { return }
        self.slots[slot]?.owner = nil
        self.slots[slot]?.releaseDeadline = nil
        self.slotNews.insert(slot)
        self.releasing.remove(slot)
        self.retired.remove(slot)
        self.held[owner]?.remove(slot)
        if self.held[owner]?.isEmpty == true { self.held[owner] = nil }
        if self.isActive(slot) {
            self.free.insert(slot)
            self.change(.slot(slot))
        } else {
            // Nobody will ever run it again.
            self.forget(slot)
        }
    }

    /// Its owner is to hand the slot over.
    mutating func release(_ slot: Slot, for destination: String?, deadline: Duration) {
        guard let owner = self.slots[slot]?.owner, self.slots[slot]?.releaseDeadline == nil else { return }
        self.slots[slot]?.releaseDeadline = deadline
        self.slots[slot]?.destination = destination
        self.releasing.insert(slot)
        // Nothing of it is written down; but only a leader may say it.
        self.change(.slot(slot))
        self.touch(owner.member)
    }

    mutating func postpone(_ slot: Slot, by gap: Duration) { self.slots[slot]?.releaseDeadline? += gap }

    /// Looks at every slot of an application anew, after its generations have changed.
    mutating func generationsChanged(of application: Snowflake) {
        for (slot, state) in self.slots where slot.application == application {
            let isActive = self.isActive(slot)
            self.slotNews.insert(slot)
            switch (state.owner != nil, isActive) {
            case (true, true): self.retired.remove(slot)
            case (true, false): self.retired.insert(slot)
            case (false, true): self.free.insert(slot)
            case (false, false): self.forget(slot)
            }
        }
        for id in self.members.keys { self.touch(id) }
    }
}
