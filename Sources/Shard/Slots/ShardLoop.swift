import AMQP
import ClusterAPI
import ControlAPI
import Discord
import Logging
import NIOCore
import Redis
import Runtime

/// One event loop with its publisher and its slots: what a slot does never leaves its loop.
final class ShardLoop: Sendable {
    /// What is confined to the event loop.
    private final class Core {
        let publisher: LanePublisher
        /// `nil`: guilds are not cached.
        var cache: CacheWriter?
        var slots: [Slot: ShardSlot] = [:]
        /// For slots that start.
        var plan: PublishPlan
        /// While a shard count is changed; for slots that start, too.
        var publishing: [GenerationKey: GenerationPublishing] = [:]

        init(publisher: LanePublisher, plan: PublishPlan) {
            self.publisher = publisher
            self.plan = plan
        }
    }

    private struct GenerationKey: Hashable {
        let application: Snowflake
        let generation: Int
    }

    let eventLoop: any EventLoop
    private let core: NIOLoopBoundBox<Core>
    private let settings: SlotSettings
    private let metrics: ShardMetrics
    private let answer: ShardSlot.Answer
    private let logger: Logger

    /// - Parameters:
    ///   - capacity: bytes of unconfirmed events past which this loop's sockets are left unread.
    ///   - cache: where the guilds' state is kept, as the settings tell; its client lives on the same event loop.
    ///   - answer: answers workers' commands; called on the event loop.
    ///   - onFence: called when the broker has cut the process off from its exchange.
    init(
        eventLoop: any EventLoop,
        settings: SlotSettings,
        capacity: Int,
        metrics: ShardMetrics,
        cache: (redis: RedisClient, metrics: CacheMetrics, takeoverRoom: TakeoverRoom)? = nil,
        answer: @escaping ShardSlot.Answer = { _, _ in },
        logger: Logger,
        onFence: @escaping @Sendable (String) -> Void
    ) {
        self.answer = answer
        self.eventLoop = eventLoop
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        let publisher = LanePublisher(
            eventLoop: eventLoop,
            settings: .init(
                capacity: capacity, confirmTimeout: settings.confirmTimeout, discards: settings.discardsEvents),
            metrics: metrics, logger: logger, onFence: onFence)
        self.core = NIOLoopBoundBox.makeBoxSendingValue(
            Core(publisher: publisher, plan: settings.plan), as: Core.self, eventLoop: eventLoop)
        guard let cache, let cacheSettings = settings.cache else { return }
        // Before any slot, which comes in the same way.
        eventLoop.execute { [core = self.core] in
            core.value.cache = CacheWriter(
                eventLoop: eventLoop, settings: cacheSettings, redis: cache.redis, metrics: cache.metrics,
                takeoverRoom: cache.takeoverRoom, logger: logger)
        }
    }

    // MARK: The broker

    func brokerConnected(_ connection: AMQPConnection) {
        self.eventLoop.execute { self.core.value.publisher.connected(connection) }
    }

    func brokerLost() {
        self.eventLoop.execute { self.core.value.publisher.disconnected() }
    }

    /// Whether the broker has told that it takes no publishes.
    func brokerBlocked(_ isBlocked: Bool) {
        self.eventLoop.execute { self.core.value.publisher.changeBlocked(isBlocked) }
    }

    /// From now on messages go to this exchange; `nil`: to none.
    func use(exchange: String?) async {
        let old = await self.onLoop { $0.publisher.use(exchange: exchange) }
        await old?.close()
    }

    /// From the next event on this plan is followed.
    func use(plan: PublishPlan) async {
        await self.onLoop { core in
            core.plan = plan
            for slot in core.slots.values { slot.pipeline.plan = plan }
        }
    }

    /// From the next event on this is what generations publish; those that are not named publish everything.
    ///
    /// - Parameter granted: the slots that are meant. One that is to be handed over stays as it is: its generation may
    ///   not be named any more.
    func use(publishing: [GenerationPublishing], for granted: Set<Slot>) async {
        await self.onLoop { core in
            core.publishing = Dictionary(
                publishing.map { (GenerationKey(application: $0.application, generation: $0.generation), $0) }
            ) { $1 }
            for slot in core.slots.values where granted.contains(slot.grant.slot) {
                slot.use(core.publishing[Self.key(of: slot.grant.slot)])
            }
        }
    }

    private static func key(of slot: Slot) -> GenerationKey {
        GenerationKey(application: slot.application, generation: slot.generation)
    }

    // MARK: Slots

    func start(
        _ grant: SlotGrant, token: Secret, askPermit: @escaping ShardSlot.AskPermit,
        leaseHeldAt: @escaping ShardSlot.LeaseHeldAt
    ) async {
        await self.onLoop { core in
            core.slots[grant.slot]?.drop()
            var settings = self.settings
            settings.plan = core.plan
            let slot = ShardSlot(
                grant: grant, token: token, settings: settings, publisher: core.publisher, metrics: self.metrics,
                askPermit: askPermit, leaseHeldAt: leaseHeldAt, answer: self.answer, logger: self.logger)
            core.slots[grant.slot] = slot
            if let writer = core.cache { slot.useCache(of: writer) }
            slot.use(core.publishing[Self.key(of: grant.slot)])
            slot.start()
        }
    }

    /// Begins a hand-over, and returns at once.
    func beginRelease(_ slot: Slot) async {
        await self.onLoop { core in _ = core.slots[slot]?.release() }
    }

    /// Hands every slot over, and returns when that is done.
    func releaseAll() async {
        let eventLoop = self.eventLoop
        let all = eventLoop.flatSubmit {
            EventLoopFuture.andAllComplete(self.core.value.slots.values.map { $0.release() }, on: eventLoop)
        }
        await Self.value(of: all)
    }

    func forget(_ slot: Slot) async {
        await self.onLoop { core in core.slots.removeValue(forKey: slot)?.drop() }
    }

    /// Cuts every slot off at once.
    func dropAll() async {
        await self.onLoop { core in
            for slot in core.slots.values { slot.drop() }
            core.slots = [:]
        }
    }

    /// A worker's command. Any thread.
    func received(_ request: ControlRequest, for slot: Slot, from requester: ControlRequester) {
        self.eventLoop.execute {
            guard let running = self.core.value.slots[slot] else {
                return self.answer(.error(ControlProblem(.notRunning, "this process does not run the slot")), requester)
            }
            running.received(request, from: requester)
        }
    }

    /// The coordinator has answered a renewal that told this.
    func acknowledged(_ told: [ObservedSlot]) async {
        await self.onLoop { core in
            for observed in told {
                guard let slot = core.slots[observed.slot], slot.grant.epoch == observed.epoch else { continue }
                observed.session.map { slot.acknowledged.acknowledged($0) }
                observed.gaps.map { slot.pipeline.forget($0) }
            }
        }
    }

    func observe(now: ContinuousClock.Instant) async -> (slots: [ObservedSlot], bufferedBytes: Int, hasBroker: Bool) {
        await self.onLoop { core in
            (core.slots.values.map { $0.observe(now: now) }, core.publisher.bufferedBytes, core.publisher.isOpen)
        }
    }

    private func onLoop<Result: Sendable>(_ body: @escaping @Sendable (Core) -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            self.eventLoop.execute { continuation.resume(returning: body(self.core.value)) }
        }
    }

    private static func value(of future: EventLoopFuture<Void>) async {
        await withCheckedContinuation { continuation in
            future.whenComplete { _ in continuation.resume() }
        }
    }
}

extension [ShardLoop] {
    /// Each slot has its loop for good.
    func loop(of slot: Slot) -> ShardLoop { self[slot.shard % self.count] }
}
