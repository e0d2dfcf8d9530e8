import ClusterAPI
import ControlAPI
import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import Runtime

/// Runs one slot: its session over gateway connections, and its events to the publisher. Confined to one event loop.
final class ShardSlot {
    typealias Instant = ContinuousClock.Instant

    /// Asks the coordinator for leave to IDENTIFY.
    typealias AskPermit = @Sendable (SlotGrant) async -> PermitAnswer?
    /// When the process held its lease for certain.
    typealias LeaseHeldAt = @Sendable () -> Instant?
    /// Answers a worker's command.
    typealias Answer = @Sendable (ControlAnswer, ControlRequester) -> Void

    let grant: SlotGrant
    let eventLoop: any EventLoop
    let token: Secret
    let settings: SlotSettings
    let publisher: LanePublisher
    let metrics: ShardMetrics
    let askPermit: AskPermit
    let leaseHeldAt: LeaseHeldAt
    let answer: Answer
    let logger: Logger
    var message: BatchMessage
    var random: SplitMix64

    var session: GatewaySession
    var pipeline: EventPipeline
    /// What of its events is published, while the shard count is changed; `nil`: all of them.
    var publishing: GenerationPublishing?
    /// Where the guilds' state is kept; `nil`: nowhere.
    var cache: (any SlotCache)?
    /// What the cache said when the slot was let go of.
    var cacheIsBehind = false
    var budget = SendBudget()
    var commands: SlotCommands
    /// `nil`: what commands say of the presence is forgotten with the slot.
    var presenceKeeper: PresenceKeeper?
    var acknowledged = AcknowledgedWatermark()
    var receipts = HeartbeatReceipts()
    var silence: SilenceWatch
    var connection: GatewayConnection?
    /// Counts connections: what an earlier one still says is not heard.
    var generation: UInt64 = 0
    var timer: (deadline: Instant, task: Scheduled<Void>)?
    var isReading = true
    var pauseLoggedAt: Instant?
    /// The session whose gap record is known to be waited for.
    private var loggedGapWait: String?
    private var hasLoggedPresence = false
    private var hasLoggedStanding = false
    /// Since when it is asked whether the slot is still this process's; `nil`: it is not asked.
    private var standingAskedAt: Instant?
    var guilds: Set<UInt64> = []
    /// False for a session that another process began: its guilds show with their events.
    var knowsGuilds = true
    var meter: EventMeter
    var handOver: HandOver?
    var isInLine = false
    var hasRetry = false

    init(
        grant: SlotGrant,
        token: Secret,
        settings: SlotSettings,
        publisher: LanePublisher,
        metrics: ShardMetrics,
        askPermit: @escaping AskPermit,
        leaseHeldAt: @escaping LeaseHeldAt,
        answer: @escaping Answer = { _, _ in },
        logger: Logger
    ) {
        self.grant = grant
        self.eventLoop = publisher.eventLoop
        self.token = token
        self.settings = settings
        self.publisher = publisher
        self.metrics = metrics
        self.askPermit = askPermit
        self.leaseHeldAt = leaseHeldAt
        self.answer = answer
        var logger = logger
        logger[metadataKey: "shard.slot"] = "\(grant.slot)"
        logger[metadataKey: "shard.epoch"] = "\(grant.epoch)"
        self.logger = logger
        self.message = BatchMessage(grant)
        self.random = SplitMix64(seed: .random(in: .min ... .max))
        self.pipeline = EventPipeline(
            slot: grant.slot, numShards: grant.numShards, partition: settings.partition, plan: settings.plan,
            limits: settings.limits)
        var resumed: SessionIdentity?
        if let session = grant.session {
            let url = settings.resumeHosts.resumeURL(named: session.resumeURL, gateway: grant.gatewayURL).url
            resumed = SessionIdentity(id: session.sessionID, resumeURL: url)
            self.pipeline.begin(session: session.sessionID, resumeURL: url, settled: session.sequence)
            self.acknowledged.begin(session: session.sessionID, granted: session.sequence)
            self.knowsGuilds = false
        }
        self.session = GatewaySession(
            gatewayURL: grant.gatewayURL, resuming: resumed, policy: settings.policy, seed: .random(in: .min ... .max))
        self.meter = EventMeter(now: .now)
        self.silence = SilenceWatch(policy: settings.silence)
        self.commands = SlotCommands(
            shard: grant.slot.shard, count: grant.numShards, intents: Intents(rawValue: grant.intents),
            presence: settings.presence, limits: settings.commands, life: .random(in: .min ... .max))
    }

    func start() {
        self.publisher.add(self)
        if self.grant.followsUnknownSession == true { self.followUnknownSession() }
        self.perform(self.session.start(now: .now))
    }

    struct HandOver {
        let done: EventLoopPromise<Void>
        /// Reading has stopped; before, READY is waited for.
        var isFlushing = false
        /// The connection that is being closed; `nil` while confirms are waited for.
        var generation: UInt64?
        var timer: Scheduled<Void>?
        var isDone = false
    }

    // MARK: Doing what the session says

    func perform(_ actions: [GatewaySession.Action]) {
        for action in actions {
            switch action {
            case .connect(let url): self.connect(to: url)
            case .requestPermit(let ticket): self.requestPermit(ticket)
            case .requestStanding(let ticket): self.requestStanding(ticket)
            case .sendIdentify: self.identify()
            case .sendResume(let sessionID):
                let watermark = self.pipeline.watermark ?? 0
                self.metrics.resumes.increment()
                self.hasLoggedStanding = false
                self.logger.info("RESUME", metadata: ["gateway.sequence": "\(watermark)"])
                self.send { try ClientPayload.resume(token: self.token, sessionID: sessionID, sequence: watermark) }
            case .sendHeartbeat: self.sendHeartbeat()
            case .close(let code): self.close(code: code)
            case .sessionLost(let loss):
                self.metrics.sessionsLost.increment()
                self.logger.warning(
                    "session lost: events after the watermark may be missing",
                    metadata: [
                        "gateway.sequence": "\(self.pipeline.watermark ?? 0)", "reason": "\(loss.reason)",
                    ])
                self.loseSession(loss)
                self.acknowledged.end()
                self.receipts.sessionEnded()
                self.cache?.sessionLost()
            case .stopped:
                self.logger.error("Discord refuses this slot", metadata: ["reason": "\(self.session.reason ?? "")"])
                self.perform(self.commands.end())
                self.forgetConnection()
            }
        }
        self.schedule()
        if self.handOver != nil { self.continueHandOver() }
    }

    private func connect(to url: String) {
        // On the way out nobody needs a new connection.
        guard self.handOver == nil else { return _ = self.session.stop(now: .now) }
        self.forgetConnection()
        self.metrics.reconnects.increment()
        let generation = self.generation
        let slot = NIOLoopBound(self, eventLoop: self.eventLoop)
        let settings = self.settings
        let eventLoop = self.eventLoop
        eventLoop.makeFutureWithTask {
            try await GatewayClient.connect(
                to: GatewayURL(url, compression: settings.compression), tls: settings.gatewayTLS,
                limits: settings.gatewayLimits,
                group: eventLoop, deadline: .now + settings.connectTimeout
            ) { connection in
                slot.value.opened(connection, generation)
                return SlotConnection(slot: slot, generation: generation)
            }
        }.assumeIsolated().whenComplete { result in
            guard generation == self.generation, case .failure(let error) = result else { return }
            self.note(failure: "\(error)")
            self.perform(self.session.connectFailed("can't connect: \(error)", now: .now))
        }
    }

    private func opened(_ connection: GatewayConnection, _ generation: UInt64) {
        guard generation == self.generation else { return connection.drop() }
        self.connection = connection
        self.budget = SendBudget()
        if !self.isReading { connection.setReading(false) }
        self.perform(self.session.connected(now: .now))
    }

    private func requestPermit(_ ticket: Int) {
        guard self.identifyHindrance == nil else {
            self.logGapWait()
            return self.perform(
                self.session.permitAnswered(ticket: ticket, validity: nil, retryAfter: .milliseconds(500), now: .now))
        }
        let askPermit = self.askPermit
        let grant = self.grant
        self.eventLoop.makeFutureWithTask { await askPermit(grant) }.assumeIsolated().whenSuccess { answer in
            self.perform(
                self.session.permitAnswered(
                    ticket: ticket,
                    validity: answer?.validMilliseconds.map { .milliseconds($0) },
                    retryAfter: answer?.retryAfterMilliseconds.map { .milliseconds($0) },
                    now: .now))
        }
    }

    /// A process that stood still, or was cut off, finds its connections ended as soon as another one has its slots: it
    /// must not take their sessions back. The broker knows that best; where it does not answer, a renewal does that was
    /// sent since the question came up.
    private func requestStanding(_ ticket: Int) {
        let since = self.standingAskedAt ?? .now
        self.standingAskedAt = since
        self.publisher.askStanding { standing in
            let heldAt: Instant? =
                switch standing {
                case .held(let since): since
                case .cutOff: nil
                case .unknown: self.leaseHeldAt().flatMap { $0 >= since ? $0 : nil }
                }
            if heldAt == nil, !self.hasLoggedStanding {
                self.hasLoggedStanding = true
                self.logger.notice(
                    "RESUME waits until it is known that the slot is still this process's",
                    metadata: ["broker.exchange": standing == .cutOff ? "gone" : "unknown"])
            }
            // What is let go of needs no session any more.
            let mayResume = self.handOver == nil
            self.perform(
                self.session.standingAnswered(ticket: ticket, heldAt: mayResume ? heldAt : nil, now: .now))
        }
    }

    /// Why no leave to IDENTIFY is asked for, for people; `nil`: nothing hinders it.
    var identifyHindrance: String? {
        // Without a broker it only fills memory, and burns a session start.
        guard self.publisher.isOpen else { return "IDENTIFY waits for the broker" }
        // While a gap record is on its way nobody else would learn of the new session, so nothing may be sent to it.
        return self.pipeline.pendingGap.map {
            "IDENTIFY waits; lanes without the lost session's gap record: \($0.unconfirmedLanes)"
        }
    }

    /// Once for each record: the permit is asked for twice a second.
    private func logGapWait() {
        guard let gap = self.pipeline.pendingGap, self.loggedGapWait != gap.session else { return }
        self.loggedGapWait = gap.session
        self.logger.notice(
            "IDENTIFY waits until every lane has the gap record",
            metadata: ["gateway.session": "\(gap.session)", "shard.lanes": "\(gap.unconfirmedLanes)"])
    }

    private func identify() {
        self.metrics.identifies.increment()
        self.logger.info("IDENTIFY")
        var tellsPresence = true
        self.send {
            let identify = try ClientPayload.identify(
                token: self.token, intents: self.grant.intents, shard: self.grant.slot.shard,
                numShards: self.grant.numShards, presence: self.commands.presence)
            tellsPresence = identify.tellsPresence
            return identify.bytes
        }
        if !tellsPresence, !self.hasLoggedPresence {
            self.hasLoggedPresence = true
            self.logger.warning("IDENTIFY leaves without the presence: they don't fit together")
        }
        self.commands.identified(tellsPresence: tellsPresence, now: .now)
    }

    private func send(_ payload: () throws -> ByteBuffer) {
        do {
            let bytes = try payload()
            guard bytes.readableBytes <= ClientPayload.maximumBytes, self.budget.take(.other, now: .now) == nil else {
                return self.logger.error(
                    "a payload can't be sent", metadata: ["gateway.bytes": "\(bytes.readableBytes)"])
            }
            self.connection?.send(bytes)
        } catch {
            self.logger.error("a payload can't be written", metadata: ["error": "\(error)"])
        }
    }

    private func sendHeartbeat() {
        // A gateway that asks for more beats than it allows gets none.
        guard self.budget.take(.heartbeat, now: .now) == nil else { return }
        // Not the last number received, nor the watermark of now: a gateway may trim its replay buffer at it.
        self.connection?.send(ClientPayload.heartbeat(watermark: self.acknowledged.value))
        self.receipts.sent(isReady: self.session.state == .ready, now: .now)
        self.watchSilence()
    }

    /// Looks at what has come since the last heartbeat: often enough, and without a timer of its own.
    private func watchSilence() {
        let now = Instant.now
        guard self.silence.check(total: self.meter.total, now: now) else { return }
        self.metrics.deafSockets.increment()
        self.logger.warning(
            "heartbeats are answered, but nothing comes",
            metadata: ["gateway.events_per_second": "\(self.silence.rate)"])
        self.perform(self.session.fellSilent(now: now))
    }

    private func close(code: UInt16) {
        let connection = self.connection
        self.forgetConnection()
        connection?.close(code: code)
    }

    /// - Parameter code: with which the peer closed it.
    func forgetConnection(closedWith code: GatewayCloseCode? = nil) {
        self.generation += 1
        self.connection = nil
        self.standingAskedAt = nil
        self.receipts.disconnected()
        self.silence.stopped()
        self.perform(self.commands.disconnected(code: code, now: .now))
    }

    func schedule() {
        let deadlines = [self.session.nextDeadline, self.commands.nextDeadline]
        guard let deadline = deadlines.compactMap({ $0 }).min() else {
            self.timer?.task.cancel()
            self.timer = nil
            return
        }
        if let timer, timer.deadline == deadline { return }
        self.timer?.task.cancel()
        let delay = TimeAmount(max(.zero, deadline - .now))
        let task = self.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.timer = nil
            self.perform(self.session.timerFired(now: .now))
            self.commandTimerFired()
        }
        self.timer = (deadline, task)
    }

    func note(failure: String) {
        self.logger.warning("gateway connection ended", metadata: ["reason": "\(failure)"])
    }
}
