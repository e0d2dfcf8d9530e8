import ClusterAPI
import CoordinatorCore

/// RabbitMQ: exchanges of members' lives, and all queues as one.
struct BrokerModel {
    var isUp = true
    /// The longest that a message or a confirm takes while an alarm holds publishers up, in seconds.
    var slowness: Double = 0
    /// Counts restarts: each ends every connection.
    var incarnation = 0
    /// True: what is published to it enters queues. False, with a planted bug: it was unbound.
    var exchanges: [ClusterState.Owner: Bool] = [:]
    /// Every life that ever had an exchange.
    var admitted: Set<ClusterState.Owner> = []
}

extension Simulation {
    func answer(_ question: BrokerQuestion) throws(Violation) {
        guard self.broker.isUp, question.incarnation == self.broker.incarnation else { return }
        switch question.body {
        case .admit(let owner):
            guard self.broker.admitted.insert(owner).inserted else {
                throw self.violation("I1", "\(owner.member).\(owner.incarnation) was another life's name")
            }
            self.broker.exchanges[owner] = true
            self.checks.ownersHaveChanged = true
        case .fence(let owner):
            guard self.database.isOver(owner) else {
                throw self.violation(
                    "I9", "\(owner.member).\(owner.incarnation) is cut off, and nothing written down says it is over")
            }
            self.broker.exchanges[owner] = self.bug == .fenceByUnbinding ? false : nil
            self.checks.cutOff[owner] = self.checks.cutOff[owner] ?? self.now
        }
        self.send(
            Item(node: question.node, life: question.life, event: .answered(question: question.question, .done)),
            from: self.brokerNode, to: question.node, delay: self.requestDelay())
    }

    /// A message of a member enters the queues, or cuts the member's channel off.
    func publish(_ message: Message) throws(Violation) {
        guard self.broker.isUp else { return }
        guard let isBound = self.broker.exchanges[message.owner] else {
            return self.tell(
                .cutOff(connection: message.connection), message.node, message.life, message.connection)
        }
        if isBound {
            try self.enqueue(message)
        } else if message.items.contains(where: { if case .event = $0 { true } else { false } }) {
            throw self.violation(
                "I6", "\(message.owner.member).\(message.owner.incarnation) gets a confirm of what is in no queue")
        }
        self.tell(
            .confirmed(connection: message.connection, message.run, count: message.items.count), message.node,
            message.life, message.connection)
    }

    /// A passive declare of the life's exchange: without one it closes the channel, as a message to it does.
    func answer(_ question: StandingQuestion) {
        guard self.broker.isUp else { return }
        let isThere = self.broker.exchanges[question.owner] != nil
        self.tell(
            isThere ? .standingHeld(question) : .cutOff(connection: question.connection), question.node,
            question.life, question.connection)
    }

    /// Through the member's connection, if that is still there.
    private func tell(_ event: Event, _ node: Int, _ life: Int, _ connection: Int) {
        let member = self.members[node - 2]
        guard member.isUp, member.life == life, member.connection == connection else { return }
        self.stream(
            Item(node: node, life: life, event: event), from: self.brokerNode, to: node, last: &member.lastFromBroker,
            delay: self.brokerDelay())
    }

    private func enqueue(_ message: Message) throws(Violation) {
        try self.checkEnqueued(message)
        for item in message.items {
            switch item {
            case .event(let session, let sequence, let content):
                if sequence > 0 { session.settle(sequence) }
                if self.checks.contents[content].isQueued {
                    self.result.counts.repeats += 1
                } else {
                    self.checks.contents[content].isQueued = true
                }
            case .muted: break
            case .gap(let gap):
                self.result.counts.gaps += 1
                gap.session?.isMourned = true
                self.checks.gaps[message.run.grant.slot, default: []].append(self.now)
            }
        }
    }
}
