import ClusterAPI
import CoordinatorCore
import Discord

/// What only somebody who sees everything can know.
struct CheckState {
    /// Something that happened in a guild.
    struct Content {
        let at: VirtualTime
        let lane: Int
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
    var highestEpoch: [Slot: Int64] = [:]
    var writtenEpoch: [Slot: Int64] = [:]
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
        }
        for row in batch.watermarks { try self.checkWatermark(row.session, of: row.slot) }
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

    // MARK: At the end

    func checkEnd() throws(Violation) {
        try self.checkRecovered()
        try self.checkNothingLost()
    }

    private func checkRecovered() throws(Violation) {
        guard self.coordinators.count(where: { $0.core != nil && $0.core?.isOver == false }) == 1 else {
            throw self.violation("I13", "nobody leads, or more than one")
        }
        for application in self.scenario.applications {
            guard let inForce = self.database.applications[application.id] else {
                throw self.violation("I13", "application \(application.id) is not known")
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
                    throw self.violation("I13", "slot \(slot) is not ready after the quiet: \(states)")
                }
            }
        }
    }

    private func checkNothingLost() throws(Violation) {
        for content in self.checks.contents where !content.isQueued {
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
