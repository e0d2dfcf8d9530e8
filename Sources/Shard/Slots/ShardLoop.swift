import AMQP
import ClusterAPI
import Logging
import NIOCore
import Runtime

/// One event loop with its publisher and its slots: what a slot does never leaves its loop.
final class ShardLoop: Sendable {
    /// What is confined to the event loop.
    private final class Core {
        let publisher: LanePublisher
        var slots: [Slot: ShardSlot] = [:]

        init(publisher: LanePublisher) { self.publisher = publisher }
    }

    let eventLoop: any EventLoop
    private let core: NIOLoopBoundBox<Core>
    private let settings: SlotSettings
    private let metrics: ShardMetrics
    private let logger: Logger

    /// - Parameters:
    ///   - capacity: bytes of unconfirmed events past which this loop's sockets are left unread.
    ///   - onFence: called when the broker has cut the process off from its exchange.
    init(
        eventLoop: any EventLoop,
        settings: SlotSettings,
        capacity: Int,
        metrics: ShardMetrics,
        logger: Logger,
        onFence: @escaping @Sendable (String) -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        let publisher = LanePublisher(
            eventLoop: eventLoop, capacity: capacity, metrics: metrics, logger: logger, onFence: onFence)
        self.core = NIOLoopBoundBox.makeBoxSendingValue(Core(publisher: publisher), as: Core.self, eventLoop: eventLoop)
    }

    // MARK: The broker

    func brokerConnected(_ connection: AMQPConnection) {
        self.eventLoop.execute { self.core.value.publisher.connected(connection) }
    }

    func brokerLost() {
        self.eventLoop.execute { self.core.value.publisher.disconnected() }
    }

    /// From now on messages go to this exchange; `nil`: to none.
    func use(exchange: String?) async {
        let old = await self.onLoop { $0.publisher.use(exchange: exchange) }
        await old?.close()
    }

    // MARK: Slots

    func start(_ grant: SlotGrant, token: Secret, askPermit: @escaping ShardSlot.AskPermit) async {
        await self.onLoop { core in
            core.slots[grant.slot]?.drop()
            let slot = ShardSlot(
                grant: grant, token: token, settings: self.settings, publisher: core.publisher, metrics: self.metrics,
                askPermit: askPermit, logger: self.logger)
            core.slots[grant.slot] = slot
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
