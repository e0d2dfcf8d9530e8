import ClusterAPI
import CoordinatorCore
import Discord

/// PostgreSQL with the coordinator's tables. What it has said yes to outlives a fail-over; its clock may jump with one.
struct DatabaseModel {
    struct Leader {
        var epoch: Int64
        var expiresAt: VirtualTime
        var batch: Int
    }

    var isUp = true
    /// Counts fail-overs.
    var incarnation = 0
    /// Its clock, ahead of the true time by so much.
    var skew: VirtualTime = 0
    /// The longest that a question takes while it is slow, in seconds.
    var slowness: Double = 0
    /// Some of the connections to it are stuck: what goes through one of those arrives late.
    var hasStuckConnections = false

    var leader: Leader?
    var members: [String: StateBatch.MemberRow] = [:]
    var incarnations: [String: Int] = [:]
    var slots: [Slot: ClusterState.SlotState] = [:]
    var lanes: [Int: ClusterState.LaneState] = [:]
    var applications: [Snowflake: ClusterState.ApplicationState] = [:]
    var generations: [Snowflake: Int] = [:]
    var gaps: [ClusterState.GapState] = []
    var reshards: [Snowflake: Reshard] = [:]
    var restart: RollingRestart?
    var permits: [Simulation.Bucket: VirtualTime] = [:]

    func load(now: VirtualTime) -> LoadedState {
        var loaded = LoadedState()
        for id in self.members.keys.sorted() {
            guard let row = self.members[id] else { continue }
            loaded.marks[id] = row.mark
            if var state = row.state {
                state.leaseEnds = .zero
                state.appliedVersion = 0
                state.renewal = 0
                state.registeredAt = .zero
                state.isAdmitted = true
                loaded.members.append(state)
            }
        }
        loaded.incarnations = self.incarnations
        loaded.slots = self.slots.values.sorted { $0.slot < $1.slot }.map { row in
            var slot = ClusterState.SlotState(slot: row.slot, numShards: row.numShards)
            slot.epoch = row.epoch
            slot.owner = row.owner
            slot.session = row.session
            slot.pin = row.pin
            slot.unknownSince = row.unknownSince
            // Longer than any run, so that what has passed since makes no difference.
            slot.moved = row.moved
            return slot
        }
        loaded.lanes = self.lanes
        loaded.applications = self.applications.values.sorted { $0.id < $1.id }
        loaded.latestGenerations = self.generations
        loaded.gaps = self.gaps.suffix(ClusterView.mostGaps)
        loaded.reshards = self.reshards
        loaded.restart = self.restart
        let recent = now + self.skew - 15_000_000
        for (bucket, at) in self.permits where at > recent {
            loaded.recentPermits[bucket.application, default: 0] += 1
        }
        return loaded
    }

    mutating func write(_ batch: StateBatch) {
        for application in batch.applications {
            self.applications[application.id] = application
            self.generations[application.id] = max(application.generation, self.generations[application.id] ?? 0)
        }
        for row in batch.members {
            self.members[row.id] = row
            if let state = row.state { self.incarnations[row.id] = state.incarnation }
        }
        for slot in batch.slots { self.slots[slot.slot] = slot }
        for slot in batch.droppedSlots { self.slots[slot] = nil }
        for row in batch.watermarks {
            guard let slot = self.slots[row.slot], slot.epoch == row.epoch,
                slot.session?.sessionID == row.session.sessionID
            else { continue }
            self.slots[row.slot]?.session = row.session
        }
        for (lane, state) in batch.lanes { self.lanes[lane] = state }
        for gap in batch.gaps where !self.gaps.contains(where: { $0.isSame(as: gap) }) { self.gaps.append(gap) }
        for (id, reshard) in batch.reshards {
            self.reshards[id] = reshard
            if let reshard { self.generations[id] = max(reshard.to, self.generations[id] ?? 0) }
        }
        if let restart = batch.restart { self.restart = restart }
    }

    /// Whether this life is over, as written down.
    func isOver(_ owner: ClusterState.Owner) -> Bool {
        guard self.incarnations[owner.member] == owner.incarnation, let row = self.members[owner.member] else {
            return true
        }
        guard let state = row.state else { return true }
        return state.incarnation != owner.incarnation || state.phase == .fencing
    }
}

extension Simulation {
    /// PostgreSQL does what it is asked, at once and whole.
    func answer(_ question: DatabaseQuestion) throws(Violation) {
        // A question of a connection that a fail-over ended never arrives; its sender hears of that by itself.
        guard self.database.isUp, question.incarnation == self.database.incarnation else { return }
        let outcome: Outcome
        switch question.body {
        case .ask: outcome = .asked(epoch: self.takeLead())
        case .renew(let epoch):
            let time = self.databaseTime
            let isHeld = self.database.leader.map { $0.epoch == epoch && $0.expiresAt > time } ?? false
            if isHeld { self.database.leader?.expiresAt = time + Self.leaderDuration }
            outcome = .renewed(isHeld)
        case .resign(let epoch):
            // The next leader need not wait for its end.
            let time = self.databaseTime
            if self.database.leader?.epoch == epoch { self.database.leader?.expiresAt = time }
            return
        case .load: outcome = .loaded(self.database.load(now: self.now))
        case .save(let batch, let epoch): outcome = try self.save(batch, epoch: epoch)
        case .permit(let bucket, let epoch):
            guard self.database.leader?.epoch == epoch else {
                outcome = .noPermit(isLeadershipLost: true)
                break
            }
            outcome = .permit(wait: self.takePermit(bucket))
        case .takePermit(let bucket):
            self.database.permits[bucket] = self.databaseTime
            return
        }
        let delay = self.database.slowness > 0 ? self.random.time(0.001, self.database.slowness) : self.requestDelay()
        self.send(
            Item(
                node: question.node, life: question.life,
                event: .answered(question: question.question, outcome)),
            from: self.databaseNode, to: question.node, delay: delay)
    }

    private static let leaderDuration = LeaderTerm.Times().duration.microseconds

    private var databaseTime: VirtualTime { self.now + self.database.skew }

    private func takeLead() -> Int64? {
        guard let leader = self.database.leader else {
            self.database.leader = .init(epoch: 1, expiresAt: self.databaseTime + Self.leaderDuration, batch: 0)
            return 1
        }
        guard leader.expiresAt < self.databaseTime else { return nil }
        self.database.leader = .init(
            epoch: leader.epoch + 1, expiresAt: self.databaseTime + Self.leaderDuration, batch: 0)
        return leader.epoch + 1
    }

    private func save(_ batch: StateBatch, epoch: Int64) throws(Violation) -> Outcome {
        guard let leader = self.database.leader else { return .notSaved(isLeadershipLost: true) }
        if leader.epoch != epoch {
            guard self.bug == .saveWithoutEpoch else { return .notSaved(isLeadershipLost: true) }
            throw self.violation("I9", "the leader of epoch \(epoch) writes in epoch \(leader.epoch)")
        }
        if leader.batch >= batch.number {
            // One that was on its way for too long.
            guard self.bug == .lateSaveUndoesNewer else { return .notSaved(isLeadershipLost: false) }
        }
        self.database.leader?.batch = max(leader.batch, batch.number)
        var batch = batch
        if self.bug == .watermarkOfAnotherSession { self.mixUp(&batch) }
        try self.checkWritten(batch)
        // The coordinator itself says that something may be missing.
        for gap in batch.gaps where gap.gap.reason == "reshard" {
            self.checks.givenUp.append((gap.slot.application, self.now))
        }
        let reshards = self.database.reshards
        let restart = self.database.restart
        self.database.write(batch)
        if restart == nil, self.database.restart != nil { self.result.counts.restarts += 1 }
        if restart?.waiting.isEmpty == true, self.database.restart == nil { self.result.counts.restartsDone += 1 }
        for (id, reshard) in batch.reshards.sorted(by: { $0.key < $1.key }) {
            self.trace(
                "reshard of \(id): \(reshard.map { "\($0.phase) joined \($0.joined) left \($0.left)" } ?? "over")")
        }
        for (id, before) in reshards where self.database.reshards[id] == nil {
            if before.phase == .closing {
                self.result.counts.reshardsDone += 1
            } else {
                self.result.counts.reshardsRolledBack += 1
            }
        }
        return .saved
    }

    /// A planted bug: the new watermark beside the session that was there.
    private func mixUp(_ batch: inout StateBatch) {
        for index in batch.slots.indices {
            guard let session = batch.slots[index].session,
                let before = self.database.slots[batch.slots[index].slot]?.session,
                before.sessionID != session.sessionID
            else { continue }
            batch.slots[index].session = SessionState(
                sessionID: session.sessionID, resumeURL: session.resumeURL, sequence: before.sequence)
        }
    }

    private func takePermit(_ bucket: Bucket) -> Duration? {
        let pause = PermitSpacing.between(self.scenario.policy.identify).microseconds
        if let last = self.database.permits[bucket], self.databaseTime - last < pause {
            return .microseconds(pause - (self.databaseTime - last))
        }
        self.database.permits[bucket] = self.databaseTime
        return nil
    }
}
