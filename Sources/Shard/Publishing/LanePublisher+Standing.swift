import AMQP
import NIOCore
import Runtime

/// What the broker says of this process' exchange, which is deleted before any slot of it is given to another process.
enum Standing: Sendable, Equatable {
    /// It was there at a time that is not before this one.
    case held(since: ContinuousClock.Instant)
    /// It is gone.
    case cutOff
    /// There is no channel, or the broker does not answer.
    case unknown
}

extension LanePublisher {
    /// The broker answers from what it has in memory, but behind what is published: after this long something is wrong.
    static let standingTimeout: Duration = .seconds(2)

    /// Asks the broker. All who ask while an answer is on its way share the next question: that answer may be from
    /// before a slot was given away.
    ///
    /// - Parameter answer: called once, within 4 s, on the event loop.
    func askStanding(_ answer: @escaping (Standing) -> Void) {
        self.standingWaiters.append(answer)
        if !self.asksStanding { self.askStandingNow() }
    }

    private func askStandingNow() {
        let waiters = self.standingWaiters
        self.standingWaiters = []
        // Nothing is read from a connection that the broker blocks.
        guard case .open(let channel, _) = self.link, let exchange, self.isOpen else {
            // Once the broker has said that the exchange is gone there is none.
            let standing: Standing =
                self.settings.discards ? .held(since: .now) : self.exchange == nil ? .cutOff : .unknown
            for waiter in waiters { waiter(standing) }
            return
        }
        self.asksStanding = true
        let askedAt = Instant.now
        let answer = self.eventLoop.makePromise(of: Standing.self)
        let timer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(Self.standingTimeout)) {
            answer.succeed(.unknown)
        }
        self.eventLoop.makeFutureWithTask { () -> Standing in
            do {
                try await channel.declareExchange(exchange, kind: .fanout, passive: true)
                return .held(since: askedAt)
            } catch {
                // It has closed the channel, by which the publisher hears of it too.
                return (error as? AMQPError)?.replyCode == 404 ? .cutOff : .unknown
            }
        }.assumeIsolated().whenSuccess { answer.succeed($0) }
        answer.futureResult.assumeIsolated().whenSuccess { standing in
            timer.cancel()
            self.asksStanding = false
            // A broker that is silent is so for those too that came meanwhile.
            let told = standing == .unknown ? waiters + self.standingWaiters : waiters
            if standing == .unknown { self.standingWaiters = [] }
            for waiter in told { waiter(standing) }
            if !self.standingWaiters.isEmpty, !self.asksStanding { self.askStandingNow() }
        }
    }
}
