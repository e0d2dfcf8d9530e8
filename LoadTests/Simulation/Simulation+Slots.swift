import ClusterAPI
import CoordinatorCore
import Discord

/// One slot of a member: its session and its way to the broker, as `Sources/Shard/Session` and `Publishing` have it.
extension Simulation {
    private static let mostInMessage = 8
    private static let flushTimeout: Duration = .seconds(8)

    func start(_ grant: SlotGrant, _ member: MemberProcess) throws(Violation) {
        guard let owner = member.owner else { return }
        let run = SlotRun(grant, node: member.node, owner: owner)
        self.trace(
            "\(member.name) starts \(grant.slot) epoch \(grant.epoch) \(grant.session.map { "\($0.sessionID) at \($0.sequence)" } ?? "anew")"
        )
        self.result.counts.grants += 1
        try self.checkStarted(run)
        if let state = grant.session, let session = self.session(state.sessionID) {
            run.session = session
            run.watermark = Int(state.sequence)
            run.received = run.watermark
        } else if grant.followsUnknownSession == true, self.bug != .forgetsUnknownSessions {
            run.lost.append((nil, 0))
            run.items.append(.gap(self.gap(run, nil)))
        }
        self.checks.ownersHaveChanged = true
        member.slots.append(run)
        member.slots.sort { $0.grant.slot < $1.grant.slot }
        self.connect(run, member)
        self.pump(run, member)
    }

    private func gap(_ run: SlotRun, _ session: Session?) -> SlotRun.Gap {
        SlotRun.Gap(
            session: session,
            record: SessionGap(
                session: session?.name ?? "unknown-\(run.grant.epoch)", after: 0, reason: "lost",
                numShards: run.grant.numShards, atMilliseconds: self.now / 1_000))
    }

    func session(_ name: String) -> Session? {
        guard let id = Int(name.dropFirst()), self.discord.sessions.indices.contains(id) else { return nil }
        return self.discord.sessions[id]
    }

    func observed(_ run: SlotRun) -> ObservedSlot {
        var status: SlotStatus =
            switch run.state {
            case .connecting, .backingOff, .waitingForStanding: .connecting
            case .waitingForPermit: .waitingForPermit
            case .identifying: .identifying
            case .resuming: .resuming
            case .ready: .ready
            case .stopped: .starting
            }
        if run.isReleasing { status = run.isReleased ? .released : .handingOver }
        // Until its gap record is confirmed the lost session is told: whoever comes next writes the record again.
        let session: SessionState?
        if let lost = run.lost.first {
            session = lost.session.map { Self.state($0, lost.watermark) }
        } else {
            var watermark = run.watermark
            if self.bug == .watermarkIsLastReceived { watermark = run.received }
            session = run.session.map { Self.state($0, watermark) }
        }
        var unsettled: Int?
        if case .event(_, _, let content)? = run.items.first {
            unsettled = Int((self.now - self.checks.contents[content].at) / 1_000)
        }
        return ObservedSlot(
            slot: run.grant.slot, epoch: run.grant.epoch, status: status, session: session, guilds: 3,
            eventsPerSecond: 1, gaps: run.gapsToTell.isEmpty ? nil : run.gapsToTell,
            unsettledMilliseconds: unsettled,
            acknowledgedMilliseconds: run.acknowledged.map { Int((self.now - $0) / 1_000) })
    }

    private static func state(_ session: Session, _ watermark: Int) -> SessionState {
        SessionState(sessionID: session.name, resumeURL: "wss://r", sequence: Int64(watermark))
    }

    func gapsAreKnown(_ slot: ObservedSlot, _ member: MemberProcess) {
        guard let run = member.slot(slot.slot), run.grant.epoch == slot.epoch, let told = slot.gaps else { return }
        run.gapsToTell.removeAll { told.contains($0) }
    }

    // MARK: The connection

    private func connect(_ run: SlotRun, _ member: MemberProcess) {
        guard !run.isReleasing || self.bug == .releasedWhileRunning else { return }
        self.hangUp(run)
        self.checks.ownersHaveChanged = true
        let link = GatewayLink(run, node: member.node, life: member.life)
        run.connection = link
        run.state = .connecting
        run.acknowledged = nil
        self.tell(.connect, on: link, delay: self.random.time(0.05, 0.15))
        self.later(run, .seconds(5), member)
    }

    func tell(_ what: ToDiscord, on link: GatewayLink, delay: VirtualTime? = nil) {
        self.stream(
            Item(node: self.discordNode, life: 0, event: .atDiscord(link, what)), from: link.node, to: self.discordNode,
            last: &link.lastToDiscord, delay: delay ?? self.gatewayDelay())
    }

    private func hangUp(_ run: SlotRun) {
        if let link = run.connection { self.tell(.close, on: link) }
        run.connection = nil
        run.permitCall = nil
        run.standingSince = nil
        run.standingAskedAt = nil
    }

    func later(_ run: SlotRun, _ wait: Duration, _ member: MemberProcess) {
        run.timer += 1
        self.at(member.after(wait, from: self.now), member.node, member.life, .slotTimer(run, timer: run.timer))
    }

    private func tryAgain(_ run: SlotRun, _ member: MemberProcess, atLeast wait: VirtualTime = 0) {
        self.hangUp(run)
        if run.unansweredResumes >= 3 { self.loseSession(run, member) }
        run.state = .backingOff
        let most = min(4, 0.2 * Double(1 << min(run.failures, 5)))
        run.failures += 1
        self.later(run, .microseconds(max(wait, self.random.time(0.02, most))), member)
    }

    func timerFired(_ run: SlotRun, _ timer: Int, _ member: MemberProcess) {
        guard run.timer == timer else { return }
        if run.isReleasing, self.bug != .releasedWhileRunning { return self.handOverTimePassed(run, member) }
        switch run.state {
        case .backingOff: self.connect(run, member)
        case .waitingForPermit: if run.permitCall == nil { self.askPermit(run, member) }
        case .waitingForStanding: self.standingTimePassed(run, member)
        case .connecting, .identifying, .resuming: self.tryAgain(run, member)
        case .ready, .stopped: break
        }
    }

    func received(_ what: FromDiscord, on link: GatewayLink, _ member: MemberProcess) {
        let run = link.run
        guard run.connection === link else { return }
        switch what {
        case .hello:
            guard run.state == .connecting else { return }
            if run.session == nil {
                run.state = .waitingForPermit
                self.askPermit(run, member)
            } else {
                self.askStanding(run, member)
            }
        case .ready(let session):
            guard run.state == .identifying else { return }
            run.session = session
            run.received = 0
            run.watermark = 0
            // One that is cut off already publishes nothing of it.
            if self.broker.exchanges[run.owner] != nil {
                session.wasReady = true
                self.checks.ready[session.slot, default: []].append(self.now)
            }
            self.reached(.ready, member)
            self.becomeReady(run, member)
        case .resumed:
            guard run.state == .resuming else { return }
            self.becomeReady(run, member)
        case .invalidSession:
            self.loseSession(run, member)
            self.tryAgain(run, member, atLeast: self.random.time(1, 3))
        case .acknowledged(let sentAt): run.acknowledged = sentAt
        case .reconnect: self.tryAgain(run, member)
        case .closed: self.tryAgain(run, member)
        case .events(let session, let first, let last):
            guard run.session === session, run.isReading else { return }
            if run.state == .resuming { run.unansweredResumes = 0 }
            for sequence in max(first, run.received + 1)...max(last, run.received + 1) where sequence <= last {
                self.receivedEvent(session, sequence, run, member)
            }
            self.pump(run, member)
        }
    }

    private func becomeReady(_ run: SlotRun, _ member: MemberProcess) {
        run.state = .ready
        if let link = run.connection { self.beat(link, member) }
        run.failures = 0
        run.unansweredResumes = 0
        run.timer += 1
        self.trace("\(run.owner.member) \(run.grant.slot) is ready with \(run.session?.name ?? "?")")
    }

    func beat(_ link: GatewayLink, _ member: MemberProcess) {
        let run = link.run
        guard run.connection === link, run.state == .ready else { return }
        link.beats += 1
        self.tell(.heartbeat(run.watermark, sentAt: self.now), on: link)
        // While the shard count changes the coordinator wants to know sooner how far a session is.
        let pause: VirtualTime = member.publishing.isEmpty ? 15_000_000 : 1_500_000
        self.after(pause, member.node, member.life, .heartbeat(link, number: link.beats))
    }

    private func loseSession(_ run: SlotRun, _ member: MemberProcess) {
        run.unansweredResumes = 0
        guard let session = run.session else { return }
        self.trace("\(run.owner.member) \(run.grant.slot) loses \(session.name) at \(run.watermark)")
        self.result.counts.sessionsLost += 1
        self.reached(.sessionLost, member)
        if self.bug != .noGapRecord {
            if self.bug != .gapToldTooEarly { run.lost.append((session, run.watermark)) }
            run.items.append(.gap(self.gap(run, session)))
        }
        run.session = nil
        run.received = 0
        run.watermark = 0
        self.pump(run, member)
    }

    // MARK: Permits

    private func askPermit(_ run: SlotRun, _ member: MemberProcess) {
        // An IDENTIFY without a broker only fills memory.
        guard member.isConnected else { return self.later(run, .milliseconds(500), member) }
        let request = PermitRequest(
            member: run.owner.member, incarnation: run.owner.incarnation, slot: run.grant.slot, epoch: run.grant.epoch)
        run.permitCall = self.call(
            .permit(request), .permit(run, askedAt: member.local(self.now)), member, timeout: .seconds(3))
    }

    func permitAnswered(
        _ answer: Result<CoordinatorCore.Answer, Problem>, _ run: SlotRun, _ call: Int, _ askedAt: Duration,
        _ member: MemberProcess
    ) {
        guard run.permitCall == call, run.state == .waitingForPermit, let link = run.connection else { return }
        run.permitCall = nil
        var wait: Duration = .seconds(1)
        if case .success(.permit(let permit)) = answer {
            let elapsed = self.bug == .permitCountsFromAnswer ? .zero : member.local(self.now) - askedAt
            if let valid = permit.validMilliseconds, elapsed <= .milliseconds(valid) + self.scenario.unknownValidity {
                run.state = .identifying
                self.reached(.identify, member)
                self.tell(.identify(sentAt: self.now), on: link)
                return self.later(run, .seconds(10), member)
            }
            wait = .milliseconds(max(50, permit.retryAfterMilliseconds ?? 1_000))
        }
        self.later(run, wait + wait * 0.1 * self.random.fraction(), member)
    }

    // MARK: Events to the broker

    private func receivedEvent(_ session: Session, _ sequence: Int, _ run: SlotRun, _ member: MemberProcess) {
        run.received = sequence
        let content = session.contents[sequence - 1]
        if member.publishes(lane: self.checks.contents[content].lane, of: run.grant.slot) {
            run.items.append(.event(session: session, sequence: sequence, content: content))
        } else {
            run.items.append(.muted(session: session, sequence: sequence))
            let overlap = self.scenario.policy.reshard.overlap.microseconds
            run.muted.removeAll { self.now - $0.at > overlap }
            run.muted.append((self.now, session, sequence, content))
        }
    }

    /// A lane that is published from now on begins with what was heard of it lately: the other generation may lag.
    func publishingChanged(_ run: SlotRun, _ member: MemberProcess) {
        if run.state == .ready, let link = run.connection { self.beat(link, member) }
        let overlap = self.scenario.policy.reshard.overlap.microseconds
        let muted = run.muted
        run.muted = []
        for event in muted where self.now - event.at <= overlap {
            if member.publishes(lane: self.checks.contents[event.content].lane, of: run.grant.slot) {
                // Settled already: it has no sequence number to settle any more.
                run.items.append(.event(session: event.session, sequence: 0, content: event.content))
            } else {
                run.muted.append(event)
            }
        }
        self.pump(run, member)
    }

    /// Sends what waits, one message at a time.
    func pump(_ run: SlotRun, _ member: MemberProcess) {
        guard run.sent == 0, !run.isReleased || self.bug == .releasedWhileRunning else { return }
        while case .muted? = run.items.first { self.settleFirst(run) }
        guard !run.items.isEmpty else {
            if run.isReleasing { self.closeForHandOver(run, member) }
            return
        }
        guard member.isConnected else { return }
        if self.bug == .watermarkIsHighestConfirm, run.items.count > 1, case .event? = run.items.last {
            // The last first: confirms come in any order.
            run.items.insert(run.items.removeLast(), at: 0)
            run.sent = 1
        } else {
            run.sent = min(Self.mostInMessage, run.items.count)
        }
        let message = Message(
            node: member.node, life: member.life, connection: member.connection, owner: run.owner, run: run,
            items: Array(run.items.prefix(run.sent)))
        self.stream(
            Item(node: self.brokerNode, life: 0, event: .published(message)), from: member.node, to: self.brokerNode,
            last: &member.lastToBroker, delay: self.brokerDelay())
    }

    func brokerLost(_ run: SlotRun) {
        // It goes again, in order, through the next connection.
        if self.bug == .dropsUnconfirmed {
            run.items.removeFirst(run.sent)
        }
        run.sent = 0
    }

    func confirmed(_ run: SlotRun, _ count: Int, _ member: MemberProcess) {
        guard run.sent == count, member.slots.contains(where: { $0 === run }) else { return }
        for _ in 0..<count { self.settleFirst(run) }
        run.sent = 0
        self.pump(run, member)
    }

    private func settleFirst(_ run: SlotRun) {
        switch run.items.removeFirst() {
        case .event(let session, let sequence, _): if sequence > 0 { self.settled(session, sequence, run) }
        case .muted(let session, let sequence):
            session.settle(sequence)
            self.settled(session, sequence, run)
        case .gap(let gap):
            if !run.lost.isEmpty { run.lost.removeFirst() }
            run.gapsToTell.append(gap.record)
        }
    }

    private func settled(_ session: Session, _ sequence: Int, _ run: SlotRun) {
        if run.session === session {
            run.watermark = max(run.watermark, sequence)
        } else if let index = run.lost.firstIndex(where: { $0.session === session }) {
            run.lost[index].watermark = max(run.lost[index].watermark, sequence)
        }
    }

    // MARK: Letting go

    func release(_ run: SlotRun, _ member: MemberProcess) {
        guard !run.isReleasing else { return }
        run.isReleasing = true
        if self.bug == .releasedWhileRunning {
            run.isReleased = true
            return
        }
        run.isReading = false
        run.permitCall = nil
        self.later(run, Self.flushTimeout, member)
        if run.items.isEmpty { self.closeForHandOver(run, member) }
    }

    private func closeForHandOver(_ run: SlotRun, _ member: MemberProcess) {
        guard run.state != .stopped else { return }
        run.state = .stopped
        self.hangUp(run)
        self.later(run, .microseconds(self.random.time(0.02, 0.3)), member)
    }

    private func handOverTimePassed(_ run: SlotRun, _ member: MemberProcess) {
        guard !run.isReleased else { return }
        if run.state != .stopped {
            run.isForced = true
            return self.closeForHandOver(run, member)
        }
        run.isReleased = true
        self.reached(.released, member)
        self.trace("\(run.owner.member) has let go of \(run.grant.slot)")
    }

    /// Cut off at once: somebody else may run it already.
    func drop(_ run: SlotRun, _ member: MemberProcess) {
        self.hangUp(run)
        run.state = .stopped
        run.timer += 1
    }

    func forget(_ run: SlotRun, _ member: MemberProcess) {
        self.drop(run, member)
        member.slots.removeAll { $0 === run }
    }
}
