import AMQP
import ClusterAPI
import Discord
import Foundation
import Logging
import NIOCore
import Runtime

extension ShardSlot {
    func publish(_ slice: FrameSlice, of bytes: UnsafeRawBufferPointer, rule: EventRule) {
        let before = self.pipeline.assembler.bufferedBytes
        let turn = self.publisher.turn
        let cache = self.cache
        let outcome = self.pipeline.accept(
            slice, of: bytes, rule: rule, milliseconds: turn.milliseconds, now: turn.began
        ) { cache?.accepted($0) }
        switch outcome {
        case .buffered:
            turn.events += 1
            self.session.receivedEvent()
            self.publisher.changeBufferedBytes(by: self.pipeline.assembler.bufferedBytes - before)
            if !self.isInLine, self.pipeline.assembler.hasWaiting { self.publisher.hasWork(self) }
            if !self.publisher.hasRoom { self.pauseReading() }
        case .filtered:
            turn.events += 1
            turn.filtered += 1
            self.session.receivedEvent()
        case .muted:
            turn.events += 1
            turn.muted += 1
            self.session.receivedEvent()
        case .repeated: turn.repeated += 1
        case .unexpected: self.metrics.malformed.increment()
        }
        // Also by events that go nowhere: they too are replayed from the watermark, and written to the cache.
        if self.pipeline.unsettledEvents >= self.settings.mostUnsettled || cache?.hasRoom == false {
            self.pauseReading()
        }
    }

    func count(_ slice: FrameSlice, of bytes: UnsafeRawBufferPointer, kind: EventRule.Kind) {
        self.meter.count(bytes: bytes.count)
        guard kind != .other || !self.knowsGuilds, let guild = slice.guildID else { return }
        switch kind {
        case .guildCreate: self.guilds.insert(guild)
        case .guildDelete:
            // One that can't be read is taken for a guild that is left.
            let body = slice.data.flatMap {
                try? ServerPayload.decode(
                    ServerPayload.GuildDelete.self, from: UnsafeRawBufferPointer(rebasing: bytes[$0]))
            }
            if body?.unavailable != true { self.guilds.remove(guild) }
        case .other, .ready, .resumed:
            if !self.knowsGuilds { self.guilds.insert(guild) }
        }
    }

    /// From the next event on this is published.
    ///
    /// - Parameter told: `nil`: everything, as no shard count is being changed.
    func use(_ told: GenerationPublishing?) {
        guard told != self.publishing else { return }
        self.publishing = told
        let published = PublishedLanes(told, partition: self.settings.partition)
        self.logger.info(
            "what is published has changed",
            metadata: ["shard.lanes": "\(published.count)", "shard.commands": "\(published.commands)"])
        self.pipeline.published = published
        self.cache?.use(published)
        // Whoever falls silent has to have been heard up to where the other one began.
        let isHeard = told.map { !$0.lanes.isEmpty || $0.commands } ?? false
        self.session.probe(every: isHeard ? self.settings.probeInterval : nil, now: .now)
        self.budget.keepRoom(for: self.session.heartbeats(in: SendBudget.window))
        self.schedule()
    }

    /// Tells every lane that events may be missing.
    func loseSession(_ loss: SessionLoss) {
        self.writeGap { $0.loseSession(reason: loss.reason, milliseconds: $1) }
    }

    /// Tells every lane that there may have been a session that nobody knows of.
    func followUnknownSession() {
        let epoch = self.grant.epoch
        self.writeGap { $0.followUnknownSession(epoch: epoch, milliseconds: $1) }
    }

    private func writeGap(_ write: (inout EventPipeline, _ milliseconds: Int64) -> Void) {
        let before = self.pipeline.assembler.bufferedBytes
        write(&self.pipeline, Int64(Date().timeIntervalSince1970 * 1000))
        self.publisher.changeBufferedBytes(by: self.pipeline.assembler.bufferedBytes - before)
        self.publisher.hasWork(self)
    }
}

extension ShardSlot: BatchSource {
    func takeBatches(now: Instant) -> [EventBatch] {
        let before = self.pipeline.assembler.bufferedBytes
        let batches = self.pipeline.takeReady(now: now, gate: self.publishGate)
        let attached = self.pipeline.assembler.bufferedBytes - before
        if attached != 0 { self.publisher.changeBufferedBytes(by: attached) }
        return batches
    }

    func message(of batch: EventBatch, exchange: String) -> AMQPMessage {
        self.message.message(batch, exchange: exchange, random: &self.random)
    }

    /// Whether a batch may leave: a worker is to find in the cache what an event tells.
    private func publishGate(_ batch: inout EventBatch) -> Bool {
        guard batch.cacheTicket > 0, let cache = self.cache else { return true }
        return cache.mayLeave(&batch) { [weak self] in self?.cacheSettled() }
    }

    func settled(_ batch: EventBatch, as outcome: BatchOutcome, now: Instant) {
        let before = self.pipeline.assembler.bufferedBytes
        switch outcome {
        case .confirmed:
            self.pipeline.confirmed(batch)
            if batch.isGap { self.gapConfirmed(batch) }
        case .refused: self.pipeline.refused(batch, now: now)
        case .lost: self.pipeline.lost(batch)
        }
        self.publisher.changeBufferedBytes(by: self.pipeline.assembler.bufferedBytes - before)
        if self.handOver != nil { self.continueHandOver() }
        if !self.isReading { self.resumeReading() }
    }

    private func gapConfirmed(_ batch: EventBatch) {
        guard let gap = self.pipeline.gaps.last, gap.session == batch.session.id else { return }
        self.metrics.gaps.increment()
        self.logger.notice(
            "every lane has the gap record",
            metadata: ["gateway.session": "\(gap.session)", "gateway.sequence": "\(gap.after)"])
    }

    func nextRetry() -> Instant? { self.pipeline.assembler.nextRetry() }

    func roomRegained() { self.resumeReading() }
}
