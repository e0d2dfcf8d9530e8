import AMQP
import DequeModule
import Logging
import NIOCore
import Runtime

/// Publishes the batches of one event loop's slots through one channel with confirms. Confined to its event loop.
///
/// Nothing is lost with the channel: what is not confirmed goes back to its slot and leaves again through the next
/// channel, in order.
final class LanePublisher {
    typealias Instant = ContinuousClock.Instant

    enum Link {
        /// No channel, for want of a connection, of an exchange, or of luck.
        case away
        case opening(attempt: UInt64)
        case open(AMQPChannel, attempt: UInt64)
        /// Its confirms do not come. The next channel is opened when the broker has seen the end of this one, so that
        /// what was sent through it can't come later than its repeat.
        case leaving(attempt: UInt64)
    }

    private struct InFlight {
        let source: any BatchSource
        let batch: EventBatch
        let sentAt: Instant
        var isReturned = false
    }

    struct Settings: Sendable {
        /// Bytes of unconfirmed events past which sockets are left unread.
        var capacity: Int
        /// How long a confirm may take while the broker takes publishes.
        var confirmTimeout: Duration = .seconds(30)
        /// Counts every batch as confirmed and sends none: for measuring what comes before.
        var discards = false
    }

    let eventLoop: any EventLoop
    let settings: Settings
    let metrics: ShardMetrics
    let logger: Logger
    /// Told when the broker has cut this process off from its exchange.
    let onFence: @Sendable (_ exchange: String) -> Void
    let turn: LoopTurn

    var connection: AMQPConnection?
    var exchange: String?
    var link = Link.away
    var attempts: UInt64 = 0
    private var inFlight: Deque<InFlight?> = []
    private var firstTag: UInt64 = 1
    private var sources: [any BatchSource] = []
    private var waiting: [any BatchSource] = []
    private var stallCheck: Scheduled<Void>?
    /// The broker has told that it takes no publishes, such as for lack of memory.
    private var isBlocked = false
    private var unblockedAt: Instant?
    private var returnLoggedAt: Instant?
    private(set) var bufferedBytes = 0
    private var isFull = false
    var standingWaiters: [(Standing) -> Void] = []
    var asksStanding = false

    init(
        eventLoop: any EventLoop,
        settings: Settings,
        metrics: ShardMetrics,
        logger: Logger,
        onFence: @escaping @Sendable (String) -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        self.onFence = onFence
        self.turn = LoopTurn(eventLoop: eventLoop, metrics: metrics)
        self.turn.onEnd = { [weak self] in self?.flush() }
    }

    /// Whether the broker takes events now.
    var isOpen: Bool {
        if case .open = self.link { !self.isBlocked } else { self.settings.discards }
    }

    // MARK: Sources

    func add(_ source: any BatchSource) { self.sources.append(source) }

    /// Forgets a source and everything of it that is on the way.
    func remove(_ source: any BatchSource) {
        self.sources.removeAll { $0 === source }
        self.waiting.removeAll { $0 === source }
        for index in self.inFlight.indices where self.inFlight[index]?.source === source { self.inFlight[index] = nil }
    }

    /// A source has something that may leave. It leaves at the end of this turn of the event loop, with what comes
    /// until then.
    func hasWork(_ source: any BatchSource) {
        self.queue(source)
        self.turn.begin()
    }

    private func queue(_ source: any BatchSource) {
        guard !source.isInLine else { return }
        source.isInLine = true
        self.waiting.append(source)
    }

    func allHaveWork() {
        for source in self.sources { self.hasWork(source) }
    }

    /// Bytes came into a source, or left it.
    func changeBufferedBytes(by difference: Int) {
        self.bufferedBytes += difference
        if self.bufferedBytes >= self.settings.capacity {
            self.isFull = true
        } else if self.isFull, self.bufferedBytes <= self.settings.capacity / 2 {
            self.isFull = false
            for source in self.sources { source.roomRegained() }
        }
    }

    /// Whether sources should stop taking events in.
    var hasRoom: Bool { !self.isFull }

    // MARK: Publishing

    /// More at once than a channel takes would be refused again and again.
    private static let mostTogether = 1_024

    private func flush() {
        if self.settings.discards { return self.discard() }
        guard case .open(let channel, _) = self.link, let exchange, !self.isBlocked, channel.isWritable,
            !self.waiting.isEmpty
        else { return }
        let now = Instant.now
        var sent: [InFlight] = []
        var messages: [AMQPMessage] = []
        for source in self.takeWaiting() {
            for batch in source.takeBatches(now: now) {
                messages.append(source.message(of: batch, exchange: exchange))
                sent.append(InFlight(source: source, batch: batch, sentAt: now))
            }
            self.scheduleRetry(of: source, now: now)
        }
        for first in stride(from: 0, to: messages.count, by: Self.mostTogether) {
            let part = first..<min(first + Self.mostTogether, messages.count)
            guard self.publish(Array(messages[part]), Array(sent[part]), through: channel, now: now) else {
                return self.takeBack(sent[first...], now: now)
            }
        }
    }

    private func takeWaiting() -> [any BatchSource] {
        let waiting = self.waiting
        self.waiting.removeAll(keepingCapacity: true)
        for source in waiting { source.isInLine = false }
        return waiting
    }

    /// - Returns: false when none of them has left.
    private func publish(
        _ messages: [AMQPMessage], _ sent: [InFlight], through channel: AMQPChannel, now: Instant
    ) -> Bool {
        do {
            let first = try channel.publish(messages)
            if self.inFlight.isEmpty { self.firstTag = first }
            self.inFlight.append(contentsOf: sent)
            self.metrics.messages.increment(by: sent.count)
            if self.stallCheck == nil { self.checkForStall(in: self.settings.confirmTimeout) }
            return true
        } catch {
            // Too much waits for the socket or for confirms: `writabilityChanged` and confirms call again. A closed
            // channel tells itself.
            if error.code != .backpressure {
                self.logger.warning("can't publish", metadata: ["broker.error": "\(error)"])
            }
            return false
        }
    }

    private func takeBack(_ sent: ArraySlice<InFlight>, now: Instant) {
        for entry in sent { entry.source.settled(entry.batch, as: .lost, now: now) }
        for entry in sent { self.queue(entry.source) }
    }

    private func discard() {
        let now = Instant.now
        for source in self.takeWaiting() {
            var batches = source.takeBatches(now: now)
            while !batches.isEmpty {
                for batch in batches { source.settled(batch, as: .confirmed, now: now) }
                batches = source.takeBatches(now: now)
            }
        }
    }

    /// Wakes a source when a batch that was refused may go again.
    private func scheduleRetry(of source: any BatchSource, now: Instant) {
        guard !source.hasRetry, let next = source.nextRetry() else { return }
        source.hasRetry = true
        self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(max(.zero, next - now))) { [weak self] in
            source.hasRetry = false
            self?.hasWork(source)
        }
    }

    // MARK: Settlements

    func settled(_ settlement: AMQPSettlement) {
        let now = Instant.now
        switch settlement {
        case .ack(let tag, let multiple): self.settle(tag, multiple: multiple, isAck: true, now: now)
        case .nack(let tag, let multiple): self.settle(tag, multiple: multiple, isAck: false, now: now)
        case .returned(let tag, let message):
            self.metrics.returned.increment()
            self.log(returned: message, now: now)
            if let tag, let index = self.index(of: tag) { self.inFlight[index]?.isReturned = true }
        }
        while let first = self.inFlight.first, first == nil {
            self.inFlight.removeFirst()
            self.firstTag += 1
        }
        if !self.waiting.isEmpty { self.turn.begin() }
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= self.firstTag, tag - self.firstTag < UInt64(self.inFlight.count) else { return nil }
        return Int(tag - self.firstTag)
    }

    private func settle(_ tag: UInt64, multiple: Bool, isAck: Bool, now: Instant) {
        guard let last = self.index(of: tag) else { return }
        for index in (multiple ? 0 : last)...last {
            guard let entry = self.inFlight[index] else { continue }
            self.inFlight[index] = nil
            if isAck, !entry.isReturned {
                self.metrics.confirmed.increment(by: entry.batch.count)
                self.metrics.confirmSeconds.record(now - entry.sentAt)
                entry.source.settled(entry.batch, as: .confirmed, now: now)
            } else {
                if !entry.isReturned { self.metrics.nacked.increment() }
                entry.source.settled(entry.batch, as: .refused, now: now)
            }
            self.hasWork(entry.source)
        }
    }

    /// A lane without a queue returns a message each few seconds: a line in ten seconds tells enough.
    private func log(returned message: AMQPReturn, now: Instant) {
        if let last = self.returnLoggedAt, now - last < .seconds(10) { return }
        self.returnLoggedAt = now
        self.logger.error(
            "a message reached no queue",
            metadata: ["broker.routing_key": "\(message.routingKey)", "broker.reply_text": "\(message.replyText)"])
    }

    /// Gives everything back that is not confirmed: it leaves again, in order, through the next channel.
    func requeue() {
        let lost = self.inFlight
        self.inFlight.removeAll()
        self.firstTag = 1
        let now = Instant.now
        for case let entry? in lost {
            self.metrics.republished.increment()
            entry.source.settled(entry.batch, as: .lost, now: now)
            self.queue(entry.source)
        }
    }

    // MARK: Confirms that do not come

    private func checkForStall(in delay: Duration) {
        self.stallCheck = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { [weak self] in
            guard let self else { return }
            self.stallCheck = nil
            guard let oldest = self.inFlight.lazy.compactMap({ $0?.sentAt }).first else { return }
            // Time in which the broker said that it takes nothing does not count.
            let since = max(oldest, self.unblockedAt ?? oldest)
            let waited = Instant.now - since
            let left = self.isBlocked ? self.settings.confirmTimeout : self.settings.confirmTimeout - waited
            if left > .zero { self.checkForStall(in: left) } else { self.confirmsStalled(after: waited) }
        }
    }

    func changeBlocked(_ isBlocked: Bool) {
        guard self.isBlocked != isBlocked else { return }
        self.isBlocked = isBlocked
        self.metrics.brokerBlocked.add(isBlocked ? 1 : -1)
        guard !isBlocked else { return }
        self.unblockedAt = .now
        self.turn.begin()
    }
}
