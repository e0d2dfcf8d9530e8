import ClusterAPI
import CoordinatorCore
import Discord

/// What only somebody who sees everything can know.
struct CheckState {
    /// Something that happened in a guild.
    struct Content {
        let at: VirtualTime
        let lane: Int
        /// Whose it is to publish it, as written down; nil: nobody's.
        var slot: Slot?
        /// The application's shard count was being changed.
        var isResharded = false
        /// Of the slot whose it is to publish it; nil: it had none that could hear of it.
        var session: Session?
        /// Of the other generation's slot.
        var other: Session?
        var isQueued = false

        init(at: VirtualTime, lane: Int) {
            self.at = at
            self.lane = lane
        }
    }

    var contents: [Content] = []
    /// When each slot's gap records entered the lanes.
    var gaps: [Slot: [VirtualTime]] = [:]
    /// When a reshard that could not go on was given up.
    var givenUp: [(application: Snowflake, at: VirtualTime)] = []
    /// When each slot got a new session.
    var ready: [Slot: [VirtualTime]] = [:]
    /// When the broker cut each life off.
    var cutOff: [ClusterState.Owner: VirtualTime] = [:]
    var highestEpoch: [Slot: Int64] = [:]
    var writtenEpoch: [Slot: Int64] = [:]
    /// The session and the watermark that are written down.
    var writtenSession: [Slot: (session: Session, sequence: Int64)] = [:]
    /// A slot was begun, or an exchange made, since the owners were compared.
    var ownersHaveChanged = false
    /// Since when every slot has been ready without a break.
    var wholeSince: VirtualTime?
}

extension Simulation {
    func violation(_ invariant: String, _ detail: String) -> Violation {
        Violation(invariant: invariant, detail: detail, at: self.now)
    }

    /// Nobody sees a grant that is not written down.
    func checkVisible(_ desired: DesiredState, _ caller: CoordinatorProcess.Caller) throws(Violation) {
        let member = self.members[caller.member - 2]
        for grant in desired.slots {
            let written = self.checks.writtenEpoch[grant.slot] ?? -1
            guard grant.epoch <= written else {
                throw self.violation(
                    "I0",
                    "\(member.name) is shown slot \(grant.slot) epoch \(grant.epoch), and epoch \(written) is written")
            }
            guard grant.epoch == written, let row = self.database.slots[grant.slot] else { continue }
            guard row.owner?.member == member.name || row.owner == nil else {
                throw self.violation(
                    "I0",
                    "\(member.name) is shown slot \(grant.slot) epoch \(grant.epoch), which is \(row.owner?.member ?? "")'s"
                )
            }
        }
    }

    /// One owner at a time: whoever ran the slot before has let go or is cut off.
    func checkStarted(_ run: SlotRun) throws(Violation) {
        guard self.broker.exchanges[run.owner] == true else { return }
        for member in self.members where member.kind == .shard && member.isUp {
            for other in member.slots
            where other.grant.slot == run.grant.slot && other !== run && other.state != .stopped
                && other.owner != run.owner && self.broker.exchanges[other.owner] == true
            {
                throw self.violation(
                    "I1",
                    "slot \(run.grant.slot) is run by \(other.owner.member).\(other.owner.incarnation) (epoch \(other.grant.epoch)) and by \(run.owner.member).\(run.owner.incarnation) (epoch \(run.grant.epoch))"
                )
            }
        }
    }

    /// Nobody takes a session back after the slot may have gone to another process. Whoever is cut off may not know of
    /// it yet: what it knows by is from before.
    func checkResume(by owner: ClusterState.Owner, of slot: Slot, sentAt: VirtualTime) throws(Violation) {
        guard let cutOff = self.checks.cutOff[owner] else { return }
        // Clocks run wrong by half a hundredth at the most.
        guard sentAt - cutOff > Self.standingValidity.microseconds + 50_000 else { return }
        throw self.violation(
            "I1",
            "\(owner.member).\(owner.incarnation) sends RESUME for slot \(slot) \(Double(sentAt - cutOff) / 1_000_000) s after it was cut off"
        )
    }

    /// Nothing of an old epoch enters a queue.
    func checkEnqueued(_ message: Message) throws(Violation) {
        let slot = message.run.grant.slot
        let epoch = message.run.grant.epoch
        let highest = self.checks.highestEpoch[slot] ?? 0
        guard epoch >= highest || message.run.isForced else {
            throw self.violation(
                "I1", "\(message.owner.member) publishes for slot \(slot) in epoch \(epoch), after epoch \(highest)")
        }
        self.checks.highestEpoch[slot] = max(epoch, highest)
    }

    /// A watermark says no more than what is confirmed, and of its own session.
    func checkWritten(_ batch: StateBatch) throws(Violation) {
        for row in batch.slots {
            let before = self.checks.writtenEpoch[row.slot] ?? 0
            guard row.epoch >= before else {
                throw self.violation("I1", "slot \(row.slot) goes back from epoch \(before) to \(row.epoch)")
            }
            self.checks.writtenEpoch[row.slot] = row.epoch
            if let session = row.session { try self.checkWatermark(session, of: row.slot) }
            try self.checkSuccession(row.session, of: row.slot)
        }
        for slot in batch.droppedSlots { self.checks.writtenSession[slot] = nil }
        for row in batch.watermarks {
            guard self.database.slots[row.slot]?.epoch == row.epoch,
                self.database.slots[row.slot]?.session?.sessionID == row.session.sessionID
            else { continue }
            try self.checkWatermark(row.session, of: row.slot)
            try self.checkSuccession(row.session, of: row.slot)
        }
    }

    /// What is written down of a slot's session never goes back, and is given up only once a queue has the record of
    /// its end.
    private func checkSuccession(_ state: SessionState?, of slot: Slot) throws(Violation) {
        let session = state.flatMap { self.session($0.sessionID) }
        if let before = self.checks.writtenSession[slot] {
            if session === before.session {
                guard let state, state.sequence >= before.sequence else {
                    throw self.violation(
                        "I6",
                        "slot \(slot) goes back from \(before.sequence) to \(state?.sequence ?? 0) of \(before.session.name)"
                    )
                }
            } else {
                guard before.session.isMourned || !before.session.wasReady else {
                    throw self.violation(
                        "I6",
                        "slot \(slot) gives \(before.session.name) up for \(session?.name ?? "none"), and no gap record tells"
                    )
                }
                guard session.map({ $0.id > before.session.id }) ?? true else {
                    throw self.violation(
                        "I6", "slot \(slot) goes back from \(before.session.name) to \(session?.name ?? "none")")
                }
            }
        }
        if let session, let state { self.checks.writtenSession[slot] = (session, state.sequence) }
    }

    private func checkWatermark(_ state: SessionState, of slot: Slot) throws(Violation) {
        guard let session = self.session(state.sessionID), session.slot == slot else {
            throw self.violation("I6", "slot \(slot) is written with session \(state.sessionID) of another")
        }
        guard state.sequence <= session.settledPrefix else {
            throw self.violation(
                "I6",
                "slot \(slot) is written with \(state.sequence) of \(session.name), and \(session.settledPrefix) are confirmed"
            )
        }
    }

    // MARK: After each step

    func checkStep() throws(Violation) {
        try self.checkLeaders()
        try self.checkOwners()
    }

    /// One coordinator at a time believes that it leads.
    private func checkLeaders() throws(Violation) {
        for coordinator in self.coordinators {
            guard let end = coordinator.term.leadsUntil, coordinator.local(self.now) < end else { return }
        }
        guard self.coordinators.allSatisfy({ $0.isUp && $0.core?.isOver == false }) else { return }
        throw self.violation(
            "I9",
            "\(self.coordinators.map { "\($0.name) leads in epoch \($0.term.epoch ?? 0)" }.joined(separator: ", "))")
    }

    /// No slot is run twice by processes that the broker listens to. Each member's slots are in order.
    private func checkOwners() throws(Violation) {
        guard self.checks.ownersHaveChanged else { return }
        self.checks.ownersHaveChanged = false
        for (index, member) in self.members.enumerated() where !member.slots.isEmpty {
            for other in self.members[(index + 1)...] where !other.slots.isEmpty {
                var first = 0
                var second = 0
                while first < member.slots.count, second < other.slots.count {
                    let (one, two) = (member.slots[first], other.slots[second])
                    if one.grant.slot == two.grant.slot, one.state != .stopped, two.state != .stopped {
                        try self.checkStarted(one)
                    }
                    if one.grant.slot < two.grant.slot { first += 1 } else { second += 1 }
                }
            }
        }
    }

    /// Refused IDENTIFYs come to an end: the brake lets one through now and then. Each is a session start.
    func checkStorm(_ slot: Slot) throws(Violation) {
        let policy = self.scenario.soundPolicy.identify
        var storm = self.discord.storms[slot.application] ?? .init(since: self.now)
        storm.refused += 1
        storm.slots.insert(slot)
        self.discord.storms[slot.application] = storm
        // What came up lately speaks against a storm, and is heard a little later.
        let window = (policy.brakeWindow + .seconds(5)).microseconds
        let successes = (self.discord.begun[slot.application] ?? []).count {
            self.now - $0 < window + storm.age(self.now)
        }
        let probes = Int(storm.age(self.now) / min(policy.firstBrake, policy.probe).microseconds)
        let most = 2 * storm.slots.count + policy.brakeFailures + 2 * successes + probes + 3
        guard storm.refused <= most else {
            throw self.violation(
                "I7",
                "\(storm.refused) IDENTIFYs of \(storm.slots.count) slots were refused in a row, and they go on")
        }
    }

    // MARK: At the end

    func checkEnd() throws(Violation) {
        try self.checkRecovered()
        try self.checkNothingLost()
    }

    private func checkRecovered() throws(Violation) {
        if let problem = self.notWhole { throw self.violation("I13", problem) }
        if let since = self.checks.wholeSince {
            self.result.counts.longestRecovery = max(0, since - Scenario.faultsEnd)
        }
    }

    /// To be called now and then in the quiet.
    func lookWhetherWhole() {
        self.after(500_000, Self.world, 0, .look)
        if self.notWhole == nil {
            self.checks.wholeSince = self.checks.wholeSince ?? self.now
        } else {
            self.checks.wholeSince = nil
        }
    }

    /// What is missing until every slot is run.
    var notWhole: String? {
        guard self.coordinators.count(where: { $0.core != nil && $0.core?.isOver == false }) == 1 else {
            return "nobody leads, or more than one"
        }
        for application in self.scenario.applications {
            guard let inForce = self.database.applications[application.id] else {
                return "application \(application.id) is not known"
            }
            for shard in 0..<inForce.numShards {
                let slot = Slot(application: application.id, generation: inForce.generation, shard: shard)
                let runs = self.members.flatMap(\.slots).filter { $0.grant.slot == slot && $0.state == .ready }
                guard runs.count == 1, let run = runs.first, self.broker.exchanges[run.owner] == true,
                    self.database.slots[slot]?.owner == run.owner
                else {
                    let states = self.members.flatMap { member in
                        member.slots.filter { $0.grant.slot == slot }.map { "\(member.name): \($0.state)" }
                    }
                    return "slot \(slot) is not ready after the quiet: \(states)"
                }
            }
        }
        return nil
    }

    private func checkNothingLost() throws(Violation) {
        for content in self.checks.contents where !content.isQueued {
            if content.session == nil, content.isResharded, let slot = content.slot, let other = content.other {
                // The generation whose it was did not hear of it.
                guard other.wasReady, !self.isCovered(content, slot), !self.isCovered(content, other.slot) else {
                    continue
                }
                throw self.violation(
                    "I3",
                    "slot \(slot), whose lane \(content.lane) is, did not hear of an event at \(Double(content.at) / 1_000_000) s, and no gap record tells"
                )
            }
            guard let session = content.session, session.wasReady, !self.isCovered(content, session.slot),
                !(content.other.map { self.isCovered(content, $0.slot) } ?? false)
            else { continue }
            throw self.violation(
                "I3",
                "an event of \(session.name), slot \(session.slot), lane \(content.lane), at \(Double(content.at) / 1_000_000) s is in no queue, and no gap record tells"
            )
        }
    }

    /// A gap record says that events of the slot may be missing, from its lost session's watermark until the next
    /// session.
    private func isCovered(_ content: CheckState.Content, _ slot: Slot) -> Bool {
        let gaps = self.checks.gaps[slot] ?? []
        if gaps.contains(where: { $0 >= content.at }) { return true }
        if self.checks.givenUp.contains(where: { $0.application == slot.application && $0.at >= content.at }) {
            return true
        }
        guard let last = gaps.last else { return false }
        return !(self.checks.ready[slot] ?? []).contains { $0 > last && $0 <= content.at }
    }
}

extension DiscordModel.Storm {
    fileprivate func age(_ now: VirtualTime) -> VirtualTime { now - self.since }
}
