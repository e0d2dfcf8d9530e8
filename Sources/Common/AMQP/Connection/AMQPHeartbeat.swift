import NIOCore

/// When to send a heartbeat and when to give the broker up.
struct AMQPHeartbeat {
    enum Action: Equatable {
        case none, send, giveUp
    }

    let interval: TimeAmount
    private var lastRead: NIODeadline
    private var lastWrite: NIODeadline

    init(interval: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.lastRead = now
        self.lastWrite = now
    }

    /// Asked twice an interval, a silence of ours never lasts a whole one.
    var checkInterval: TimeAmount { .nanoseconds(self.interval.nanoseconds / 2) }

    mutating func read(at now: NIODeadline) { self.lastRead = now }
    mutating func wrote(at now: NIODeadline) { self.lastWrite = now }

    func action(at now: NIODeadline) -> Action {
        if now - self.lastRead >= .nanoseconds(self.interval.nanoseconds * 2) { return .giveUp }
        // A little less than half: the timer itself may come early by a hair.
        if now - self.lastWrite >= .nanoseconds(self.interval.nanoseconds * 2 / 5) { return .send }
        return .none
    }
}
