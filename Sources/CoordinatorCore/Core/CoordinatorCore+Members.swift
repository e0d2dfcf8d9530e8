package import ClusterAPI
import Discord
package import Foundation

extension CoordinatorCore {
    // MARK: Registration

    package mutating func registerRequested(
        _ request: RequestID, _ registration: MemberRegistration, now: Duration, date: Date
    ) {
        guard self.mayAnswer(request, now: now) else { return }
        guard self.brokerIsReady else { return self.refuse(request, .unavailable, "the broker can't be reached") }
        if let known = self.state.members[registration.id], known.registration.process == registration.process,
            let last = known.registration.attempt, let attempt = registration.attempt, attempt <= last
        {
            return self.registeredAgain(request, registration, known, isLate: attempt < last, now: now)
        }
        let owner = self.state.memberRegistered(
            registration, isAdmitted: registration.kind == .worker, now: now, date: date)
        self.answerWhenSaved(.registration(request, owner, registration.kind), now: now)
    }

    /// A request that came twice, or after a later one.
    private mutating func registeredAgain(
        _ request: RequestID, _ registration: MemberRegistration, _ known: ClusterState.MemberState, isLate: Bool,
        now: Duration
    ) {
        if isLate || known.phase == .fencing {
            self.refuse(request, .staleIncarnation, "this registration of \(registration.id) is over")
        } else if known.isAdmitted {
            let answer = self.registered(known.owner, registration.kind)
            self.answerWhenSaved(.other(request, .registered(answer)), now: now)
        } else {
            self.refuse(request, .unavailable, "this registration of \(registration.id) is under way")
        }
    }

    package mutating func admitted(_ owner: Owner, now: Duration) {
        guard self.mayAct(now: now), let request = self.admitting.removeValue(forKey: owner) else { return }
        guard self.state.memberAdmitted(owner) else {
            // Another registration of this id came meanwhile, or the lease has ended. Its fence has waited for this.
            self.refuse(
                request, .staleIncarnation, "another process registered as \(owner.member), or it took too long")
            return self.cutOff(now: now)
        }
        self.log(
            .info, "member registered",
            [
                "member.id": owner.member, "member.kind": MemberKind.shard.rawValue,
                "member.incarnation": "\(owner.incarnation)",
            ])
        self.effects.append(.answer(request, .success(.registered(self.registered(owner, .shard)))))
        self.assignSoon()
        self.flush(now: now)
    }

    package mutating func admitFailed(_ owner: Owner, reason: String, now: Duration) {
        guard self.mayAct(now: now), let request = self.admitting.removeValue(forKey: owner) else { return }
        // Its lease ends by itself, and it is fenced then: whatever there is of its exchange goes.
        self.refuse(request, .unavailable, "the broker did not make the member's exchange: \(reason)")
        self.cutOff(now: now)
    }

    func registered(_ owner: Owner, _ kind: MemberKind) -> MemberRegistered {
        MemberRegistered(
            incarnation: owner.incarnation,
            leaseMilliseconds: Int(self.policy.lease / .milliseconds(1)),
            renewMilliseconds: Int(self.policy.renew / .milliseconds(1)),
            exchange: MemberRegistered.exchange(member: owner.member, incarnation: owner.incarnation),
            controlQueue: kind == .worker
                ? nil : MemberRegistered.controlQueue(member: owner.member, incarnation: owner.incarnation))
    }

    // MARK: Leases

    /// Answers at once when something new is desired, else when something is, or when the renewal's time is over.
    package mutating func renewRequested(
        _ request: RequestID, member id: String, _ renewal: LeaseRenewal, now: Duration, date: Date
    ) {
        guard self.mayAnswer(request, now: now) else { return }
        let wasConfirmed = self.state.members[id]?.isConfirmed ?? false
        do {
            try self.state.leaseRenewed(id, renewal, now: now, date: date)
        } catch {
            return self.refuse(
                request, .staleIncarnation,
                "incarnation \(renewal.incarnation) of member \(id) is over: register again")
        }
        var isWeighty = false
        for slot in renewal.slots {
            isWeighty = isWeighty || slot.status == .released || slot.gaps?.isEmpty == false
            guard self.gates[slot.slot.application]?.awaits(slot) == true else { continue }
            let isHalted = self.gates[slot.slot.application]?.halt != nil
            self.gates[slot.slot.application]?.observed(slot, now: now)
            if !isHalted, let halt = self.gates[slot.slot.application]?.halt {
                self.log(
                    .error, "Discord refuses the application: nobody may IDENTIFY",
                    ["discord.application": "\(slot.slot.application)", "reason": halt.reason])
            }
        }
        if isWeighty || !wasConfirmed || renewal.draining { self.assignSoon() }
        if isWeighty {
            // The answer is the member's leave to forget what it told.
            return self.answerWhenSaved(.renewal(request, member: id, incarnation: renewal.incarnation), now: now)
        }
        self.flush(now: now)
        if let earlier = self.held.removeValue(forKey: id) {
            self.answerRenewal(earlier.request, member: id, incarnation: earlier.incarnation)
        }
        let wait = min(Duration.milliseconds(max(0, renewal.waitMilliseconds)), self.policy.renew)
        guard self.visible[id]?.version == renewal.appliedVersion, wait > .zero else {
            return self.answerRenewal(request, member: id, incarnation: renewal.incarnation)
        }
        self.held[id] = HeldRenewal(
            request: request, incarnation: renewal.incarnation, version: renewal.appliedVersion, deadline: now + wait)
    }

    /// The connection was lost that a member holds only to say that it is there: as a rule its process is gone. One
    /// that is there renews as soon as it is answered, and keeps its lease.
    package mutating func attendanceBroken(member id: String, incarnation: Int, now: Duration) {
        guard !self.isOver, self.state.doubt(id, incarnation: incarnation, now: now) else { return }
        guard let held = self.held.removeValue(forKey: id) else { return }
        self.answerRenewal(held.request, member: id, incarnation: held.incarnation)
    }

    mutating func answerRenewal(_ request: RequestID, member id: String, incarnation: Int) {
        guard let member = self.state.members[id], member.incarnation == incarnation, member.phase != .fencing else {
            return self.refuse(request, .staleIncarnation, "member \(id) has lost its lease: register again")
        }
        // One that registered just now has nothing written down yet.
        guard let visible = self.visible[id] else {
            return self.refuse(request, .unavailable, "nothing can be granted yet")
        }
        self.effects.append(.answer(request, .success(.desired(visible))))
    }

    /// What the member waits for may be there.
    mutating func wake(_ id: String) {
        guard let held = self.held[id], self.visible[id]?.version != held.version else { return }
        self.held[id] = nil
        self.answerRenewal(held.request, member: id, incarnation: held.incarnation)
    }

    /// Answers renewals whose time is over, or whose member is.
    mutating func answerHeld(now: Duration) {
        let over = self.held.filter { id, held in
            // The next look comes too late for half of those that end in between.
            if held.deadline <= now + self.policy.tick / 2 { return true }
            guard let member = self.state.members[id] else { return true }
            return member.incarnation != held.incarnation || member.phase == .fencing
        }
        for (id, held) in over.sorted(by: { $0.key < $1.key }) {
            self.held[id] = nil
            self.answerRenewal(held.request, member: id, incarnation: held.incarnation)
        }
    }

    package mutating func leaveRequested(
        _ request: RequestID, member id: String, _ final: LeaseRenewal, now: Duration, date: Date
    ) {
        guard self.mayAnswer(request, now: now) else { return }
        self.state.memberLeft(id, final, date: date)
        self.log(.info, "member left", ["member.id": id])
        self.assignSoon()
        self.answerWhenSaved(.other(request, .left), now: now)
    }

    mutating func mayAnswer(_ request: RequestID, now: Duration) -> Bool {
        if self.mayAct(now: now) { return true }
        self.refuse(request, .unavailable, "this coordinator no longer leads")
        return false
    }

    // MARK: Discord

    /// What `GET /gateway/bot` said.
    ///
    /// - Parameters:
    ///   - shards: nil keeps the shard count in force, or takes Discord's recommendation for a new application.
    ///   - askedAt: when it was asked.
    package mutating func applicationFound(
        _ application: DiscordApplication, shards: Int?, intents: UInt64, askedAt: Duration, now: Duration, date: Date
    ) {
        guard self.mayAct(now: now) else { return }
        var gate = self.gates[application.id] ?? IdentifyGate(policy: self.policy.identify)
        gate.budgetTold(
            total: application.sessionStartTotal, remaining: application.sessionStartRemaining,
            maxConcurrency: application.maxConcurrency, resetsAfter: application.sessionStartResetsAfter,
            askedAt: askedAt, now: now)
        self.gates[application.id] = gate
        let known = self.state.applications[application.id]
        var shards = shards
        if let known, !known.isResharded, let wanted = shards, wanted != known.numShards, let budget = gate.budget,
            budget.free < wanted
        {
            // The sessions that are there would be given up for some that can't be begun.
            self.log(
                .error, "the shard count stays: fewer session starts may be used than there would be shards",
                [
                    "application.id": "\(application.id)", "shards": "\(known.numShards)", "shards.wanted": "\(wanted)",
                    "session_starts.free": "\(budget.free)",
                ])
            shards = nil
        }
        self.state.applicationFound(
            application.id, name: application.name, numShards: shards,
            recommendedShards: application.recommendedShards, maxConcurrency: application.maxConcurrency,
            intents: intents, gatewayURL: application.gatewayURL)
        if let known, let now = self.state.applications[application.id], now.generation != known.generation {
            self.audit(
                "generation", target: "\(application.id)",
                detail: "the settings ask for it: \(known.numShards) to \(now.numShards) shards", by: nil, date: date)
        }
        self.assignSoon()
        self.flush(now: now)
    }

    // MARK: Permits

    package mutating func permitRequested(_ request: RequestID, _ asked: PermitRequest, now: Duration) {
        guard self.mayAnswer(request, now: now) else { return }
        let owner = Owner(member: asked.member, incarnation: asked.incarnation)
        guard let slot = self.state.slots[asked.slot], slot.epoch == asked.epoch, slot.owner == owner,
            let member = self.state.members[asked.member], member.owner == owner, member.phase != .fencing
        else {
            return self.refuse(
                request, .staleIncarnation, "slot \(asked.slot) is not granted to member \(asked.member)")
        }
        if slot.releaseDeadline != nil || !self.state.isActive(asked.slot) {
            return self.answer(request, after: .seconds(1), "the slot is being handed over")
        }
        let application = asked.slot.application
        if self.gates[application]?.bucketIsFree(asked.slot, now: now) == true, self.state.comesSecond(asked.slot) {
            return self.answer(request, after: .seconds(1), "shards of the generation in force come first")
        }
        let decision = self.gates[application]?.decide(
            asked.slot, epoch: asked.epoch, beganAt: member.registeredAt, now: now)
        switch decision {
        case nil:
            self.refuse(request, .unavailable, "the application's session start limit is not known yet")
        case .wait(let wait, let reason): self.answer(request, after: wait, reason)
        case .take(let bucket):
            self.tickets += 1
            self.asked[self.tickets] = AskedPermit(
                request: request, slot: asked.slot, epoch: asked.epoch, bucket: bucket)
            self.effects.append(.takePermit(ticket: self.tickets, application: application, bucket: bucket))
        }
    }

    /// - Parameter wait: nil: the bucket was free and is taken; else how long it is in use.
    package mutating func permitTaken(_ ticket: Int, wait: Duration?, now: Duration) {
        guard let asked = self.asked[ticket], self.mayAct(now: now) else { return }
        self.asked[ticket] = nil
        let application = asked.slot.application
        if let wait {
            self.gates[application]?.notPermitted(bucket: asked.bucket, wait: wait, now: now)
            return self.answer(asked.request, after: wait, "identify bucket \(asked.bucket) is in use")
        }
        let brakes = self.gates[application]?.permitted(
            asked.slot, epoch: asked.epoch, bucket: asked.bucket, now: now)
        if brakes == true {
            self.log(
                .error, "most IDENTIFYs fail: all of them pause", ["discord.application": "\(application)"])
        }
        // If its owner dies before it can tell of the session, the next one has to know that there may have been one.
        self.state.permitted(asked.slot, epoch: asked.epoch)
        let permit = PermitAnswer(
            validMilliseconds: Int(self.policy.identify.validity / .milliseconds(1)), retryAfterMilliseconds: nil,
            reason: nil)
        self.answerWhenSaved(.other(asked.request, .permit(permit)), now: now)
    }

    package mutating func permitFailed(_ ticket: Int, isLeadershipLost: Bool, reason: String, now: Duration) {
        guard let asked = self.asked[ticket], self.mayAct(now: now) else { return }
        if isLeadershipLost { return self.stepDown("another coordinator leads") }
        self.asked[ticket] = nil
        self.gates[asked.slot.application]?.notPermitted(bucket: asked.bucket, wait: nil, now: now)
        self.refuse(asked.request, .unavailable, "the permit could not be written down: \(reason)")
    }

    private mutating func answer(_ request: RequestID, after wait: Duration, _ reason: String) {
        let milliseconds = max(50, Int((wait / .milliseconds(1)).rounded(.up)))
        self.effects.append(
            .answer(
                request,
                .success(
                    .permit(
                        PermitAnswer(
                            validMilliseconds: nil, retryAfterMilliseconds: milliseconds, reason: reason)))))
    }
}
