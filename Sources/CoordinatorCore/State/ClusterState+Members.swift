package import ClusterAPI
package import Foundation

extension ClusterState {
    /// A process asks to take part. An earlier life of the same id is over with this.
    ///
    /// - Parameter isAdmitted: false while its exchange is not there yet; until ``memberAdmitted(_:)`` it gets nothing.
    package mutating func memberRegistered(
        _ registration: MemberRegistration, isAdmitted: Bool = true, now: Duration, date: Date
    ) -> Owner {
        if let earlier = self.members[registration.id] { self.end(earlier) }
        let incarnation = (self.incarnations[registration.id] ?? 0) + 1
        self.incarnations[registration.id] = incarnation
        var member = MemberState(
            registration: registration, incarnation: incarnation, startedAt: date, leaseEnds: now + self.policy.lease)
        member.isAdmitted = isAdmitted
        member.registeredAt = now
        self.members[registration.id] = member
        self.change(.member(registration.id))
        self.touch(registration.id)
        if registration.kind == .worker { self.lanesAreDue = true }
        return member.owner
    }

    /// - Returns: false when this life is over already.
    mutating func memberAdmitted(_ owner: Owner) -> Bool {
        guard self.members[owner.member]?.owner == owner, self.members[owner.member]?.phase != .fencing else {
            return false
        }
        self.members[owner.member]?.isAdmitted = true
        return true
    }

    package mutating func leaseRenewed(
        _ id: String, _ renewal: LeaseRenewal, now: Duration, date: Date
    ) throws(StaleIncarnation) {
        guard var member = self.members[id], member.incarnation == renewal.incarnation, member.phase != .fencing else {
            throw StaleIncarnation()
        }
        // One that was on its way for longer than a later one tells what is no longer so.
        if let number = renewal.number {
            guard number >= member.renewal else { return }
            member.renewal = number
        }
        member.leaseEnds = now + self.policy.lease
        member.doubtEnds = nil
        member.isConfirmed = true
        member.observedLanes = renewal.lanes
        member.appliedVersion = max(member.appliedVersion, renewal.appliedVersion)
        if renewal.draining, member.phase == .alive {
            member.phase = .draining
            self.change(.member(id))
            if member.registration.kind == .worker { self.lanesAreDue = true }
        }
        self.members[id] = member
        for observed in renewal.slots {
            self.slotObserved(observed, owner: member.owner, now: now, date: date)
        }
        let held = self.held[member.owner] ?? []
        self.members[id]?.load = held.reduce(0) { $0 + (self.slots[$1]?.load ?? 0) }
    }

    /// The member's last word. Its sessions are closed and told, so what it had can move on as soon as it is cut off.
    package mutating func memberLeft(_ id: String, _ final: LeaseRenewal, date: Date) {
        guard let member = self.members[id], member.incarnation == final.incarnation else { return }
        for observed in final.slots { self.slotObserved(observed, owner: member.owner, now: nil, date: date) }
        if member.phase != .fencing { self.end(member) }
    }

    /// The broker has deleted the exchange of this life: nothing it sends can reach a queue any more.
    package mutating func fenced(_ owner: Owner) {
        self.fences.remove(owner)
        for slot in self.held[owner] ?? [] { self.letGo(slot) }
        if self.members[owner.member]?.owner == owner {
            self.members[owner.member] = nil
            self.change(.member(owner.member))
        }
    }

    /// Ends leases that ran out and hand-overs that took too long.
    package mutating func timePassed(now: Duration) {
        for member in self.members.values where member.phase != .fencing && member.leaseEnds <= now { self.end(member) }
        self.endDoubted(now: now)
        for slot in self.retired where self.slots[slot]?.releaseDeadline == nil {
            // Many go at once here.
            self.release(slot, for: nil, deadline: now + self.policy.handOver * 2)
        }
        for slot in self.releasing {
            guard let state = self.slots[slot], let deadline = state.releaseDeadline, deadline <= now,
                let owner = state.owner, let member = self.members[owner.member], member.owner == owner,
                member.phase != .fencing
            else { continue }
            self.end(member)
        }
    }

    /// One that is leaving attends no more, and has its time.
    /// - Returns: false when there is nothing to doubt.
    mutating func doubt(_ id: String, incarnation: Int, now: Duration) -> Bool {
        guard let member = self.members[id], member.incarnation == incarnation, member.phase == .alive else {
            return false
        }
        self.members[id]?.doubtEnds = now + self.policy.doubt
        return true
    }

    /// Renewals may wait to be read since then.
    mutating func postponeDoubts(by gap: Duration) {
        for (id, member) in self.members { self.members[id]?.doubtEnds = member.doubtEnds.map { $0 + gap } }
    }

    private mutating func endDoubted(now: Duration) {
        let doubted = self.members.values.filter { $0.phase == .alive && $0.doubtEnds != nil }
        guard !doubted.isEmpty, doubted.count <= max(1, self.members.count / 4) else { return }
        for member in doubted where member.doubtEnds.map({ $0 <= now }) == true { self.end(member) }
    }

    /// The coordinator itself stood still: leases and hand-overs get the time that they could not be heard in.
    package mutating func clockJumped(by gap: Duration) {
        for id in self.members.keys { self.members[id]?.leaseEnds += gap }
        for slot in self.releasing { self.postpone(slot, by: gap) }
    }

    mutating func end(_ member: MemberState) {
        let id = member.registration.id
        self.change(.member(id))
        switch member.registration.kind {
        case .worker:
            // A worker's lane is fenced by its queue: a single active consumer reads it.
            self.members[id] = nil
            self.lanesAreDue = true
        case .shard:
            self.members[id]?.phase = .fencing
            self.fences.insert(member.owner)
        }
    }

    // MARK: What members tell of slots

    /// What was lost stays lost, whoever runs the slot by now.
    private mutating func gapsObserved(_ observed: ObservedSlot, member: String) {
        guard let gaps = observed.gaps,
            observed.slot.generation <= self.latestGenerations[observed.slot.application] ?? 0
        else { return }
        for gap in gaps { self.gapFound(GapState(slot: observed.slot, gap: gap, member: member)) }
    }

    mutating func gapFound(_ gap: GapState) {
        guard !self.gaps.contains(where: { $0.isSame(as: gap) }) else { return }
        self.gaps.append(gap)
        self.change(.gap(gap))
        self.gaps.removeFirst(max(0, self.gaps.count - ClusterView.mostGaps))
    }

    /// The owner of this epoch has leave to IDENTIFY.
    mutating func permitted(_ slot: Slot, epoch: Int64) {
        guard let state = self.slots[slot], state.epoch == epoch, state.session == nil, state.unknownSince == nil
        else { return }
        self.slots[slot]?.unknownSince = epoch
        self.change(.slot(slot))
    }

    private mutating func slotObserved(_ observed: ObservedSlot, owner: Owner, now: Duration?, date: Date) {
        self.gapsObserved(observed, member: owner.member)
        // Found once and changed in place: thousands are told each second.
        guard let index = self.slots.index(forKey: observed.slot),
            let heard = self.slots.values[index].observe(observed, by: owner, now: now, date: date)
        else { return }
        switch heard.news {
        case .nothing: break
        case .watermark: self.watermarkMoved(observed.slot)
        case .session: self.change(.slot(observed.slot))
        }
        if heard.isNewStatus { self.statusChanged(observed.slot) }
        if observed.status == .released {
            self.letGo(observed.slot)
            self.touch(owner.member)
        }
    }
}

extension ClusterState.SlotState {
    /// What a word of the owner changes.
    fileprivate struct Heard {
        /// Of what has to be written down.
        enum News {
            case nothing
            case watermark
            case session
        }

        let news: News
        let isNewStatus: Bool
    }

    /// - Parameter now: nil: the owner's last word, which says nothing of how fresh it is.
    /// - Returns: nil: somebody else's word, or one that is out of date.
    fileprivate mutating func observe(
        _ told: ObservedSlot, by owner: ClusterState.Owner, now: Duration?, date: Date
    ) -> Heard? {
        guard self.owner == owner, self.epoch == told.epoch else { return nil }
        let (session, unknownSince, status) = (self.session, self.unknownSince, self.observed?.status)
        // A late report of the same session must not move the watermark back.
        if let told = told.session, let session, told.sessionID == session.sessionID, told.sequence < session.sequence {
            return nil
        }
        self.session = told.session
        self.guilds = told.guilds
        self.load = Self.smoothed(self.load, with: told.eventsPerSecond)
        self.observed = told
        self.observedAt = date
        if let now { self.observedSince = now }
        // An owner that tells a session has covered what was before it, and one that lets go without any had none.
        if told.session != nil || (told.status == .released && unknownSince == self.epoch) {
            self.unknownSince = nil
        } else if session != nil, told.status != .released {
            // The permit for the next session may have been given before this one was given up.
            self.unknownSince = self.epoch
        }
        let news: Heard.News =
            if session?.sessionID != told.session?.sessionID || session?.cacheIsBehind != told.session?.cacheIsBehind
                || unknownSince != self.unknownSince
            {
                .session
            } else {
                session == told.session ? .nothing : .watermark
            }
        return Heard(news: news, isNewStatus: status != told.status)
    }

    /// In parts of 1/1024 event a second: sums of them are exact, and so the same in any order. What is told without
    /// sense counts as nothing.
    private static func smoothed(_ load: Double, with rate: Double) -> Double {
        let rate = rate.isFinite ? min(max(0, rate), 1e9) : 0
        return ((load * 0.9 + rate * 0.1) * 1024).rounded() / 1024
    }
}
