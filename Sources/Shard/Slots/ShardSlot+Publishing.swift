import AMQP
import NIOCore

extension ShardSlot: BatchSource {
    func takeMessages(exchange: String, now: Instant) -> [(EventBatch, AMQPMessage)] {
        self.pipeline.takeReady(now: now, gate: self.publishGate).map { batch in
            (batch, self.message.message(batch, exchange: exchange, random: &self.random))
        }
    }

    /// Whether a batch may leave: the place where a write elsewhere that has to come first is waited for. Nothing has
    /// to, so far.
    private func publishGate(_ batch: EventBatch) -> Bool { true }

    func settled(_ batch: EventBatch, as outcome: BatchOutcome, now: Instant) {
        let before = self.pipeline.assembler.bufferedBytes
        switch outcome {
        case .confirmed: self.pipeline.confirmed(batch)
        case .refused: self.pipeline.refused(batch, now: now)
        case .lost: self.pipeline.lost(batch)
        }
        self.publisher.changeBufferedBytes(by: self.pipeline.assembler.bufferedBytes - before)
        if self.handOver != nil, self.pipeline.isDrained { self.closeForHandOver() }
        if !self.isReading, self.publisher.hasRoom { self.resumeReading() }
    }

    func nextRetry(now: Instant) -> Instant? { self.pipeline.assembler.nextRetry(now: now) }

    func roomRegained() { self.resumeReading() }
}
