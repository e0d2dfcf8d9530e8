import ClusterAPI
import CoordinatorCore
import Discord
import Foundation

/// Discord's gateway: sessions with a replay buffer, identify buckets, the session start limit.
struct DiscordModel {
    struct Starts {
        var total: Int
        var remaining: Int
        /// IDENTIFYs that came so late that nobody could know of them any more.
        var heldUp = 0
        var resetsAt: VirtualTime
        let reserve: Int
        let maxConcurrency: Int
    }

    /// How long a session without a connection can be resumed.
    static let sessionLife: VirtualTime = 60_000_000

    var sessions: [Session] = []
    /// Valid ones by slot.
    var live: [Slot: [Session]] = [:]
    var starts: [Snowflake: Starts] = [:]
    var lastIdentify: [Simulation.Bucket: (arrived: VirtualTime, punctual: VirtualTime)] = [:]
    /// IDENTIFYs are answered with op 9 meanwhile.
    var refusesIdentifies = false
    let applications: [Scenario.Application]
    /// IDENTIFYs of an application that were refused in a row.
    var storms: [Snowflake: Storm] = [:]
    /// When sessions of an application began lately.
    var begun: [Snowflake: [VirtualTime]] = [:]

    struct Storm {
        let since: VirtualTime
        var refused = 0
        var slots: Set<Slot> = []
    }

    init(_ scenario: Scenario) {
        self.applications = scenario.applications
        for application in scenario.applications {
            self.starts[application.id] = Starts(
                total: application.sessionStarts, remaining: application.remainingStarts,
                resetsAt: application.startsResetAt,
                reserve: Int((Double(application.sessionStarts) * 0.2).rounded(.up)),
                maxConcurrency: application.maxConcurrency)
        }
    }

    mutating func resetStarts(_ application: Snowflake, now: VirtualTime) {
        guard let starts = self.starts[application], starts.resetsAt <= now else { return }
        self.starts[application]?.remaining = starts.total
        self.starts[application]?.heldUp = 0
        // What the faults have used up is there again for the quiet.
        self.starts[application]?.resetsAt = now < Scenario.faultsEnd ? Scenario.faultsEnd : now + 86_400_000_000
    }

    mutating func facts(now: VirtualTime) -> [DiscordApplication] {
        self.applications.compactMap { application in
            self.resetStarts(application.id, now: now)
            guard let starts = self.starts[application.id] else { return nil }
            return DiscordApplication(
                id: application.id, name: "bot", gatewayURL: "wss://g", recommendedShards: application.numShards,
                sessionStartTotal: starts.total, sessionStartRemaining: starts.remaining,
                sessionStartResetsAfter: .microseconds(starts.resetsAt - now), maxConcurrency: starts.maxConcurrency)
        }
    }
}

extension Simulation {
    func gatewayReceived(_ what: ToDiscord, on link: GatewayLink) throws(Violation) {
        guard link.isOpen else { return }
        switch what {
        case .connect: self.tell(.hello, on: link)
        case .identify(let sentAt): try self.identify(sentAt: sentAt, on: link)
        case .resume(let session, let sequence, let sentAt):
            try self.checkResume(by: link.run.owner, of: link.run.grant.slot, sentAt: sentAt)
            self.resume(session, sequence, on: link)
        case .close: self.close(link, tells: false)
        case .heartbeat(let sequence, let sentAt):
            self.tell(.acknowledged(sentAt: sentAt), on: link)
            guard self.scenario.trimsAtHeartbeats, let session = link.session else { return }
            session.trimmed = max(session.trimmed, min(sequence, session.sequence))
        }
    }

    func tell(_ what: FromDiscord, on link: GatewayLink) {
        self.stream(
            Item(node: link.node, life: link.life, event: .gateway(link, what)), from: self.discordNode, to: link.node,
            last: &link.lastToMember, delay: self.gatewayDelay())
    }

    func close(_ link: GatewayLink, tells: Bool) {
        guard link.isOpen else { return }
        if tells { self.tell(.closed, on: link) }
        link.isOpen = false
        if let session = link.session, session.link === link {
            session.link = nil
            session.disconnectedAt = self.now
        }
    }

    private func identify(sentAt: VirtualTime, on link: GatewayLink) throws(Violation) {
        let slot = link.run.grant.slot
        let application = slot.application
        self.discord.resetStarts(application, now: self.now)
        guard let starts = self.discord.starts[application] else { return }
        self.result.counts.identifies += 1
        let bucket = Bucket(application: application, number: slot.shard % starts.maxConcurrency)
        // What the network holds up for longer than the jitter that permits allow for is nobody's fault.
        let punctual = min(self.now, sentAt + PermitSpacing.jitter.microseconds)
        let last = self.discord.lastIdentify[bucket]
        if let last, (0..<5_000_000).contains(punctual - last.punctual) {
            throw self.violation(
                "I2",
                "bucket \(bucket.number): \(punctual - last.punctual) µs after the last IDENTIFY, for slot \(slot)")
        }
        self.discord.lastIdentify[bucket] = (self.now, max(punctual, last?.punctual ?? 0))
        let isEarly = last.map { self.now - $0.arrived < 5_000_000 } ?? false
        self.discord.starts[application]?.remaining -= 1
        if self.now - sentAt > self.scenario.soundPolicy.identify.way.microseconds {
            // Held up by the network for longer than anybody counts with: what the reserve is for.
            self.discord.starts[application]?.heldUp += 1
        } else if starts.remaining - 1 + starts.heldUp < starts.reserve {
            throw self.violation(
                "I7",
                "\(starts.remaining - 1) of \(starts.total) session starts are left, with a reserve of \(starts.reserve)"
            )
        }
        if isEarly || self.discord.refusesIdentifies || self.random.chance(0.01) {
            try self.checkStorm(slot)
            return self.tell(.invalidSession, on: link)
        }
        self.discord.storms[application] = nil
        self.discord.begun[application, default: []].append(self.now)
        let session = Session(id: self.discord.sessions.count, slot: slot, numShards: link.run.grant.numShards)
        self.discord.sessions.append(session)
        self.discord.live[slot, default: []].append(session)
        session.link = link
        link.session = session
        self.trace("Discord: slot \(slot) has session \(session.name)")
        self.tell(.ready(session), on: link)
    }

    private func resume(_ session: Session?, _ sequence: Int, on link: GatewayLink) {
        self.result.counts.resumes += 1
        guard let session, self.isAlive(session), sequence <= session.sequence, sequence >= session.trimmed else {
            if let session { self.invalidate(session) }
            self.trace("Discord refuses to resume \(session?.name ?? "?") at \(sequence)")
            return self.tell(.invalidSession, on: link)
        }
        if let old = session.link { self.close(old, tells: true) }
        session.link = link
        link.session = session
        if sequence < session.sequence {
            self.tell(.events(session, first: sequence + 1, last: session.sequence), on: link)
        }
        self.tell(.resumed, on: link)
    }

    private func isAlive(_ session: Session) -> Bool {
        session.isValid
            && (session.link != nil || self.now - session.disconnectedAt <= DiscordModel.sessionLife)
    }

    func invalidate(_ session: Session) {
        session.isValid = false
        if let link = session.link { self.close(link, tells: true) }
        self.discord.live[session.slot]?.removeAll { $0 === session }
    }

    // MARK: Events

    /// Something happens in a guild: every session of its shard hears of it, in each generation.
    func dispatchTraffic() {
        guard self.now < Scenario.trafficEnds else { return }
        let pause = -log(1 - self.random.fraction()) / self.scenario.eventsPerSecond
        self.after(VirtualTime(pause * 1_000_000) + 1, Self.world, 0, .traffic)
        guard let application = self.random.pick(self.scenario.applications) else { return }
        let guild = self.random.below(application.guilds)
        let content = self.checks.contents.count
        let lane = guild % self.scenario.policy.lanes
        self.checks.contents.append(.init(at: self.now, lane: lane))
        self.result.counts.events += 1
        guard let inForce = self.database.applications[application.id] else { return }
        let reshard = self.database.reshards[application.id]
        var generations = [(inForce.generation, inForce.numShards)]
        if let reshard {
            for each in [(reshard.from, reshard.fromShards), (reshard.to, reshard.toShards)]
            where each.0 != inForce.generation {
                generations.append(each)
            }
        }
        self.checks.contents[content].isResharded = reshard != nil
        for (generation, numShards) in generations {
            let slot = Slot(application: application.id, generation: generation, shard: guild % numShards)
            let sessions = self.discord.live[slot] ?? []
            var heard: Session?
            for session in sessions {
                guard self.isAlive(session) else {
                    self.invalidate(session)
                    continue
                }
                heard = session
                session.contents.append(content)
                session.settled.append(false)
                session.trimmed = max(session.trimmed, session.sequence - self.scenario.replayBuffer)
                if let link = session.link {
                    self.tell(.events(session, first: session.sequence, last: session.sequence), on: link)
                }
            }
            // Whose it is to publish it, as written down.
            let isNew = reshard?.to == generation
            let isResponsible: Bool =
                switch reshard?.phase {
                case nil: generation == inForce.generation
                case .identifying?, .cleaning?: !isNew
                case .closing?: isNew
                case .switching?, .rollingBack?: isNew == (lane < reshard?.left ?? 0)
                }
            if isResponsible {
                self.checks.contents[content].slot = slot
                self.checks.contents[content].session = heard
            } else {
                self.checks.contents[content].other = heard
            }
        }
    }
}
