import ClusterAPI
import CoordinatorCore
import Discord

/// The shell around the core, as `Sources/Coordinator` has it: leadership, PostgreSQL, the broker, requests.
extension Simulation {
    func start(_ coordinator: CoordinatorProcess) {
        self.trace("\(coordinator.name) starts")
        coordinator.term = LeaderTerm(now: .zero)
        self.after(self.random.time(0.05, 0.3), coordinator.node, coordinator.life, .brokerConnects)
        if self.bug == .loadBeforeLeading { coordinator.earlyState = self.database.load(now: self.now) }
        self.leaderTimePassed(coordinator)
    }

    func handle(_ item: Item, at coordinator: CoordinatorProcess) throws(Violation) {
        if case .request(let request) = item.event {
            guard coordinator.isUp else {
                return self.reply(.failure(Problem(.unavailable, "refused")), to: request.caller, from: coordinator)
            }
            return try self.handle(request, at: coordinator)
        }
        guard coordinator.isUp, item.life == coordinator.life else { return }
        let now = coordinator.local(self.now)
        switch item.event {
        case .leaderTimer: self.leaderTimePassed(coordinator)
        case .tick:
            guard coordinator.core != nil else { return }
            self.act(coordinator)
            coordinator.core?.ticked(now: now, date: self.date)
            try self.drain(coordinator)
            if coordinator.core != nil { self.tickLater(coordinator) }
        case .discover:
            guard coordinator.core != nil else { return }
            self.discover(coordinator)
        case .discovered(let applications, let askedAt):
            guard coordinator.core != nil else { return }
            for application in applications {
                let count = self.scenario.applications.first { $0.id == application.id }?.numShards
                coordinator.core?.applicationFound(
                    application, shards: count, intents: 1,
                    askedAt: self.bug == .budgetForgetsPermits ? now + .seconds(60) : askedAt, now: now,
                    date: self.date)
            }
            try self.drain(coordinator)
        case .answered(let question, let outcome): try self.answered(question, outcome, at: coordinator)
        case .brokerConnects:
            guard self.broker.isUp, !self.isBlockedBothWays(coordinator.node, self.brokerNode) else {
                return self.after(self.random.time(0.2, 1), coordinator.node, coordinator.life, .brokerConnects)
            }
            coordinator.hasBroker = true
            self.act(coordinator)
            try self.drain(coordinator)
        case .brokerLost:
            coordinator.hasBroker = false
            for question in coordinator.open.keys.sorted() {
                switch coordinator.open[question] {
                case .admit?, .fence?: try self.answered(question, .failed, at: coordinator)
                default: break
                }
            }
            self.act(coordinator)
            try self.drain(coordinator)
            self.after(self.random.time(0.2, 1.5), coordinator.node, coordinator.life, .brokerConnects)
        default: break
        }
    }

    func isBlockedBothWays(_ first: Int, _ second: Int) -> Bool {
        self.network.isBlocked(from: first, to: second) || self.network.isBlocked(from: second, to: first)
    }

    /// What the shell tells the core before each event.
    private func act(_ coordinator: CoordinatorProcess) {
        let now = coordinator.local(self.now)
        if let end = coordinator.term.leadsUntil { coordinator.core?.leads(until: end) }
        if self.bug == .leaderWithoutEnd { coordinator.core?.leads(until: .seconds(1_000)) }
        coordinator.core?.brokerChanged(isReady: coordinator.hasBroker, now: now)
    }

    // MARK: Leadership

    private func leaderTimePassed(_ coordinator: CoordinatorProcess) {
        self.obey(coordinator.term.timePassed(now: coordinator.local(self.now)), coordinator)
        self.scheduleLeaderTimer(coordinator)
    }

    private func scheduleLeaderTimer(_ coordinator: CoordinatorProcess) {
        guard coordinator.isUp, let deadline = coordinator.term.nextDeadline else { return }
        let wait = max(.zero, deadline - coordinator.local(self.now))
        self.at(coordinator.after(wait, from: self.now), coordinator.node, coordinator.life, .leaderTimer)
    }

    private func obey(_ action: LeaderTerm.Action?, _ coordinator: CoordinatorProcess) {
        switch action {
        case .ask: self.ask(.ask(holder: coordinator.name), .ask, coordinator, timeout: .seconds(2))
        case .renew(let epoch):
            self.ask(.renew(epoch: epoch), .renew, coordinator, timeout: coordinator.term.times.attempt / 2)
        case .lead(let epoch):
            self.trace("\(coordinator.name) leads, epoch \(epoch)")
            self.result.counts.leaders += 1
            self.ask(.load, .load, coordinator, timeout: .seconds(10))
        case .giveUp(let reason):
            guard self.bug != .leaderWithoutEnd || coordinator.core == nil else { return }
            self.end(coordinator, reason)
        case nil: break
        }
    }

    /// The process ends, and its supervisor starts it again.
    private func end(_ coordinator: CoordinatorProcess, _ reason: String) {
        self.trace("\(coordinator.name) ends: \(reason)")
        self.crash(coordinator)
        self.after(self.random.time(0.25, 1), coordinator.node, -1, .starts)
    }

    private func begin(_ loaded: LoadedState, _ coordinator: CoordinatorProcess) throws(Violation) {
        guard let epoch = coordinator.term.epoch, let end = coordinator.term.leadsUntil else { return }
        var loaded = coordinator.earlyState ?? loaded
        switch self.bug {
        case .loadForgetsFences:
            let over = Set(loaded.members.filter { $0.phase == .fencing }.map(\.owner))
            loaded.members.removeAll { $0.phase == .fencing }
            for index in loaded.slots.indices {
                guard let owner = loaded.slots[index].owner else { continue }
                if over.contains(owner) || loaded.incarnations[owner.member] != owner.incarnation {
                    loaded.slots[index].owner = nil
                }
            }
        case .loadForgetsIncarnations: loaded.incarnations = [:]
        case .loadForgetsSessions: for index in loaded.slots.indices { loaded.slots[index].session = nil }
        default: break
        }
        let now = coordinator.local(self.now)
        // A new leader's brake knows of no failures yet.
        self.discord.storms = [:]
        coordinator.core = CoordinatorCore(
            policy: self.scenario.policy, leader: coordinator.name, leaderEpoch: epoch, loaded: loaded,
            leadsUntil: end, now: now)
        self.act(coordinator)
        try self.drain(coordinator)
        self.tickLater(coordinator)
        self.after(self.random.time(0.05, 0.3), coordinator.node, coordinator.life, .discover)
    }

    private func tickLater(_ coordinator: CoordinatorProcess) {
        self.at(
            coordinator.after(self.scenario.policy.tick, from: self.now), coordinator.node, coordinator.life, .tick)
    }

    private func discover(_ coordinator: CoordinatorProcess) {
        self.after(
            self.random.time(self.scenario.discovery * 0.7, self.scenario.discovery), coordinator.node,
            coordinator.life,
            .discover)
        let facts = self.discord.facts(now: self.now)
        let askedAt = coordinator.local(self.now)
        // Discord counts when it is asked, and the answer takes its way.
        self.after(
            self.random.time(0.02, 0.8), coordinator.node, coordinator.life, .discovered(facts, askedAt: askedAt))
    }

    // MARK: Questions

    private func ask(
        _ body: DatabaseQuestion.Body, _ open: CoordinatorProcess.Open, _ coordinator: CoordinatorProcess,
        timeout: Duration
    ) {
        let question = self.open(open, coordinator, timeout: timeout)
        guard self.database.isUp else {
            // Refused at once, or after a try to connect.
            return self.after(
                self.random.time(0.001, 0.1), coordinator.node, coordinator.life,
                .answered(question: question, .failed))
        }
        let asked = DatabaseQuestion(
            node: coordinator.node, life: coordinator.life, question: question,
            incarnation: self.database.incarnation, body: body)
        var delay =
            self.database.slowness > 0 ? self.random.time(0.01, self.database.slowness) : self.requestDelay()
        if self.database.hasStuckConnections, open.isPooled, self.random.chance(0.3) {
            delay = self.random.time(2, 9)
        }
        self.send(
            Item(node: self.databaseNode, life: 0, event: .atDatabase(asked)), from: coordinator.node,
            to: self.databaseNode, delay: delay)
    }

    private func ask(
        _ body: BrokerQuestion.Body, _ open: CoordinatorProcess.Open, _ coordinator: CoordinatorProcess
    ) {
        let question = self.open(open, coordinator, timeout: .seconds(3))
        let asked = BrokerQuestion(
            node: coordinator.node, life: coordinator.life, question: question, incarnation: self.broker.incarnation,
            body: body)
        guard coordinator.hasBroker, self.broker.isUp else {
            return self.after(1_000, coordinator.node, coordinator.life, .answered(question: question, .failed))
        }
        self.send(
            Item(node: self.brokerNode, life: 0, event: .atBroker(asked)), from: coordinator.node,
            to: self.brokerNode, delay: self.requestDelay())
    }

    private func open(
        _ open: CoordinatorProcess.Open, _ coordinator: CoordinatorProcess, timeout: Duration
    ) -> Int {
        coordinator.questions += 1
        coordinator.open[coordinator.questions] = open
        self.at(
            coordinator.after(timeout, from: self.now), coordinator.node, coordinator.life,
            .answered(question: coordinator.questions, .failed))
        return coordinator.questions
    }

    private func answered(
        _ question: Int, _ outcome: Outcome, at coordinator: CoordinatorProcess
    ) throws(Violation) {
        guard let open = coordinator.open.removeValue(forKey: question) else { return }
        let now = coordinator.local(self.now)
        self.act(coordinator)
        switch (open, outcome) {
        case (.ask, .asked(let epoch)):
            self.termAnswered(coordinator, coordinator.term.answered(epoch: epoch, now: now))
        case (.ask, _): self.termAnswered(coordinator, coordinator.term.answered(epoch: nil, now: now))
        case (.renew, .renewed(true)):
            coordinator.term.renewed(now: now)
            self.scheduleLeaderTimer(coordinator)
        case (.renew, .renewed(false)): self.termAnswered(coordinator, coordinator.term.refused())
        case (.renew, _):
            self.termAnswered(coordinator, coordinator.term.renewalFailed("no answer", now: now))
        case (.resign, _): break
        case (.load, .loaded(let loaded)): try self.begin(loaded, coordinator)
        case (.load, _): self.end(coordinator, "can't load")
        case (.save(let number), .saved): coordinator.core?.saved(number, now: now)
        case (.save(let number), .notSaved(let isLost)):
            if self.bug == .leaderWithoutEnd, isLost {
                coordinator.core?.saved(number, now: now)
            } else {
                coordinator.core?.saveFailed(number, isLeadershipLost: isLost, reason: "refused", now: now)
            }
        case (.save(let number), _):
            if self.bug == .failedSaveCountsAsDone {
                coordinator.core?.saved(number, now: now)
            } else {
                coordinator.core?.saveFailed(number, isLeadershipLost: false, reason: "no answer", now: now)
            }
        case (.permit(let ticket), .permit(let wait)): coordinator.core?.permitTaken(ticket, wait: wait, now: now)
        case (.permit(let ticket), .noPermit(let isLost)):
            coordinator.core?.permitFailed(ticket, isLeadershipLost: isLost, reason: "refused", now: now)
        case (.permit(let ticket), _):
            coordinator.core?.permitFailed(ticket, isLeadershipLost: false, reason: "no answer", now: now)
        case (.admit(let owner), .done): coordinator.core?.admitted(owner, now: now)
        case (.admit(let owner), _): coordinator.core?.admitFailed(owner, reason: "no answer", now: now)
        case (.fence(let owner), .done): coordinator.core?.fenced(owner, now: now)
        case (.fence(let owner), _):
            if self.bug == .failedFenceCountsAsDone {
                coordinator.core?.fenced(owner, now: now)
            } else {
                coordinator.core?.fenceFailed(owner, reason: "no answer", now: now)
            }
        }
        try self.drain(coordinator)
    }

    private func termAnswered(_ coordinator: CoordinatorProcess, _ action: LeaderTerm.Action?) {
        self.obey(action, coordinator)
        self.scheduleLeaderTimer(coordinator)
    }

    // MARK: What the core wants

    private func drain(_ coordinator: CoordinatorProcess) throws(Violation) {
        while coordinator.core?.hasEffects == true, let effects = coordinator.core?.takeEffects() {
            for effect in effects {
                guard coordinator.core != nil else { return }
                try self.perform(effect, coordinator)
            }
        }
    }

    private func perform(_ effect: CoordinatorCore.Effect, _ coordinator: CoordinatorProcess) throws(Violation) {
        let now = coordinator.local(self.now)
        if let moment = effect.moment, self.isStruck(at: moment, coordinator) { return }
        switch effect {
        case .save(let batch):
            self.trace(
                "\(coordinator.name) writes \(batch.number): \(batch.slots.count) slots, \(batch.members.count) members"
            )
            let epoch = coordinator.term.epoch ?? 0
            self.ask(.save(batch, epoch: epoch), .save(batch.number), coordinator, timeout: .seconds(5))
            if self.bug == .visibleBeforeSaved { coordinator.core?.saved(batch.number, now: now) }
        case .admit(let owner): self.ask(.admit(owner), .admit(owner), coordinator)
        case .fence(let owner):
            self.trace("\(coordinator.name) fences \(owner.member).\(owner.incarnation)")
            self.result.counts.fences += 1
            if self.bug == .noFence {
                coordinator.core?.fenced(owner, now: now)
            } else {
                self.ask(.fence(owner), .fence(owner), coordinator)
            }
        case .takePermit(let ticket, let application, let bucket):
            let bucket = Bucket(application: application, number: bucket)
            if self.bug == .permitsInMemory {
                return self.permitFromMemory(ticket, bucket, coordinator)
            }
            self.ask(
                .permit(bucket, epoch: coordinator.term.epoch ?? 0), .permit(ticket), coordinator,
                timeout: .seconds(2))
        case .answer(let request, let answer):
            if let operation = coordinator.operations.removeValue(forKey: request), case .success = answer {
                self.result.counts.operations[operation.rawValue, default: 0] += 1
            }
            guard let caller = coordinator.callers.removeValue(forKey: request) else { return }
            if case .success(.desired(let desired)) = answer { try self.checkVisible(desired, caller) }
            self.reply(answer, to: caller, from: coordinator)
        case .log(_, let message, let facts):
            self.trace("\(coordinator.name): \(message) \(facts.sorted { $0.key < $1.key }.map { "\($0.value)" })")
        case .stepDown(let reason): self.end(coordinator, reason)
        }
    }

    private func permitFromMemory(_ ticket: Int, _ bucket: Bucket, _ coordinator: CoordinatorProcess) {
        let pause = PermitSpacing.between(self.scenario.policy.identify).microseconds
        let now = coordinator.local(self.now)
        if let last = coordinator.permits[bucket], self.now - last < pause {
            coordinator.core?.permitTaken(ticket, wait: .microseconds(pause - (self.now - last)), now: now)
        } else {
            coordinator.permits[bucket] = self.now
            coordinator.core?.permitTaken(ticket, wait: nil, now: now)
        }
    }

    // MARK: Requests

    private func handle(_ request: Request, at coordinator: CoordinatorProcess) throws(Violation) {
        guard coordinator.core != nil else {
            return self.reply(.failure(Problem(.unavailable, "waits to lead")), to: request.caller, from: coordinator)
        }
        coordinator.requests += 1
        let id = coordinator.requests
        coordinator.callers[id] = request.caller
        let now = coordinator.local(self.now)
        self.act(coordinator)
        switch request.body {
        case .register(let registration):
            coordinator.core?.registerRequested(id, registration, now: now, date: self.date)
        case .renew(let member, var renewal):
            switch self.bug {
            case .reshardWithoutOverlap: renewal = renewal.with(slots: renewal.slots.map { $0.caughtUp })
            case .reshardBeforeReady: renewal = renewal.with(slots: self.withNewGenerationReady(renewal.slots))
            case .lateRenewalsCount: renewal = renewal.with(number: .some(nil))
            default: break
            }
            coordinator.core?.renewRequested(id, member: member, renewal, now: now, date: self.date)
        case .leave(let member, let final):
            coordinator.core?.leaveRequested(id, member: member, final, now: now, date: self.date)
        case .permit(let permit): coordinator.core?.permitRequested(id, permit, now: now)
        }
        try self.drain(coordinator)
    }

    private func reply(
        _ answer: Result<CoordinatorCore.Answer, Problem>, to caller: CoordinatorProcess.Caller,
        from coordinator: CoordinatorProcess
    ) {
        self.send(
            Item(node: caller.member, life: caller.life, event: .reply(call: caller.call, answer)),
            from: coordinator.node, to: caller.member, delay: self.requestDelay())
    }

    /// An operator asks whoever leads.
    func operate(_ request: OperatorRequest) throws(Violation) {
        guard let coordinator = self.coordinators.first(where: { $0.core != nil && $0.pausedUntil <= self.now }) else {
            return
        }
        coordinator.requests += 1
        self.trace("operator: \(request.name.rawValue) \(request.member ?? "") \(request.shard ?? -1)")
        coordinator.operations[coordinator.requests] = request.name
        let begun = coordinator.core?.state.reshards.count ?? 0
        self.act(coordinator)
        coordinator.core?.operationRequested(
            coordinator.requests, request, by: "operator", now: coordinator.local(self.now), date: self.date)
        if coordinator.core?.state.reshards.count ?? 0 > begun { self.result.counts.reshardsBegun += 1 }
        // The storm brake is let go by hand.
        if request.name == .retry { self.discord.storms = [:] }
        try self.drain(coordinator)
    }

    /// SIGTERM: answers what waits, lets go of the lead, and ends.
    func stop(_ coordinator: CoordinatorProcess, comesBackAt time: VirtualTime) {
        guard coordinator.isUp else { return }
        self.trace("\(coordinator.name) is asked to stop")
        if coordinator.core != nil, let epoch = coordinator.term.epoch {
            self.ask(.resign(epoch: epoch), .resign, coordinator, timeout: .seconds(1))
        }
        self.crash(coordinator)
        self.at(time, coordinator.node, -1, .starts)
    }

    /// A planted bug: whatever is told of a generation that is to come counts as ready.
    private func withNewGenerationReady(_ slots: [ObservedSlot]) -> [ObservedSlot] {
        slots.map { slot in
            guard let reshard = self.database.reshards[slot.slot.application], reshard.to == slot.slot.generation,
                slot.status != .released, slot.status != .handingOver
            else { return slot }
            return ObservedSlot(
                slot: slot.slot, epoch: slot.epoch, status: .ready, session: slot.session, guilds: slot.guilds,
                gaps: slot.gaps, acknowledgedMilliseconds: slot.acknowledgedMilliseconds)
        }
    }

    func crash(_ process: Process) {
        process.isUp = false
        process.backlog = []
        if let coordinator = process as? CoordinatorProcess { coordinator.core = nil }
        if let member = process as? MemberProcess { self.vanished(member) }
    }
}

extension LeaseRenewal {
    /// For planted bugs: the same with something else in it.
    fileprivate func with(appliedVersion: Int? = nil, slots: [ObservedSlot]? = nil, number: Int?? = nil) -> Self {
        LeaseRenewal(
            incarnation: self.incarnation, appliedVersion: appliedVersion ?? self.appliedVersion,
            waitMilliseconds: self.waitMilliseconds, slots: slots ?? self.slots, lanes: self.lanes,
            draining: self.draining, number: number ?? self.number)
    }
}

extension ObservedSlot {
    /// For a planted bug: nothing that Discord dispatched is on its way.
    fileprivate var caughtUp: ObservedSlot {
        ObservedSlot(
            slot: self.slot, epoch: self.epoch, status: self.status, session: self.session, guilds: self.guilds,
            eventsPerSecond: self.eventsPerSecond, gaps: self.gaps, acknowledgedMilliseconds: 0)
    }
}

extension CoordinatorCore.Effect {
    /// What the simulation may kill the process at.
    fileprivate var moment: Moment? {
        switch self {
        case .save: .save
        case .admit: .admit
        case .fence: .fence
        case .takePermit: .takePermit
        case .answer, .log, .stepDown: nil
        }
    }
}
