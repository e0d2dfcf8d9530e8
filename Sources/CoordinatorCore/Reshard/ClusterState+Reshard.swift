import ClusterAPI
import Discord
import Foundation

extension ClusterState {
    /// Begins a reshard. Its preconditions are checked by ``CoordinatorCore``.
    mutating func beginReshard(_ id: Snowflake, to count: Int, by actor: String, now: Duration, date: Date) {
        guard let application = self.applications[id], self.reshards[id] == nil else { return }
        let generation = (self.latestGenerations[id] ?? application.generation) + 1
        self.latestGenerations[id] = generation
        self.reshards[id] = Reshard(
            application: id, from: application.generation, fromShards: application.numShards, to: generation,
            toShards: count, requestedBy: actor, startedAt: date)
        self.change(.reshard(id))
        self.addSlots(id, generation: generation, numShards: count)
        self.generationsChanged(of: id)
        self.reshardAdvanced(id, now: now)
    }

    /// Goes back to the old generation.
    mutating func rollBack(_ id: Snowflake, reason: String, now: Duration) {
        guard var reshard = self.reshards[id], reshard.canBeAborted else { return }
        reshard.reason = reason
        // Nothing was switched: there is nothing to switch back.
        reshard.phase = reshard.joined == 0 ? .cleaning : .rollingBack
        reshard.left = 0
        self.step(reshard, now: now)
        if reshard.phase == .cleaning { self.generationsChanged(of: id) }
    }

    /// Does what may be done now.
    /// - Returns: what has ended, for the audit log.
    mutating func advanceReshards(now: Duration, date: Date) -> [Reshard] {
        var ended: [Reshard] = []
        for id in self.reshards.keys.sorted() {
            guard let reshard = self.reshards[id] else { continue }
            if self.reshardProgress[id] == nil { self.reshardAdvanced(id, now: now) }
            switch reshard.phase {
            case .identifying: self.advanceIdentifying(reshard, now: now)
            case .switching: self.advanceSwitching(reshard, now: now, date: date)
            case .rollingBack: self.advanceRollingBack(reshard, now: now, date: date)
            case .closing, .cleaning:
                let over = reshard.phase == .closing ? reshard.from : reshard.to
                let isOver = !self.slots.keys.contains { $0.application == id && $0.generation == over }
                guard isOver else { continue }
                self.reshards[id] = nil
                self.reshardProgress[id] = nil
                self.change(.reshard(id))
                ended.append(reshard)
            }
        }
        return ended
    }

    /// Which lanes each generation publishes, for a member that runs these slots; nil: each publishes all.
    func publishing(for slots: [Slot]) -> [GenerationPublishing]? {
        guard !self.reshards.isEmpty else { return nil }
        var told: Set<[UInt64]> = []
        var publishing: [GenerationPublishing] = []
        for slot in slots {
            guard let reshard = self.reshards[slot.application], reshard.runsBoth,
                told.insert([slot.application.rawValue, UInt64(slot.generation)]).inserted
            else { continue }
            let isNew = slot.generation == reshard.to
            publishing.append(
                GenerationPublishing(
                    application: slot.application, generation: slot.generation,
                    lanes: isNew ? Array(0..<reshard.joined) : Array(reshard.left..<self.lanes.count),
                    // The old one keeps them until it has written all that the new one did not hear.
                    cached: isNew ? Array(0..<reshard.left) : nil,
                    commands: isNew ? reshard.joined > 0 : reshard.left == 0))
        }
        return publishing.isEmpty ? nil : publishing
    }

    /// Whether a slot of a generation to come has to leave its identify bucket to one of the generation in force:
    /// events are missing there, and nobody waits for the new one.
    func comesSecond(_ slot: Slot) -> Bool {
        guard let application = self.applications[slot.application], application.generation != slot.generation else {
            return false
        }
        let step = max(1, self.maxConcurrency[slot.application] ?? 1)
        return stride(from: self.bucket(of: slot), to: application.numShards, by: step).contains { shard in
            let state = self.slots[
                Slot(application: slot.application, generation: application.generation, shard: shard)]
            return state?.owner != nil && state?.observed?.status == .waitingForPermit
        }
    }

    // MARK: Phases

    private mutating func advanceIdentifying(_ reshard: Reshard, now: Duration) {
        let id = reshard.application
        if let failure = self.failure(of: reshard) { return self.rollBack(id, reason: failure, now: now) }
        let waves = (reshard.toShards + max(1, self.maxConcurrency[id] ?? 1) - 1) / max(1, self.maxConcurrency[id] ?? 1)
        let most = PermitSpacing.between(self.policy.identify) * waves * 2 + self.policy.reshard.identifySlack
        guard let progress = self.reshardProgress[id] else { return }
        if now - progress.began > most {
            return self.rollBack(id, reason: "not every new session was up within \(most)", now: now)
        }
        guard let since = self.bothReadySince(reshard, now: now), now - since >= self.policy.reshard.warmUp else {
            return
        }
        var next = reshard
        next.phase = .switching
        self.step(next, now: now)
    }

    private mutating func advanceSwitching(_ reshard: Reshard, now: Duration, date: Date) {
        let id = reshard.application
        if let failure = self.failure(of: reshard) { return self.rollBack(id, reason: failure, now: now) }
        guard let progress = self.reshardProgress[id] else { return }
        if now - progress.advancedAt > self.policy.reshard.patience {
            return self.rollBack(
                id, reason: "the switch could not go on for \(self.policy.reshard.patience)", now: now)
        }
        guard let applied = self.applied(id, now: now), let ready = self.bothReadySince(reshard, now: now) else {
            return
        }
        var next = reshard
        if reshard.joined == reshard.left {
            guard reshard.joined < self.lanes.count else {
                if now - applied >= self.policy.reshard.settle { self.commit(reshard, now: now, date: date) }
                return
            }
            next.joined = Reshard.nextBoundary(after: reshard.joined, lanes: self.lanes.count)
        } else {
            // What Discord dispatched before the new generation published has to be in the queues; of what came since
            // the new one has heard.
            let both = max(applied, ready)
            guard now - both >= self.policy.reshard.overlap,
                self.isCaughtUp(id, reshard.from, reshard.fromShards, sparesRefused: true, since: both)
            else { return }
            next.left = reshard.joined
            self.writeGapsOfRefused(reshard, date: date)
        }
        self.step(next, now: now)
    }

    private mutating func advanceRollingBack(_ reshard: Reshard, now: Duration, date: Date) {
        let id = reshard.application
        guard let applied = self.applied(id, now: now) else { return }
        let ready = self.bothReadySince(reshard, now: now)
        var next = reshard
        if reshard.joined > 0 {
            // The old generation has to be heard on every lane before the new one falls silent. A new one that can't
            // come back is not waited for without end, but then it is told that something may be missing.
            let isLate = self.reshardProgress[id].map { now - $0.advancedAt > self.policy.reshard.patience } ?? true
            if isLate {
                self.writeGaps(of: reshard.application, reshard.to, date: date) { _ in true }
            } else {
                guard let both = ready.map({ max(applied, $0) }), now - both >= self.policy.reshard.overlap,
                    self.isCaughtUp(id, reshard.to, reshard.toShards, since: both)
                else { return }
            }
            next.joined = 0
            self.step(next, now: now)
        } else {
            next.phase = .cleaning
            self.step(next, now: now)
            self.generationsChanged(of: id)
        }
    }

    private mutating func writeGaps(
        of application: Snowflake, _ generation: Int, date: Date, where isLost: (SlotState) -> Bool
    ) {
        for state in self.slots.values.sorted(by: { $0.slot < $1.slot })
        where state.slot.application == application && state.slot.generation == generation && isLost(state) {
            guard let session = state.session else { continue }
            let gap = SessionGap(
                session: session.sessionID, after: session.sequence, reason: "reshard", numShards: state.numShards,
                atMilliseconds: Int64(date.timeIntervalSince1970 * 1000))
            self.gapFound(GapState(slot: state.slot, gap: gap, member: state.owner?.member ?? ""))
        }
    }

    /// What Discord dispatches between the end of such a session and the new generation's first event on a lane comes
    /// from nobody, also when the shard comes back before the end: it does not publish those lanes any more.
    private mutating func writeGapsOfRefused(_ reshard: Reshard, date: Date) {
        self.writeGaps(of: reshard.application, reshard.from, date: date) { $0.isRefusedForCount }
    }

    private mutating func commit(_ reshard: Reshard, now: Duration, date: Date) {
        guard let application = self.applications[reshard.application] else { return }
        self.writeGapsOfRefused(reshard, date: date)
        var next = reshard
        next.phase = .closing
        self.step(next, now: now)
        self.inForce(
            ApplicationState(
                id: application.id, name: application.name, generation: reshard.to, numShards: reshard.toShards,
                intents: application.intents, gatewayURL: application.gatewayURL, isResharded: true))
    }

    /// Writes the next step down and tells every member that it concerns.
    private mutating func step(_ reshard: Reshard, now: Duration) {
        self.reshards[reshard.application] = reshard
        self.change(.reshard(reshard.application))
        self.reshardAdvanced(reshard.application, now: now)
    }

    /// Waits for everybody who runs slots of the application to apply what is desired now.
    private mutating func reshardAdvanced(_ id: Snowflake, now: Duration) {
        var awaited: [String: Int] = [:]
        for member in self.members.values
        where self.held[member.owner]?.contains(where: { $0.application == id }) == true {
            self.touch(member.registration.id)
            awaited[member.registration.id] = self.version(of: member.registration.id)
        }
        self.reshardProgress[id] = ReshardProgress(began: now, advancedAt: now, awaited: awaited)
    }

    /// Since when everybody concerned has applied the last step; nil: not yet.
    private mutating func applied(_ id: Snowflake, now: Duration) -> Duration? {
        guard let progress = self.reshardProgress[id] else { return nil }
        if let since = progress.appliedSince { return since }
        let isApplied = progress.awaited.allSatisfy { member, version in
            // One that is gone runs nothing; whoever runs its slots now was told with the grant.
            guard let state = self.members[member] else { return true }
            return state.phase != .fencing && state.appliedVersion >= version
        }
        guard isApplied else { return nil }
        self.reshardProgress[id]?.appliedSince = now
        return now
    }

    /// Since when every session of both generations is up, and none of the new one's has been replaced.
    private mutating func bothReadySince(_ reshard: Reshard, now: Duration) -> Duration? {
        let id = reshard.application
        guard let sessions = self.readySessions(id, reshard.to, reshard.toShards, now: now),
            self.readySessions(id, reshard.from, reshard.fromShards, sparesRefused: true, now: now) != nil
        else {
            self.reshardProgress[id]?.readySince = nil
            return nil
        }
        if let since = self.reshardProgress[id]?.readySince, self.reshardProgress[id]?.sessions == sessions {
            return since
        }
        self.reshardProgress[id]?.readySince = now
        self.reshardProgress[id]?.sessions = sessions
        return now
    }

    /// Whether every shard of the generation has received and settled all that Discord dispatched before that time.
    private func isCaughtUp(
        _ application: Snowflake, _ generation: Int, _ count: Int, sparesRefused: Bool = false, since: Duration
    ) -> Bool {
        (0..<count).allSatisfy { shard in
            let state = self.slots[Slot(application: application, generation: generation, shard: shard)]
            if sparesRefused, state?.isRefusedForCount == true { return true }
            guard let observed = state?.observed, let told = state?.observedSince,
                let acknowledged = observed.acknowledgedMilliseconds
            else { return false }
            // Ages count from when they were told, and that was some time before they were heard.
            let age = Duration.milliseconds(max(acknowledged, observed.unsettledMilliseconds ?? 0))
            return told - self.policy.reshard.way - age >= since
        }
    }

    /// - Parameter sparesRefused: shards that Discord refuses for their count need not be up.
    /// - Returns: nil: not every shard of the generation is up, and has told so lately.
    private func readySessions(
        _ application: Snowflake, _ generation: Int, _ count: Int, sparesRefused: Bool = false, now: Duration
    ) -> [String?]? {
        var sessions: [String?] = []
        for shard in 0..<count {
            let state = self.slots[Slot(application: application, generation: generation, shard: shard)]
            if sparesRefused, state?.isRefusedForCount == true { continue }
            guard let state, state.owner != nil, state.releaseDeadline == nil, let observed = state.observed,
                observed.status == .ready, let since = state.observedSince,
                now - since <= self.policy.reshard.freshness
            else { return nil }
            sessions.append(observed.session?.sessionID)
        }
        return sessions
    }

    /// Why the new generation can't be.
    private func failure(of reshard: Reshard) -> String? {
        for shard in 0..<reshard.toShards {
            let slot = Slot(application: reshard.application, generation: reshard.to, shard: shard)
            guard let observed = self.slots[slot]?.observed, observed.status == .failed else { continue }
            return "shard \(shard) of \(reshard.toShards) was refused: \(observed.reason ?? "no reason told")"
        }
        return nil
    }
}
