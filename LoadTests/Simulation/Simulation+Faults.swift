import ClusterAPI
import CoordinatorCore

/// What goes wrong, and when. All of it is over at ``Scenario/faultsEnd``.
extension Simulation {
    func planFaults() {
        for _ in 0..<(2 + self.random.below(9)) { self.planFault(at: self.random.time(5, 56)) }
        if self.random.chance(0.4) {
            // What goes wrong together is worse.
            let begin = self.random.time(8, 48)
            for _ in 0..<(3 + self.random.below(3)) { self.planFault(at: begin + self.random.time(0, 5)) }
        }
        if self.bug?.needsLateAnswers == true {
            for _ in 0..<4 { self.at(self.random.time(8, 50), Self.world, 0, .fault(.slowRequests)) }
        }
        if self.scenario.beginsSlowly { self.at(0, Self.world, 0, .fault(.slowRequests)) }
        self.at(Scenario.faultsEnd - 2_000_000, Self.world, 0, .heal(.identifies))
        let steady: [(String, Bool)] = [
            ("clockDrift", self.scenario.clockDrift > 0.001), ("duplicateRequests", self.scenario.duplicates > 0),
            ("lostReplies", self.scenario.losses > 0), ("smallReplayBuffer", self.scenario.replayBuffer < 100),
            ("budgetExhaustion", self.scenario.applications.contains { $0.sessionStarts < 100 }),
        ]
        for (name, isThere) in steady where isThere { self.result.counts.faultsByKind[name, default: 0] += 1 }
    }

    private func planFault(at time: VirtualTime) {
        self.at(time, Self.world, 0, .fault(FaultKind.weighted[self.random.below(FaultKind.weighted.count)]))
    }

    /// How long a fault lasts, at most until everything has to be well.
    private func end(_ low: Double, _ high: Double) -> VirtualTime {
        min(self.now + self.random.time(low, high), Scenario.faultsEnd - 100_000)
    }

    func strike(_ kind: FaultKind) {
        self.result.counts.faults += 1
        self.result.counts.faultsByKind[kind.rawValue, default: 0] += 1
        let coordinator = self.coordinators[self.random.below(2)]
        switch kind {
        case .coordinatorKilled: self.kill(coordinator)
        case .coordinatorsKilled: for coordinator in self.coordinators { self.kill(coordinator) }
        case .coordinatorPaused: self.pause(coordinator)
        case .coordinatorStopped: self.stop(coordinator, comesBackAt: self.end(0.2, 6))
        case .memberKilled: self.pick().map { self.kill($0) }
        case .memberPaused: self.pick().map { self.pause($0) }
        case .memberStopped: self.pick().map { self.stop($0, comesBackAfter: self.random.time(0.2, 5)) }
        case .coordinatorCutFromDatabase: self.cut(coordinator.node, self.databaseNode)
        case .coordinatorCutFromBroker: self.cut(coordinator.node, self.brokerNode)
        case .memberCutFromCoordinator: self.pick().map { self.cut($0.node, coordinator.node) }
        case .memberCutFromBroker: self.pick().map { self.cut($0.node, self.brokerNode) }
        case .memberCutFromDiscord: self.pick().map { self.cut($0.node, self.discordNode) }
        case .databaseFailover: self.failOver()
        case .databaseSlow:
            self.trace("PostgreSQL is slow")
            self.database.slowness = self.random.time(0.1, 2) > 1_000_000 ? 2 : 0.5
            self.at(self.end(1, 8), Self.world, 0, .heal(.slowDatabase))
        case .databaseConnectionsStuck:
            self.trace("connections to PostgreSQL are stuck")
            self.database.hasStuckConnections = true
            self.at(self.end(2, 10), Self.world, 0, .heal(.stuckConnections))
        case .brokerRestarted: self.restartBroker()
        case .brokerSlow:
            self.trace("the broker is slow")
            self.broker.slowness = [0.5, 2, 4][self.random.below(3)]
            self.at(self.end(1, 8), Self.world, 0, .heal(.slowBroker))
        case .slowRequests:
            self.trace("requests are slow")
            let slowest = [0.5, 2, 6][self.random.below(3)]
            self.network.slowRequests = self.bug?.needsLateAnswers == true ? 6 : slowest
            self.at(self.end(4, 14), Self.world, 0, .heal(.slowRequests))
        case .sessionsForgotten: self.forgetSessions(part: 0.4)
        case .identifiesRefused:
            self.trace("Discord refuses every IDENTIFY")
            self.discord.refusesIdentifies = true
            self.at(self.end(2, 10), Self.world, 0, .heal(.identifies))
        case .identifyStorm:
            self.trace("Discord forgets sessions and refuses every IDENTIFY")
            self.forgetSessions(part: 1)
            self.discord.refusesIdentifies = true
            self.at(self.end(20, 45), Self.world, 0, .heal(.identifies))
        }
    }

    private func forgetSessions(part: Double) {
        let sessions = self.discord.live.values.joined().filter { part == 1 || $0.link != nil }.sorted { $0.id < $1.id }
        for session in sessions where self.random.chance(part) {
            if part == 1 || self.random.chance(0.4) {
                self.trace("Discord forgets \(session.name)")
                self.invalidate(session)
            } else if let link = session.link {
                self.close(link, tells: true)
            }
        }
    }

    // MARK: Moments

    /// Whether the moment has come, of those that the schedule has.
    private func isDue(_ moment: Moment) -> Bool {
        guard let left = self.moments[moment], (4_000_000..<60_000_000).contains(self.now) else { return false }
        guard left == 0 else {
            self.moments[moment] = left - 1
            return false
        }
        self.moments[moment] = nil
        self.result.counts.faults += 1
        self.result.counts.faultsByKind["at:\(moment.rawValue)", default: 0] += 1
        return true
    }

    /// - Returns: true: it died before it did what it was about to do.
    func isStruck(at moment: Moment, _ coordinator: CoordinatorProcess) -> Bool {
        guard self.isDue(moment) else { return false }
        if self.random.chance(0.4) {
            self.trace("at \(moment.rawValue):")
            self.kill(coordinator)
            return true
        }
        guard self.random.chance(0.5) else {
            self.cut(coordinator.node, moment == .admit || moment == .fence ? self.brokerNode : self.databaseNode)
            return false
        }
        self.strikeSoon(coordinator, 0.005)
        return false
    }

    func reached(_ moment: Moment, _ member: MemberProcess) {
        if self.isDue(moment) { self.strikeSoon(member, self.random.chance(0.5) ? 0.005 : 1.5) }
    }

    private func strikeSoon(_ process: Process, _ longest: Double) {
        let fault = MomentFault(node: process.node, life: process.life, isPause: self.random.chance(0.3))
        self.after(self.random.time(0, longest), Self.world, 0, .moment(fault))
    }

    func strike(_ fault: MomentFault) {
        guard let process = self.process(fault.node), process.life == fault.life else { return }
        if fault.isPause { self.pause(process) } else { self.kill(process) }
    }

    // MARK: Kinds

    /// Mostly a shard.
    private func pick() -> MemberProcess? {
        let kind: MemberKind = self.scenario.workers > 0 && self.random.chance(0.15) ? .worker : .shard
        return self.random.pick(self.members.filter { $0.kind == kind && $0.isUp })
    }

    private func kill(_ process: Process) {
        guard process.isUp else { return }
        self.trace("kill -9 \(process.name)")
        self.crash(process)
        self.at(self.end(0.1, 12), process.node, -1, .starts)
    }

    private func pause(_ process: Process) {
        guard process.isUp, process.pausedUntil <= self.now else { return }
        process.pausedUntil = self.random.chance(0.3) ? self.end(8, 25) : self.end(0.3, 12)
        self.trace("\(process.name) stands still")
        self.at(process.pausedUntil, process.node, process.life, .continues)
    }

    /// One way or both.
    private func cut(_ first: Int, _ second: Int) {
        let ways = [[(first, second)], [(second, first)], [(first, second), (second, first)]][self.random.below(3)]
        let end = self.end(0.3, 10)
        for (from, to) in ways {
            self.trace("no way from \(from) to \(to)")
            self.network.block(from: from, to: to)
            self.at(end, Self.world, 0, .heal(.link(from, to)))
        }
    }

    private func failOver() {
        guard self.database.isUp else { return }
        self.trace("PostgreSQL fails over")
        self.database.isUp = false
        self.database.incarnation += 1
        // The next one's clock is not the same.
        self.database.skew += self.random.time(-0.02, 0.02)
        self.at(self.end(0.5, 8), Self.world, 0, .heal(.database))
        for coordinator in self.coordinators where coordinator.isUp {
            // Their connections are reset.
            for question in coordinator.open.keys.sorted() {
                switch coordinator.open[question] {
                case .admit?, .fence?, nil: break
                default:
                    self.after(
                        self.random.time(0.0005, 0.01), coordinator.node, coordinator.life,
                        .answered(question: question, .failed))
                }
            }
        }
    }

    private func restartBroker() {
        guard self.broker.isUp else { return }
        self.trace("the broker restarts")
        self.broker.isUp = false
        self.broker.incarnation += 1
        self.at(self.end(0.5, 8), Self.world, 0, .heal(.broker))
        for coordinator in self.coordinators where coordinator.isUp {
            self.after(self.random.time(0.001, 0.05), coordinator.node, coordinator.life, .brokerLost)
        }
        for member in self.members where member.isUp {
            self.after(self.random.time(0.001, 0.05), member.node, member.life, .brokerLost)
        }
    }

    func heal(_ healing: Healing) {
        switch healing {
        case .link(let from, let to): self.heal(from: from, to: to)
        case .database:
            self.trace("PostgreSQL is back")
            self.database.isUp = true
        case .broker:
            self.trace("the broker is back")
            self.broker.isUp = true
        case .slowBroker: self.broker.slowness = 0
        case .slowDatabase: self.database.slowness = 0
        case .stuckConnections: self.database.hasStuckConnections = false
        case .slowRequests: self.network.slowRequests = 0
        case .identifies: self.discord.refusesIdentifies = false
        }
    }
}
