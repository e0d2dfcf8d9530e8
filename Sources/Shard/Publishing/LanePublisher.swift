import AMQP
import DequeModule
import Logging
import NIOCore
import Runtime

/// What a publisher serves: a slot that gathers batches and hears what became of them. All on one event loop.
protocol BatchSource: AnyObject {
    /// The publisher's own mark: the source waits to be asked.
    var isInLine: Bool { get set }
    /// The messages that may leave now, with their batches.
    func takeMessages(exchange: String, now: ContinuousClock.Instant) -> [(EventBatch, AMQPMessage)]
    func settled(_ batch: EventBatch, as outcome: BatchOutcome, now: ContinuousClock.Instant)
    /// When something that was held back may leave.
    func nextRetry(now: ContinuousClock.Instant) -> ContinuousClock.Instant?
    /// The process has room for events again.
    func roomRegained()
}

enum BatchOutcome: Sendable {
    case confirmed, refused, lost
}

/// Publishes the batches of one event loop's slots through one channel with confirms. Confined to its event loop.
///
/// Nothing is lost with the channel: what is not confirmed goes back to its slot and leaves again through the next
/// channel, in order.
final class LanePublisher {
    private enum Link {
        /// No channel, for want of a connection, of an exchange, or of luck.
        case away
        case opening(attempt: UInt64)
        case open(AMQPChannel, attempt: UInt64)
    }

    private struct InFlight {
        let source: any BatchSource
        let batch: EventBatch
        let sentAt: ContinuousClock.Instant
        var isReturned = false
    }

    private static let reopenDelay: TimeAmount = .seconds(1)

    let eventLoop: any EventLoop
    /// Bytes of unconfirmed events past which sockets are left unread.
    private let capacity: Int
    private let metrics: ShardMetrics
    private let logger: Logger
    /// Told when the broker has cut this process off from its exchange.
    private let onFence: @Sendable (_ exchange: String) -> Void

    private var connection: AMQPConnection?
    private var exchange: String?
    private var link = Link.away
    private var attempts: UInt64 = 0
    private var inFlight: Deque<InFlight?> = []
    private var firstTag: UInt64 = 1
    private var sources: [any BatchSource] = []
    private var waiting: [any BatchSource] = []
    private var flushIsScheduled = false
    private var retry: Scheduled<Void>?
    private(set) var bufferedBytes = 0
    private var isFull = false

    init(
        eventLoop: any EventLoop,
        capacity: Int,
        metrics: ShardMetrics,
        logger: Logger,
        onFence: @escaping @Sendable (String) -> Void
    ) {
        self.eventLoop = eventLoop
        self.capacity = capacity
        self.metrics = metrics
        self.logger = logger
        self.onFence = onFence
    }

    var isOpen: Bool {
        if case .open = self.link { true } else { false }
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
        guard !self.flushIsScheduled else { return }
        self.flushIsScheduled = true
        self.eventLoop.assumeIsolated().execute {
            self.flushIsScheduled = false
            self.flush()
        }
    }

    private func queue(_ source: any BatchSource) {
        guard !source.isInLine else { return }
        source.isInLine = true
        self.waiting.append(source)
    }

    /// Bytes came into a source, or left it.
    func changeBufferedBytes(by difference: Int) {
        self.bufferedBytes += difference
        if self.bufferedBytes >= self.capacity {
            self.isFull = true
        } else if self.isFull, self.bufferedBytes <= self.capacity / 2 {
            self.isFull = false
            for source in self.sources { source.roomRegained() }
        }
    }

    /// Whether sources should stop taking events in.
    var hasRoom: Bool { !self.isFull }

    // MARK: Publishing

    private func flush() {
        guard case .open(let channel, _) = self.link, let exchange, channel.isWritable, !self.waiting.isEmpty else {
            return
        }
        let now = ContinuousClock.now
        var sent: [InFlight] = []
        var messages: [AMQPMessage] = []
        let waiting = self.waiting
        self.waiting.removeAll(keepingCapacity: true)
        for source in waiting {
            source.isInLine = false
            for (batch, message) in source.takeMessages(exchange: exchange, now: now) {
                sent.append(InFlight(source: source, batch: batch, sentAt: now))
                messages.append(message)
            }
        }
        if !messages.isEmpty { self.publish(messages, sent, through: channel, now: now) }
        self.scheduleRetry(now: now)
    }

    private func publish(
        _ messages: [AMQPMessage], _ sent: [InFlight], through channel: AMQPChannel, now: ContinuousClock.Instant
    ) {
        do {
            let first = try channel.publish(messages)
            if self.inFlight.isEmpty { self.firstTag = first }
            self.inFlight.append(contentsOf: sent)
            self.metrics.messages.increment(by: sent.count)
        } catch {
            for entry in sent { entry.source.settled(entry.batch, as: .lost, now: now) }
            for entry in sent { self.queue(entry.source) }
            // Too much waits for the socket or for confirms: `writabilityChanged` and confirms call again. A closed
            // channel tells itself.
            if error.code != .backpressure {
                self.logger.warning("can't publish", metadata: ["broker.error": "\(error)"])
            }
        }
    }

    /// Wakes the sources whose refused batches may go again.
    private func scheduleRetry(now: ContinuousClock.Instant) {
        guard self.retry == nil, let next = self.sources.compactMap({ $0.nextRetry(now: now) }).min() else { return }
        let delay = TimeAmount(next - now)
        self.retry = self.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.retry = nil
            for source in self.sources { self.hasWork(source) }
        }
    }

    // MARK: The channel

    /// From now on messages go to this exchange; `nil`: to none. Returns the channel that is not used any more.
    func use(exchange: String?) -> AMQPChannel? {
        self.exchange = exchange
        var old: AMQPChannel?
        if case .open(let channel, _) = self.link { old = channel }
        self.link = .away
        self.attempts += 1
        self.requeue()
        self.openChannel()
        return old
    }

    func connected(_ connection: AMQPConnection) {
        self.connection = connection
        self.openChannel()
    }

    func disconnected() {
        self.connection = nil
        self.channelEnded(attempt: self.attempts)
    }

    private func openChannel() {
        guard case .away = self.link, let connection, self.exchange != nil else { return }
        self.attempts += 1
        let attempt = self.attempts
        self.link = .opening(attempt: attempt)
        let events = ChannelEvents(publisher: NIOLoopBound(self, eventLoop: self.eventLoop), attempt: attempt)
        self.eventLoop.makeFutureWithTask {
            let channel = try await connection.openChannel(delegate: events)
            try await channel.selectConfirms()
            return channel
        }.assumeIsolated().whenComplete { result in
            guard case .opening(attempt) = self.link else { return }
            switch result {
            case .success(let channel):
                self.link = .open(channel, attempt: attempt)
                self.firstTag = 1
                for source in self.sources { self.hasWork(source) }
            case .failure(let error):
                self.logger.warning("can't open a channel", metadata: ["broker.error": "\(error)"])
                self.link = .away
                self.reopenLater()
            }
        }
    }

    private func reopenLater() {
        self.eventLoop.assumeIsolated().scheduleTask(in: Self.reopenDelay) { self.openChannel() }
    }

    fileprivate func closed(_ error: AMQPError?, attempt: UInt64) {
        guard attempt == self.attempts else { return }
        let exchange = self.exchange
        self.channelEnded(attempt: attempt)
        guard let exchange else { return }
        if error?.replyCode == 404 {
            self.exchange = nil
            self.metrics.fences.increment()
            self.onFence(exchange)
        } else {
            self.logger.warning("channel closed", metadata: ["broker.error": "\(error.map { "\($0)" } ?? "by us")"])
            self.reopenLater()
        }
    }

    private func channelEnded(attempt: UInt64) {
        self.link = .away
        self.requeue()
    }

    private func requeue() {
        let lost = self.inFlight
        self.inFlight.removeAll()
        let now = ContinuousClock.now
        for case let entry? in lost {
            self.metrics.republished.increment()
            entry.source.settled(entry.batch, as: .lost, now: now)
        }
    }

    // MARK: Settlements

    fileprivate func settled(_ settlement: AMQPSettlement, attempt: UInt64) {
        guard case .open(_, attempt) = self.link else { return }
        let now = ContinuousClock.now
        switch settlement {
        case .ack(let tag, let multiple): self.settle(tag, multiple: multiple, isAck: true, now: now)
        case .nack(let tag, let multiple): self.settle(tag, multiple: multiple, isAck: false, now: now)
        case .returned(let tag, let message):
            self.metrics.returned.increment()
            self.logger.error(
                "a message reached no queue",
                metadata: ["broker.routing_key": "\(message.routingKey)", "broker.reply_text": "\(message.replyText)"])
            if let tag, let index = self.index(of: tag) { self.inFlight[index]?.isReturned = true }
        }
        while let first = self.inFlight.first, first == nil {
            self.inFlight.removeFirst()
            self.firstTag += 1
        }
        if !self.waiting.isEmpty, !self.flushIsScheduled, let source = self.waiting.first { self.hasWork(source) }
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= self.firstTag, tag - self.firstTag < UInt64(self.inFlight.count) else { return nil }
        return Int(tag - self.firstTag)
    }

    private func settle(_ tag: UInt64, multiple: Bool, isAck: Bool, now: ContinuousClock.Instant) {
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

    fileprivate func writable(attempt: UInt64) {
        guard case .open(_, attempt) = self.link else { return }
        self.flush()
    }
}

/// Hears a channel for the publisher; events of a channel that it has left are dropped.
private final class ChannelEvents: AMQPChannelDelegate {
    private let publisher: NIOLoopBound<LanePublisher>
    private let attempt: UInt64

    init(publisher: NIOLoopBound<LanePublisher>, attempt: UInt64) {
        self.publisher = publisher
        self.attempt = attempt
    }

    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {
        self.publisher.value.settled(settlement, attempt: self.attempt)
    }

    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {
        if isWritable { self.publisher.value.writable(attempt: self.attempt) }
    }

    func closed(_ error: AMQPError?, on channel: AMQPChannel) {
        self.publisher.value.closed(error, attempt: self.attempt)
    }
}
