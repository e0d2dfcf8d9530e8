import NIOCore

/// The confirms of a channel, and who awaits them.
struct AMQPConfirmWaiters {
    /// One call that waits for some publishes.
    private final class Waiter {
        var missing: Int
        var failure: AMQPError?
        let promise: EventLoopPromise<Void>
        var timer: Scheduled<Void>?

        init(missing: Int, promise: EventLoopPromise<Void>) {
            self.missing = missing
            self.promise = promise
        }

        func settled(_ failure: AMQPError?) {
            self.missing -= 1
            self.failure = self.failure ?? failure
            guard self.missing == 0 else { return }
            self.finish(self.failure)
        }

        /// More than once: the first counts.
        func finish(_ failure: AMQPError?) {
            self.timer?.cancel()
            if let failure { self.promise.fail(failure) } else { self.promise.succeed() }
        }
    }

    private var tracker = ConfirmTracker()
    private var waiters: [UInt64: Waiter] = [:]
    private var returns: [UInt64: AMQPError] = [:]

    var nextTag: UInt64 { self.tracker.nextTag }
    var unsettledCount: Int { self.tracker.unsettledCount }

    mutating func published(_ count: Int) -> UInt64 { self.tracker.published(count) }

    mutating func wait(
        for tags: Range<UInt64>, timeout: TimeAmount, on eventLoop: any EventLoop, promise: EventLoopPromise<Void>
    ) {
        let waiter = Waiter(missing: tags.count, promise: promise)
        for tag in tags { self.waiters[tag] = waiter }
        waiter.timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            waiter.finish(AMQPError(.timedOut, "\(waiter.missing) publishes were not confirmed in time"))
        }
    }

    mutating func returned(_ tag: UInt64, replyCode: UInt16, replyText: String) throws(AMQPError) {
        try self.tracker.returned(tag)
        guard self.waiters[tag] != nil else { return }
        self.returns[tag] = AMQPError(.returned, "publish \(tag) reached no queue: \(replyText)", replyCode: replyCode)
    }

    mutating func settle(_ tag: UInt64, multiple: Bool, acked: Bool) throws(AMQPError) {
        guard !self.waiters.isEmpty else { return try self.tracker.settle(tag, multiple: multiple, acked: acked) }
        var settled: [(UInt64, ConfirmTracker.Outcome)] = []
        try self.tracker.settle(tag, multiple: multiple, acked: acked) { settled.append(($0, $1)) }
        for (tag, outcome) in settled {
            guard let waiter = self.waiters.removeValue(forKey: tag) else { continue }
            let returned = self.returns.removeValue(forKey: tag)
            switch outcome {
            case .acked: waiter.settled(nil)
            case .nacked: waiter.settled(AMQPError(.nacked, "the broker did not take publish \(tag)"))
            case .returned: waiter.settled(returned ?? AMQPError(.returned, "publish \(tag) reached no queue"))
            }
        }
    }

    mutating func failAll(_ error: AMQPError) {
        let waiters = self.waiters.values
        self.waiters = [:]
        for waiter in waiters { waiter.finish(error) }
    }
}
