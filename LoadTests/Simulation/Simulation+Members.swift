import ClusterAPI
import CoordinatorCore
import Discord

/// What a shard process does, as `Sources/Shard/Membership` has it. Which grants to start and let go of is decided by
/// the real `GrantPlan`.
extension Simulation {
    private static let transitionInterval: VirtualTime = 50_000
    private static let shortestInterval: VirtualTime = 20_000
    private static let longestHold: VirtualTime = 1_000_000

    func start(_ member: MemberProcess) {
        self.trace("\(member.name) starts")
        member.coordinator = self.random.below(2)
        self.after(self.random.time(0.05, 0.3), member.node, member.life, .memberTimer(.brokerConnects))
        self.register(member)
    }

    func handle(_ event: Event, at member: MemberProcess) throws(Violation) {
        switch event {
        case .memberTimer(.register): self.register(member)
        case .memberTimer(.renew(let number)):
            if number == member.renewsAt, member.incarnation != nil, !member.isLeaving { self.renew(member) }
        case .memberTimer(.leave): self.leave(member)
        case .memberTimer(.callTimeout(let call)):
            try self.replied(call, .failure(Problem(.unavailable, "no answer")), member)
        case .memberTimer(.brokerConnects): self.connectBroker(member)
        case .reply(let call, let answer): try self.replied(call, answer, member)
        case .confirmed(let connection, let run, let count):
            if connection == member.connection { self.confirmed(run, count, member) }
        case .standingHeld(let question): self.standingHeld(question, member)
        case .cutOff(let connection):
            guard connection == member.connection, member.incarnation != nil else { return }
            self.trace("\(member.name) is cut off")
            self.startOver(member)
        case .brokerLost:
            member.isConnected = false
            member.connection += 1
            for run in member.slots { self.brokerLost(run) }
            self.after(self.random.time(0.2, 1.5), member.node, member.life, .memberTimer(.brokerConnects))
        case .slotTimer(let run, let timer): self.timerFired(run, timer, member)
        case .heartbeat(let link, let number): if link.beats == number { self.beat(link, member) }
        case .gateway(let link, let what): self.received(what, on: link, member)
        default: break
        }
    }

    // MARK: Calls

    func call(
        _ body: Request.Body, _ call: MemberProcess.Call, _ member: MemberProcess, timeout: Duration
    ) -> Int {
        member.lastCall += 1
        let id = member.lastCall
        member.calls[id] = call
        let request = Request(body: body, caller: .init(member: member.node, life: member.life, call: id))
        self.at(member.after(timeout, from: self.now), member.node, member.life, .memberTimer(.callTimeout(id)))
        let item = Item(node: member.coordinator, life: -1, event: .request(request))
        self.send(item, from: member.node, to: member.coordinator, delay: self.requestDelay())
        if self.scenario.duplicates > 0, self.random.chance(self.scenario.duplicates) {
            // A proxy on the way tries again.
            self.send(item, from: member.node, to: member.coordinator, delay: self.random.time(0.01, 6))
        }
        return id
    }

    private func replied(
        _ id: Int, _ answer: Result<CoordinatorCore.Answer, Problem>, _ member: MemberProcess
    ) throws(Violation) {
        guard let call = member.calls.removeValue(forKey: id) else {
            guard self.bug == .appliesOldAnswers, case .success(.desired(let desired)) = answer, !member.isLeaving
            else {
                return
            }
            _ = try self.apply(desired, member.slots.map { self.observed($0) }, member)
            return
        }
        if case .failure(let problem) = answer, problem.code == .unavailable, self.random.chance(0.7) {
            member.coordinator = 1 - member.coordinator
        }
        switch call {
        case .register: self.registered(answer, member)
        case .renew(let told, let askedAt, let hold): try self.renewed(answer, told, askedAt, hold, member)
        case .permit(let run, let askedAt): self.permitAnswered(answer, run, id, askedAt, member)
        case .leave: self.left(member)
        }
    }

    // MARK: Registration

    private func register(_ member: MemberProcess) {
        guard member.incarnation == nil, !member.isLeaving else { return }
        member.registrations += 1
        let registration = MemberRegistration(
            id: member.name, kind: member.kind, capacity: member.capacity, zone: member.zone, version: "1",
            process: "\(member.name)-\(member.life)", attempt: member.registrations)
        _ = self.call(.register(registration), .register, member, timeout: .seconds(3))
    }

    private func registered(_ answer: Result<CoordinatorCore.Answer, Problem>, _ member: MemberProcess) {
        guard case .success(.registered(let registered)) = answer, !member.isLeaving else {
            member.failures += 1
            let most = min(5, 0.25 * Double(1 << min(member.failures, 6)))
            return self.after(self.random.time(0.2, most), member.node, member.life, .memberTimer(.register))
        }
        self.trace("\(member.name) is incarnation \(registered.incarnation)")
        self.reached(.registered, member)
        self.result.counts.incarnations += 1
        member.failures = 0
        member.incarnation = registered.incarnation
        member.applied = 0
        member.renewals = 0
        member.publishing = []
        member.leaseHeldAt = nil
        self.renew(member)
    }

    /// As a new incarnation, with nothing.
    private func startOver(_ member: MemberProcess) {
        for run in member.slots { self.drop(run, member) }
        member.slots = []
        member.incarnation = nil
        member.renewsAt += 1
        member.connection += 1
        member.calls = member.calls.filter { if case .leave = $0.value { true } else { false } }
        if !member.isLeaving { self.register(member) }
    }

    /// The process is gone: its sockets close.
    func vanished(_ member: MemberProcess) {
        for run in member.slots { self.drop(run, member) }
        member.slots = []
        member.isConnected = false
        member.connection += 1
    }

    // MARK: The lease

    private func renew(_ member: MemberProcess) {
        guard let incarnation = member.incarnation else { return }
        let told = member.slots.map { self.observed($0) }
        let hold = GrantPlan.isInTransition(told) || member.isLeaving ? 0 : Self.longestHold
        member.renewals += 1
        let renewal = LeaseRenewal(
            incarnation: incarnation, appliedVersion: member.isLeaving ? 0 : member.applied,
            waitMilliseconds: Int(hold / 1_000), slots: told, draining: member.isLeaving,
            number: member.renewals)
        _ = self.call(
            .renew(member.name, renewal), .renew(told: told, askedAt: self.now, hold: hold), member,
            timeout: .milliseconds(2_500 + hold / 1_000))
    }

    private func renewed(
        _ answer: Result<CoordinatorCore.Answer, Problem>, _ told: [ObservedSlot], _ askedAt: VirtualTime,
        _ hold: VirtualTime, _ member: MemberProcess
    ) throws(Violation) {
        guard !member.isLeaving else { return }
        switch answer {
        case .success(.desired(let desired)):
            var pause = hold == 0 ? Self.transitionInterval : hold
            if desired.version >= member.applied || self.bug == .appliesOldAnswers {
                member.leaseHeldAt = max(member.leaseHeldAt ?? .zero, member.local(askedAt))
                for slot in told where slot.gaps != nil { self.gapsAreKnown(slot, member) }
                let changed = try self.apply(desired, told, member)
                if desired.restart == true { return self.stop(member, comesBackAfter: self.random.time(0.2, 3)) }
                if hold > 0, changed || desired.version != member.applied { pause = Self.shortestInterval }
                member.applied = desired.version
            }
            self.renewLater(member, at: askedAt + pause)
        case .failure(let problem) where problem.code == .staleIncarnation:
            self.trace("\(member.name) has lost its lease")
            self.startOver(member)
        default: self.renewLater(member, at: self.now + self.random.time(0.25, 0.75))
        }
    }

    private func renewLater(_ member: MemberProcess, at time: VirtualTime) {
        member.renewsAt += 1
        self.at(time, member.node, member.life, .memberTimer(.renew(number: member.renewsAt)))
    }

    /// - Returns: whether anything was to be done.
    private func apply(
        _ desired: DesiredState, _ told: [ObservedSlot], _ member: MemberProcess
    ) throws(Violation) -> Bool {
        guard member.kind == .shard else { return false }
        let publishing = desired.publishing ?? []
        if publishing != member.publishing {
            member.publishing = publishing
            for run in member.slots { self.publishingChanged(run, member) }
        }
        let actions = GrantPlan.actions(desired: desired.slots, told: told)
        for action in actions {
            switch action {
            case .start(let grant):
                if let run = member.slot(grant.slot) { self.forget(run, member) }
                try self.start(grant, member)
            case .release(let slot): member.slot(slot).map { self.release($0, member) }
            case .forget(let slot): member.slot(slot).map { self.forget($0, member) }
            }
        }
        return !actions.isEmpty
    }

    // MARK: Leaving

    /// SIGTERM: hands everything over, then says goodbye.
    func stop(_ member: MemberProcess, comesBackAfter pause: VirtualTime) {
        guard member.isUp, !member.isLeaving else { return }
        self.trace("\(member.name) is asked to stop")
        member.isLeaving = true
        member.comesBack = pause
        guard member.incarnation != nil else { return self.left(member) }
        for run in member.slots { self.release(run, member) }
        member.failures = 0
        self.leave(member)
    }

    private func leave(_ member: MemberProcess) {
        guard member.isUp, member.isLeaving, let incarnation = member.incarnation else { return }
        member.failures += 1
        guard member.slots.allSatisfy({ $0.isReleased }) || member.failures > 20 else {
            if member.failures % 2 == 0 { self.renew(member) }
            return self.after(500_000, member.node, member.life, .memberTimer(.leave))
        }
        member.renewals += 1
        let final = LeaseRenewal(
            incarnation: incarnation, appliedVersion: 0, waitMilliseconds: 0,
            slots: member.slots.map { self.observed($0) },
            draining: true, number: member.renewals)
        _ = self.call(.leave(member.name, final), .leave, member, timeout: .seconds(3))
    }

    private func left(_ member: MemberProcess) {
        guard member.isUp else { return }
        self.trace("\(member.name) has left")
        let pause = member.comesBack ?? 1_000_000
        self.crash(member)
        self.after(pause, member.node, -1, .starts)
    }

    // MARK: The broker

    private func connectBroker(_ member: MemberProcess) {
        guard self.broker.isUp, !self.isBlockedBothWays(member.node, self.brokerNode) else {
            return self.after(self.random.time(0.2, 1), member.node, member.life, .memberTimer(.brokerConnects))
        }
        member.isConnected = true
        member.lastToBroker = self.now
        member.lastFromBroker = self.now
        for run in member.slots { self.pump(run, member) }
    }
}
