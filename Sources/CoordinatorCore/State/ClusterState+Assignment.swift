package import ClusterAPI
package import Discord

extension ClusterState {
    /// Moves change what members have to do; so long it takes to show.
    private static let loadPause: Duration = .seconds(60)

    // MARK: What Discord says

    /// What Discord says of an application.
    ///
    /// - Parameter numShards: nil keeps the generation in force. Another count than that starts the next generation,
    ///   unless a reshard has set or is setting the count; the slots of the one before are handed over, to nobody.
    package mutating func applicationFound(
        _ id: Snowflake,
        name: String,
        numShards: Int?,
        recommendedShards: Int,
        maxConcurrency: Int = 1,
        intents: UInt64,
        gatewayURL: String
    ) {
        self.recommendedShards[id] = recommendedShards
        self.maxConcurrency[id] = maxConcurrency
        let known = self.applications[id]
        var count = numShards ?? known?.numShards ?? recommendedShards
        if let known, known.isResharded || self.reshards[id] != nil { count = known.numShards }
        var generation = known?.generation ?? (self.latestGenerations[id] ?? 0) + 1
        if let known, known.numShards != count { generation = (self.latestGenerations[id] ?? known.generation) + 1 }
        let found = ApplicationState(
            id: id, name: name, generation: generation, numShards: count, intents: intents, gatewayURL: gatewayURL,
            isResharded: known?.isResharded ?? false)
        guard found != known else { return }
        self.inForce(found)
    }

    /// Puts a generation in force: its slots are run from now on, those of any other are let go.
    mutating func inForce(_ application: ApplicationState) {
        let isNewGeneration = self.applications[application.id]?.generation != application.generation
        self.applications[application.id] = application
        self.latestGenerations[application.id] = max(
            application.generation, self.latestGenerations[application.id] ?? 0)
        self.change(.application(application.id))
        self.addSlots(application.id, generation: application.generation, numShards: application.numShards)
        if isNewGeneration {
            self.generationsChanged(of: application.id)
        } else {
            for id in self.members.keys { self.touch(id) }
        }
    }

    mutating func addSlots(_ application: Snowflake, generation: Int, numShards: Int) {
        for shard in 0..<numShards {
            let slot = Slot(application: application, generation: generation, shard: shard)
            guard self.slots[slot] == nil else { continue }
            self.add(SlotState(slot: slot, numShards: numShards))
            self.change(.slot(slot))
        }
    }

    // MARK: Who gets what

    /// Gives free slots and lanes to members, and asks for hand-overs where the spread is uneven.
    package mutating func assign(now: Duration) {
        if !self.movesToBegin.isEmpty { self.beginMoves(now: now) }
        var bounds = SlotPlan.Bounds(mostMoves: self.policy.mostHandOvers)
        bounds.balances = self.members.values.allSatisfy { $0.isConfirmed || $0.phase == .fencing }
        bounds.balancesLoad = self.loadIsTradedNext <= now
        self.apply(self.slotMoves(bounds: bounds, now: now), now: now)
        if self.lanesAreDue { self.assignLanes() }
    }

    func slotMoves(bounds: SlotPlan.Bounds, now: Duration) -> [SlotPlan.Move] {
        let members = self.membersAsBeforeMoves(self.planMembers(), now: now)
        guard !members.isEmpty else { return [] }
        var free = self.planSlots(self.free, now: now)
        if now < self.hearsUntil {
            free.removeAll { slot in (slot.pin ?? slot.destination).map { self.isWaitedFor($0, now: now) } ?? false }
        }
        return SlotPlan.moves(
            free: free,
            strays: self.planSlots(self.pinned, now: now).filter { $0.owner != nil && $0.owner?.member != $0.pin },
            members: members, moving: self.releasing.count, bounds: bounds
        ) { owner in self.planSlots(self.held[owner] ?? [], now: now) }
    }

    mutating func apply(_ moves: [SlotPlan.Move], now: Duration) {
        for move in moves {
            switch move {
            case .grant(let slot, let owner): self.grant(slot, to: owner)
            case .release(let slot, _, let destination):
                self.release(slot, for: destination, deadline: now + self.policy.handOver)
                self.loadIsTradedNext = now + Self.loadPause
            }
        }
    }

    func planMembers() -> [SlotPlan.Member] {
        var given: [ClusterState.Owner: Int] = [:]
        var coming: [String: Int] = [:]
        for slot in self.releasing {
            guard let state = self.slots[slot], let owner = state.owner else { continue }
            given[owner, default: 0] += 1
            if let destination = state.destination { coming[destination, default: 0] += 1 }
        }
        return self.members.values.compactMap { member in
            guard member.registration.kind == .shard, member.phase != .fencing else { return nil }
            let id = member.registration.id
            let isDraining = member.phase == .draining || self.marks[id] == .drained
            return SlotPlan.Member(
                owner: member.owner, capacity: member.registration.capacity, zone: member.registration.zone,
                isDraining: isDraining,
                isClosed: !member.isAdmitted || !member.isConfirmed || self.marks[id] != nil,
                count: (self.held[member.owner]?.count ?? 0) - given[member.owner, default: 0]
                    + coming[id, default: 0],
                load: member.load)
        }
    }

    /// Adds what operators moved lately, between members that both may have slots: where one of them is gone or closed
    /// there is nothing that the other would have to give or get.
    private func membersAsBeforeMoves(_ members: [SlotPlan.Member], now: Duration) -> [SlotPlan.Member] {
        guard !self.moved.isEmpty else { return members }
        let open = Set(members.lazy.filter { !$0.isClosed && !$0.isDraining }.map(\.owner.member))
        var away: [String: Int] = [:]
        var here: [String: Int] = [:]
        for slot in self.moved where !self.movesToBegin.contains(slot) {
            guard let move = self.slots[slot]?.moved, move.until > now, move.from != move.to,
                open.contains(move.from), open.contains(move.to)
            else { continue }
            away[move.from, default: 0] += 1
            here[move.to, default: 0] += 1
        }
        return members.map { member in
            var member = member
            member.movedAway = away[member.owner.member] ?? 0
            member.movedHere = here[member.owner.member] ?? 0
            return member
        }
    }

    private func planSlots(_ slots: Set<Slot>, now: Duration) -> [SlotPlan.Slot] {
        slots.compactMap { slot in
            guard let state = self.slots[slot] else { return nil }
            return SlotPlan.Slot(
                slot: slot, owner: state.owner, isMoving: state.releaseDeadline != nil || self.retired.contains(slot),
                isReady: state.observed?.status == .ready, bucket: self.bucket(of: slot), load: state.load,
                pin: state.pin, destination: state.destination, isHeld: state.moved.map { $0.until > now } ?? false)
        }
    }

    private mutating func assignLanes() {
        self.lanesAreDue = false
        let workers = self.members.values
            .filter { $0.registration.kind == .worker && $0.phase == .alive }
            .filter { self.marks[$0.registration.id] != .drained }
            .map { member in
                let id = member.registration.id
                return LanePlan.Worker(
                    id: id, capacity: member.registration.capacity, isClosed: self.marks[id] == .cordoned)
            }
        let planned = LanePlan.lanes(current: self.lanes, workers: workers)
        for (lane, (before, after)) in zip(self.lanes, planned).enumerated() where before != after {
            self.change(.lane(lane))
            for id in [before.primary, before.standby, after.primary, after.standby] { id.map { self.touch($0) } }
        }
        self.lanes = planned
    }

    // MARK: What members should run

    package func desired(for id: String) -> DesiredState {
        let owner = self.members[id]?.owner
        let slots = owner.map { self.held[$0] ?? [] }?.sorted() ?? []
        let lanes = self.lanes.enumerated().compactMap { lane, state -> LaneGrant? in
            if state.primary == id { return LaneGrant(lane: lane, role: .primary) }
            if state.standby == id { return LaneGrant(lane: lane, role: .standby) }
            return nil
        }
        return DesiredState(
            version: self.version(of: id), slots: slots.compactMap { self.grant(of: $0) }, lanes: lanes,
            publishing: self.publishing(for: slots),
            restart: self.restart?.asksToRestart(owner) == true ? true : nil)
    }

    private func grant(of slot: Slot) -> SlotGrant? {
        guard let state = self.slots[slot], state.releaseDeadline == nil, self.isActive(slot),
            let application = self.applications[slot.application]
        else { return nil }
        return SlotGrant(
            slot: slot, numShards: state.numShards, epoch: state.epoch, intents: application.intents,
            gatewayURL: application.gatewayURL, session: state.session, guilds: state.guilds,
            followsUnknownSession: state.unknownSince.flatMap { $0 < state.epoch ? true : nil })
    }
}
