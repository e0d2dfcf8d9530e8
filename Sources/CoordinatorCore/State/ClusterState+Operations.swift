import ClusterAPI
import Discord

extension ClusterState {
    mutating func mark(_ id: String, _ mark: Mark?) {
        guard self.marks[id] != mark else { return }
        self.marks[id] = mark
        self.change(.member(id))
        if self.members[id]?.registration.kind == .worker { self.lanesAreDue = true }
    }

    mutating func endRestart() -> Bool {
        guard let restart = self.restart else { return false }
        self.restart = nil
        self.change(.restart)
        restart.current.map { self.touch($0.member) }
        return true
    }

    /// Takes failed slots from their owners: whoever gets them tries anew. Slots that were told to wait for their
    /// permit come back to their owners, and ask again at once; where an owner may get nothing they stay and wait.
    ///
    /// - Returns: how many there are of both.
    mutating func retry(_ application: Snowflake, waiting: Set<Slot>, now: Duration) -> Int {
        let open = Set(self.planMembers().lazy.filter { !$0.isClosed && !$0.isDraining }.map(\.owner))
        let stuck = self.slots.values.filter { state in
            guard state.slot.application == application, let owner = state.owner, state.releaseDeadline == nil else {
                return false
            }
            let status = state.observed?.status
            return status == .failed || (waiting.contains(state.slot) && status != .ready && open.contains(owner))
        }
        for state in stuck.sorted(by: { $0.slot < $1.slot }) {
            let destination = state.observed?.status == .failed ? nil : state.owner?.member
            self.release(state.slot, for: destination, deadline: now + self.policy.handOver)
        }
        return stuck.count
    }

    /// How many lanes the other workers can read: those that may get some, and what the cordoned ones have.
    func lanesReadable(without id: String) -> Int {
        let others = self.members.values.filter {
            $0.registration.kind == .worker && $0.registration.id != id && $0.phase == .alive
        }
        return others.reduce(0) { sum, member in
            switch self.marks[member.registration.id] {
            case nil: sum + member.registration.capacity
            case .cordoned?: sum + self.lanes.count { $0.primary == member.registration.id }
            case .drained?: sum
            }
        }
    }

    /// How many slots are to come to a member by moves that have not begun.
    func movesToBegin(to id: String) -> Int {
        self.movesToBegin.count { slot in
            guard let state = self.slots[slot] else { return false }
            return state.moved?.to == id && state.owner?.member != id && state.releaseDeadline == nil
        }
    }

    /// How many slots members that are open have room for.
    var room: Int { self.room(without: nil) }

    func room(without id: String?) -> Int {
        let open = self.planMembers().filter { !$0.isClosed && !$0.isDraining && $0.owner.member != id }
        return open.reduce(0) { $0 + max(0, $1.capacity - $1.count) } - self.free.count
    }

    /// As if no operator had moved anything lately.
    var withoutHolds: ClusterState {
        var state = self
        state.endHolds()
        return state
    }

    /// Everything that evenness asks for, at once, whatever was moved by hand.
    mutating func rebalance(now: Duration) {
        self.endHolds()
        self.apply(self.slotMoves(bounds: SlotPlan.Bounds(mostMoves: .max, balancesLoad: true), now: now), now: now)
    }

    // MARK: Dry runs

    /// What the plan would do until it has nothing more to do, as if every move succeeded at once.
    func preview(gates: [Snowflake: IdentifyGate] = [:], now: Duration) -> PlanPreview {
        var after = self
        let bounds = SlotPlan.Bounds(mostMoves: .max, balancesLoad: true)
        // Releases and then the grants of what was released; a few rounds settle it.
        for _ in 0..<4 {
            let moves = after.slotMoves(bounds: bounds, now: now)
            guard !moves.isEmpty else { break }
            after.apply(moves, now: now)
            for slot in after.releasing.sorted() { after.letGo(slot) }
        }
        return self.comparison(with: after, gates: gates)
    }

    private func comparison(with after: ClusterState, gates: [Snowflake: IdentifyGate]) -> PlanPreview {
        var moves: [PlanPreview.Move] = []
        var resumes = 0
        var identifies = 0
        for (slot, state) in self.slots {
            let owner = after.slots[slot]?.owner
            guard owner != state.owner, self.isActive(slot) else { continue }
            moves.append(.init(slot: slot, from: state.owner?.member, to: owner?.member))
            guard owner != nil else { continue }
            if state.session == nil { identifies += 1 } else { resumes += 1 }
        }
        let shards = self.members.values.filter { $0.registration.kind == .shard && $0.phase != .fencing }
            .sorted { $0.owner < $1.owner }
        let left = gates.values.compactMap { $0.budget?.free }
        return PlanPreview(
            moves: moves.sorted { $0.slot < $1.slot },
            members: shards.map { member in
                .init(
                    member: member.registration.id, before: self.held[member.owner]?.count ?? 0,
                    after: after.held[member.owner]?.count ?? 0)
            },
            resumes: resumes, identifies: identifies, sessionStartsLeft: left.isEmpty ? nil : left.reduce(0, +),
            notes: after.notes)
    }

    /// What an operator should know of the spread.
    private var notes: [String] {
        var notes: [String] = []
        if !self.free.isEmpty {
            notes.append("nobody has room for \(self.free.count) slots: start another shard member")
        }
        let members = self.planMembers()
        let open = members.filter { !$0.isClosed && !$0.isDraining }
        let room = open.reduce(0) { $0 + max(0, $1.capacity - $1.count) }
        func loss(of isLost: (SlotPlan.Member) -> Bool) -> (needed: Int, room: Int) {
            let lost = members.filter(isLost)
            let lostRoom = lost.filter { !$0.isClosed && !$0.isDraining }
                .reduce(0) { $0 + max(0, $1.capacity - $1.count) }
            return (lost.reduce(0) { $0 + $1.count }, room - lostRoom)
        }
        if open.count > 1, let largest = open.max(by: { ($0.count, $0.owner) < ($1.count, $1.owner) }) {
            let lost = loss { $0.owner == largest.owner }
            if lost.needed > lost.room {
                notes.append(
                    "without \(largest.owner.member) the others have room for \(lost.room) of its \(lost.needed) slots")
            }
        }
        let zones = Set(open.map(\.zone))
        for zone in zones.sorted() where zones.count > 1 {
            let lost = loss { $0.zone == zone }
            if lost.needed > lost.room {
                notes.append("without zone \(zone) the others have room for \(lost.room) of its \(lost.needed) slots")
            }
        }
        return notes
    }
}
