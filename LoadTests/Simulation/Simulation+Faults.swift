import ClusterAPI
import CoordinatorCore

/// What goes wrong, and when. All of it is over at ``Scenario/faultsEnd``.
extension Simulation {
    func planFaults() {
        for _ in 0..<(2 + self.random.below(9)) { self.at(self.random.time(5, 56), Self.world, 0, .fault) }
        self.at(Scenario.faultsEnd - 2_000_000, Self.world, 0, .heal(.identifies))
        for member in self.members where member.kind == .shard {
            self.at(
                Scenario.faultsEnd - 1_000_000, Self.world, 0,
                .operates(OperatorRequest(.uncordon, member: member.name)))
        }
    }

    /// How long a fault lasts, at most until everything has to be well.
    private func end(_ low: Double, _ high: Double) -> VirtualTime {
        min(self.now + self.random.time(low, high), Scenario.faultsEnd - 100_000)
    }

    func strike() {
        self.result.counts.faults += 1
        switch self.random.below(20) {
        case 0: self.kill(self.coordinators[self.random.below(2)])
        case 1: for coordinator in self.coordinators { self.kill(coordinator) }
        case 2: self.pause(self.coordinators[self.random.below(2)])
        case 3, 4: self.pick(.shard).map { self.kill($0) }
        case 5, 6: self.pick(.shard).map { self.pause($0) }
        case 7, 8: self.pick(.shard).map { self.stop($0, comesBackAfter: self.random.time(0.2, 5)) }
        case 9: self.cut(self.random.below(2), self.databaseNode)
        case 10: self.cut(self.random.below(2), self.brokerNode)
        case 11: self.pick(.shard).map { self.cut($0.node, self.random.below(2)) }
        case 12:
            self.pick(.shard).map { self.cut($0.node, self.random.chance(0.5) ? self.brokerNode : self.discordNode) }
        case 13: self.failOver()
        case 14:
            self.trace("PostgreSQL is slow")
            self.database.slowness = self.random.time(0.1, 2) > 1_000_000 ? 2 : 0.5
            self.at(self.end(1, 8), Self.world, 0, .heal(.slowDatabase))
        case 15: self.restartBroker()
        case 16:
            self.trace("requests are slow")
            self.network.slowRequests = [0.5, 2, 4][self.random.below(3)]
            self.at(self.end(2, 12), Self.world, 0, .heal(.slowRequests))
        case 17:
            let sessions = self.discord.live.values.joined().filter { $0.link != nil }.sorted { $0.id < $1.id }
            for session in sessions where self.random.chance(0.4) {
                if self.random.chance(0.4) {
                    self.trace("Discord forgets \(session.name)")
                    self.invalidate(session)
                } else if let link = session.link {
                    self.close(link, tells: true)
                }
            }
        case 18:
            self.trace("Discord refuses every IDENTIFY")
            self.discord.refusesIdentifies = true
            self.at(self.end(2, 10), Self.world, 0, .heal(.identifies))
        default: self.askForSomething()
        }
    }

    private func pick(_ kind: MemberKind) -> MemberProcess? {
        self.random.pick(self.members.filter { $0.kind == kind && $0.isUp })
    }

    private func kill(_ process: Process) {
        guard process.isUp else { return }
        self.trace("kill -9 \(process.name)")
        self.crash(process)
        self.at(self.end(0.1, 12), process.node, -1, .starts)
    }

    private func pause(_ process: Process) {
        guard process.isUp, process.pausedUntil <= self.now else { return }
        process.pausedUntil = self.end(0.3, 15)
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

    private func askForSomething() {
        guard let member = self.random.pick(self.members.filter { $0.kind == .shard })?.name else { return }
        let application = self.scenario.applications[0]
        let shard = self.random.below(application.numShards)
        switch self.random.below(8) {
        case 0: self.operate(OperatorRequest(.move, application: application.id, shard: shard, member: member))
        case 1: self.operate(OperatorRequest(.pin, application: application.id, shard: shard, member: member))
        case 2: self.operate(OperatorRequest(.unpin, application: application.id, shard: shard))
        case 3: self.operate(OperatorRequest(.cordon, member: member))
        case 4: self.operate(OperatorRequest(.drain, member: member))
        case 5: self.operate(OperatorRequest(.rebalance))
        case 6: self.operate(OperatorRequest(.abortReshard, application: application.id))
        default: self.operate(OperatorRequest(.uncordon, member: member))
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
        case .slowDatabase: self.database.slowness = 0
        case .slowRequests: self.network.slowRequests = 0
        case .identifies: self.discord.refusesIdentifies = false
        case .gateway: break
        }
    }
}
