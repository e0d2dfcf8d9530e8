import AMQP

/// What a publisher serves: a slot that gathers batches and hears what became of them. All on one event loop.
protocol BatchSource: AnyObject {
    /// The publisher's own marks: the source waits to be asked; a time to ask it again is set.
    var isInLine: Bool { get set }
    var hasRetry: Bool { get set }
    /// The batches that may leave now; each is settled later.
    func takeBatches(now: ContinuousClock.Instant) -> [EventBatch]
    func message(of batch: EventBatch, exchange: String) -> AMQPMessage
    func settled(_ batch: EventBatch, as outcome: BatchOutcome, now: ContinuousClock.Instant)
    /// When something that the broker refused may go again.
    func nextRetry() -> ContinuousClock.Instant?
    /// The process has room for events again.
    func roomRegained()
}

enum BatchOutcome: Sendable {
    case confirmed, refused, lost
}
