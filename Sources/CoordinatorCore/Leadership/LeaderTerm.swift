/// When a coordinator asks to lead, renews, and gives up. It knows no database and no clock.
///
/// The row that says who leads lasts `duration` by the database's clock and is renewed each `renewal`. A holder that
/// could not renew for `patience` by its own clock gives up, so that it has stopped before anybody else may begin.
package struct LeaderTerm: Sendable {
    package struct Times: Sendable, Equatable {
        package var duration: Duration = .seconds(5)
        package var renewal: Duration = .seconds(1)
        package var patience: Duration = .milliseconds(3500)
        /// How long one renewal may take at the most, with the wait for a connection.
        package var attempt: Duration = .milliseconds(1400)
        /// Between questions of one that waits to lead.
        package var question: Duration = .milliseconds(500)

        package init() {}
    }

    package enum Action: Sendable, Equatable {
        case ask
        case lead(epoch: Int64)
        case renew(epoch: Int64)
        /// Somebody else leads, or may soon.
        case giveUp(String)
    }

    private enum State: Sendable, Equatable {
        case waiting(nextAt: Duration)
        case asking(since: Duration)
        case leading(epoch: Int64, renewedAt: Duration, nextAt: Duration)
        case renewing(epoch: Int64, renewedAt: Duration, askedAt: Duration)
        case over
    }

    package let times: Times
    private var state: State

    package init(times: Times = Times(), now: Duration) {
        self.times = times
        self.state = .waiting(nextAt: now)
    }

    /// Until when nobody else may lead, by this process' clock; nil: it does not lead.
    package var leadsUntil: Duration? {
        switch self.state {
        case .leading(_, let renewedAt, _), .renewing(_, let renewedAt, _): renewedAt + self.times.patience
        case .waiting, .asking, .over: nil
        }
    }

    package var epoch: Int64? {
        switch self.state {
        case .leading(let epoch, _, _), .renewing(let epoch, _, _): epoch
        case .waiting, .asking, .over: nil
        }
    }

    /// When ``timePassed(now:)`` has something to do.
    package var nextDeadline: Duration? {
        switch self.state {
        case .waiting(let nextAt): nextAt
        case .leading(_, let renewedAt, let nextAt): min(nextAt, renewedAt + self.times.patience)
        case .renewing(_, let renewedAt, _): renewedAt + self.times.patience
        case .asking, .over: nil
        }
    }

    package mutating func timePassed(now: Duration) -> Action? {
        if let end = self.leadsUntil, end <= now {
            return self.giveUp("the leader's lease could not be renewed in time")
        }
        switch self.state {
        case .waiting(let nextAt) where nextAt <= now:
            self.state = .asking(since: now)
            return .ask
        case .leading(let epoch, let renewedAt, let nextAt) where nextAt <= now:
            self.state = .renewing(epoch: epoch, renewedAt: renewedAt, askedAt: now)
            return .renew(epoch: epoch)
        case .waiting, .asking, .leading, .renewing, .over: return nil
        }
    }

    /// - Parameter epoch: nil: somebody else leads, or there was no answer.
    package mutating func answered(epoch: Int64?, now: Duration) -> Action? {
        guard case .asking(let since) = self.state else { return nil }
        guard let epoch else {
            self.state = .waiting(nextAt: now + self.times.question)
            return nil
        }
        // The lease counts from when it was asked for: the answer may have been on its way for long.
        self.state = .leading(epoch: epoch, renewedAt: since, nextAt: since + self.times.renewal)
        if let end = self.leadsUntil, end <= now { return self.giveUp("the answer came too late to lead") }
        return .lead(epoch: epoch)
    }

    package mutating func renewed(now: Duration) {
        guard case .renewing(let epoch, _, let askedAt) = self.state else { return }
        self.state = .leading(epoch: epoch, renewedAt: askedAt, nextAt: now + self.times.renewal)
    }

    /// The database says that another one leads, or that this lease has ended.
    package mutating func refused() -> Action? {
        guard self.leadsUntil != nil else { return nil }
        return self.giveUp("another coordinator leads, or may lead")
    }

    package mutating func renewalFailed(_ reason: String, now: Duration) -> Action? {
        guard case .renewing(let epoch, let renewedAt, _) = self.state else { return nil }
        // Another attempt has to have ended while patience lasts.
        guard now + self.times.renewal + self.times.attempt < renewedAt + self.times.patience else {
            return self.giveUp("the leader's lease can't be renewed within \(self.times.patience): \(reason)")
        }
        self.state = .leading(epoch: epoch, renewedAt: renewedAt, nextAt: now + self.times.renewal)
        return nil
    }

    private mutating func giveUp(_ reason: String) -> Action {
        self.state = .over
        return .giveUp(reason)
    }
}
