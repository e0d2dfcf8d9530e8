import ClusterAPI
import Discord
import Gateway
import Logging
import NIOCore
import Runtime

extension ShardSlot {
    // MARK: Room

    func pauseReading() {
        guard self.isReading else { return }
        self.isReading = false
        self.metrics.pauses.increment()
        self.logPause(now: .now)
        self.connection?.setReading(false)
        self.silence.stopped()
        self.session.readingPaused(now: .now)
        self.schedule()
    }

    /// At a broker's limit this happens many times a second: a line in ten seconds tells enough.
    private func logPause(now: Instant) {
        if let last = self.pauseLoggedAt, now - last < .seconds(10) { return }
        self.pauseLoggedAt = now
        self.logger.warning(
            "no room for more events: the socket is left unread",
            metadata: [
                "reason": self.cache?.hasRoom == false ? "cache writes wait for Redis" : "events wait for the broker"
            ])
    }

    /// Reads on, unless there is another reason not to.
    func resumeReading() {
        guard !self.isReading, self.handOver == nil, self.publisher.hasRoom, self.cache?.hasRoom != false,
            self.pipeline.unsettledEvents <= self.settings.mostUnsettled / 2
        else { return }
        self.isReading = true
        if self.session.state == .ready {
            self.silence.started(total: self.meter.total, isNewSession: false, now: .now)
        }
        self.perform(self.session.readingResumed(now: .now))
        // At the end: what was held back comes at once, and there may be no room again then.
        if self.isReading { self.connection?.setReading(true) }
    }

    // MARK: Ending

    /// Lets go of the slot in good order: stops reading, waits for confirms, and closes so that another process can
    /// RESUME. Done when the future is; what is not confirmed in time is left to the replay.
    func release() -> EventLoopFuture<Void> {
        if let handOver { return handOver.done.futureResult }
        let done = self.eventLoop.makePromise(of: Void.self)
        self.handOver = HandOver(done: done)
        self.perform(self.commands.end())
        self.handOver?.timer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.settings.flushTimeout))
        {
            self.closeForHandOver()
        }
        self.publisher.hasWork(self)
        self.continueHandOver()
        return done.futureResult
    }

    /// Stops reading, and closes once everything is confirmed. After IDENTIFY, READY is waited for first: it makes the
    /// session start that was spent a session to hand over.
    func continueHandOver() {
        guard let handOver, handOver.generation == nil, !self.session.isIdentifying else { return }
        if !handOver.isFlushing {
            self.handOver?.isFlushing = true
            self.isReading = false
            self.connection?.setReading(false)
            self.session.readingPaused(now: .now)
            self.schedule()
        }
        if self.pipeline.isDrained, self.cacheMayEnd { self.closeForHandOver() }
    }

    /// Events that are not published wait for no write: those of theirs are waited for here, as long as for any other.
    private var cacheMayEnd: Bool {
        self.cache?.mayEnd { [weak self] in self?.cacheSettled() } ?? true
    }

    /// What waited for the cache may go on.
    func cacheSettled() {
        self.publisher.hasWork(self)
        if self.handOver != nil { self.continueHandOver() }
    }

    func closeForHandOver() {
        guard self.handOver != nil, self.handOver?.generation == nil else { return }
        self.handOver?.timer?.cancel()
        let hadConnection = self.connection != nil
        self.handOver?.generation = self.generation
        self.perform(self.session.stop(now: .now))
        // One that is still being made must not open any more.
        self.forgetConnection()
        guard hadConnection else { return self.finishHandOver() }
        self.handOver?.timer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.settings.closeTimeout))
        {
            self.finishHandOver()
        }
    }

    func finishHandOver() {
        guard let handOver, !handOver.isDone else { return }
        handOver.timer?.cancel()
        self.handOver?.isDone = true
        self.leavePublisher()
        handOver.done.succeed()
    }

    /// Cuts the slot off at once: somebody else may run it already. Nothing more is published.
    func drop() {
        let connection = self.connection
        self.perform(self.commands.end())
        self.forgetConnection()
        connection?.drop()
        _ = self.session.stop(now: .now)
        self.schedule()
        self.leavePublisher()
        if let handOver, !handOver.isDone { self.finishHandOver() }
    }

    private func leavePublisher() {
        self.publisher.remove(self)
        self.publisher.changeBufferedBytes(by: -self.pipeline.assembler.bufferedBytes)
        self.pipeline.discardBuffer()
        self.cacheIsBehind = self.cache?.end() ?? self.cacheIsBehind
        self.cache = nil
        self.presenceKeeper = nil
    }

    // MARK: For the coordinator

    func observe(now: Instant) -> ObservedSlot {
        let rates = self.meter.rates(now: now)
        var status = self.session.status
        // A slot that failed is let go of like any other, else nobody would ever hear that it is free.
        if let handOver { status = handOver.isDone ? .released : .handingOver }
        self.receipts.settled(self.pipeline.watermark)
        return ObservedSlot(
            slot: self.grant.slot,
            epoch: self.grant.epoch,
            status: status,
            session: self.told,
            guilds: max(self.guilds.count, self.knowsGuilds ? 0 : self.grant.guilds),
            eventsPerSecond: rates.events,
            bytesPerSecond: rates.bytes,
            latencyMilliseconds: self.session.latency.map { $0 / .milliseconds(1) },
            reason: (status == .waitingForPermit ? self.identifyHindrance : nil) ?? self.session.reason,
            closeCode: self.session.stopCode?.rawValue,
            gaps: self.pipeline.gaps.isEmpty ? nil : self.pipeline.gaps,
            unsettledMilliseconds: Self.age(of: self.pipeline.unsettledSince, now: now),
            acknowledgedMilliseconds: Self.age(of: self.receipts.settledAt, now: now)
        )
    }

    /// In milliseconds, rounded up.
    private static func age(of instant: Instant?, now: Instant) -> Int? {
        instant.map { Int((max(.zero, now - $0) / .milliseconds(1)).rounded(.up)) }
    }

    private var told: SessionState? {
        let isBehind = self.cache?.isBehind ?? self.cacheIsBehind
        return self.pipeline.told.map {
            SessionState(
                sessionID: $0.sessionID, resumeURL: $0.resumeURL, sequence: $0.sequence,
                cacheIsBehind: isBehind ? true : nil)
        }
    }
}
