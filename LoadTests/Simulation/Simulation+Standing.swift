import ClusterAPI
import CoordinatorCore

/// Before each RESUME the broker is asked whether it still listens to the process, as `Sources/Shard/Slots` and
/// `Publishing` have it: one that does not may have lost the session to another process.
extension Simulation {
    /// How old the knowledge may be by which a RESUME is sent.
    static let standingValidity: Duration = .seconds(3)
    private static let standingTimeout: Duration = .seconds(2)
    private static let standingRetry: Duration = .milliseconds(500)

    func askStanding(_ run: SlotRun, _ member: MemberProcess) {
        guard let link = run.connection, !run.isReleasing || self.bug == .releasedWhileRunning else { return }
        guard self.bug != .resumesWithoutStanding else { return self.resume(run, on: link, member) }
        run.state = .waitingForStanding
        let now = member.local(self.now)
        run.standingSince = run.standingSince ?? now
        run.standingAskedAt = now
        guard member.isConnected else { return self.standingUnknown(run, member) }
        let question = StandingQuestion(
            node: member.node, life: member.life, connection: member.connection, owner: run.owner, link: link,
            askedAt: now)
        self.stream(
            Item(node: self.brokerNode, life: 0, event: .asksStanding(question)), from: member.node,
            to: self.brokerNode, last: &member.lastToBroker, delay: self.brokerDelay())
        self.later(run, Self.standingTimeout, member)
        self.reached(.standing, member)
    }

    /// The exchange is there. Without it the channel is closed, by which the process hears that it is cut off.
    func standingHeld(_ question: StandingQuestion, _ member: MemberProcess) {
        let run = question.link.run
        guard question.connection == member.connection, run.connection === question.link, !run.isReleasing,
            run.state == .waitingForStanding, run.standingAskedAt == question.askedAt
        else { return }
        self.standingAnswered(run, heldAt: question.askedAt, member)
    }

    /// What counts then is a renewal that was sent since the question came up.
    private func standingUnknown(_ run: SlotRun, _ member: MemberProcess) {
        guard let since = run.standingSince else { return }
        self.standingAnswered(run, heldAt: member.leaseHeldAt.flatMap { $0 >= since ? $0 : nil }, member)
    }

    private func standingAnswered(_ run: SlotRun, heldAt: Duration?, _ member: MemberProcess) {
        guard let link = run.connection else { return }
        run.standingAskedAt = nil
        // The process may have stood still in between.
        let isFresh = heldAt.map { member.local(self.now) - $0 <= Self.standingValidity }
        guard let isFresh, isFresh || self.bug == .standingOutlivesPauses else {
            return self.later(run, Self.standingRetry * (1 + 0.1 * self.random.fraction()), member)
        }
        self.resume(run, on: link, member)
    }

    func standingTimePassed(_ run: SlotRun, _ member: MemberProcess) {
        if run.standingAskedAt == nil { self.askStanding(run, member) } else { self.standingUnknown(run, member) }
    }

    private func resume(_ run: SlotRun, on link: GatewayLink, _ member: MemberProcess) {
        run.state = .resuming
        run.unansweredResumes += 1
        let from = self.bug == .dropsUnconfirmed ? run.received : run.watermark
        self.trace("\(member.name) sends RESUME of \(run.session?.name ?? "?") at \(from) for \(run.grant.slot)")
        self.tell(.resume(run.session, sequence: from, sentAt: self.now), on: link)
        self.later(run, .seconds(10), member)
    }
}
