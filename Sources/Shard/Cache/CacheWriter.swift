import Discord
import GuildCache
import Logging
import NIOCore
import Redis
import Runtime

/// Carries one event loop's cache writes to Redis over one connection, in order, and never holds an event back for
/// longer than its patience. Confined to its event loop.
final class CacheWriter {
    typealias Instant = ContinuousClock.Instant

    let eventLoop: any EventLoop
    let settings: CacheSettings
    let metrics: CacheMetrics
    let takeoverRoom: TakeoverRoom
    let logger: Logger
    var recent = RecentMembers()
    private let redis: RedisClient
    private var queue: CacheQueue
    private var slots: [Int: GuildSlotCache] = [:]
    /// The slot that was told of room last.
    private var toldLast = 0
    private var lastSlot = 0
    /// Slots that were let go of, and until when their answers are still heard: guilds may become unsure by them.
    private var ended: [Int: (slot: GuildSlotCache, until: Instant)] = [:]
    /// Slots with events that wait, and how to wake each.
    private var waiters: [Int: () -> Void] = [:]
    private var flushIsScheduled = false
    private var timer: (deadline: Instant, task: Scheduled<Void>)?
    private var checks: RepeatedTask?
    private var connectionsMade = 0
    private var toldBytes = 0
    /// Applications whose marker was set.
    private var marked: Set<CacheKeys> = []
    private var lastComplaint: Instant?

    init(
        eventLoop: any EventLoop, settings: CacheSettings, redis: RedisClient, metrics: CacheMetrics,
        takeoverRoom: TakeoverRoom, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.redis = redis
        self.metrics = metrics
        self.takeoverRoom = takeoverRoom
        self.logger = logger
        self.queue = CacheQueue(limits: settings.limits)
    }

    var isAway: Bool { self.queue.isAway }

    // MARK: Slots

    func add(_ make: (_ number: Int) -> GuildSlotCache) -> GuildSlotCache {
        self.lastSlot += 1
        let slot = make(self.lastSlot)
        self.slots[self.lastSlot] = slot
        if self.checks == nil { self.startChecks() }
        return slot
    }

    /// What a slot leaves behind is looked after for so long.
    private static let longestEnd: Duration = .seconds(600)

    /// What the slot still has in the queue goes on its way, and what comes of it is heard.
    func remove(_ slot: GuildSlotCache) {
        self.slots[slot.number] = nil
        self.waiters[slot.number] = nil
        self.ended[slot.number] = (slot, .now + Self.longestEnd)
        self.forgetEnded()
    }

    private func forgetEnded() {
        if !self.ended.isEmpty {
            let now = Instant.now
            self.ended = self.ended.filter { !$0.value.slot.owesNothing && $0.value.until > now }
        }
        if self.slots.isEmpty, self.ended.isEmpty {
            self.checks?.cancel()
            self.checks = nil
        }
    }

    // MARK: Writing

    func takeTicket() -> UInt64 { self.queue.takeTicket() }
    /// Of the last write; events without one of their own may wait for it.
    var lastTicket: UInt64 { self.queue.lastTicket }

    /// Adds commands; they leave at the end of this turn of the event loop. False: there is no room.
    func add(_ slot: GuildSlotCache, _ purpose: CacheQueue.Purpose, _ encode: (inout RedisPipeline) -> Void) -> Bool {
        guard self.queue.add(slot: slot.number, purpose: purpose, now: .now, encode) else {
            self.metrics.skipped.increment()
            return false
        }
        slot.callsUnderWay += 1
        self.flushSoon()
        return true
    }

    private func flushSoon() {
        guard !self.flushIsScheduled else { return }
        self.flushIsScheduled = true
        self.eventLoop.assumeIsolated().execute {
            self.flushIsScheduled = false
            self.flush()
        }
    }

    private func flush() {
        let writer = NIOLoopBound(self, eventLoop: self.eventLoop)
        for chunk in self.queue.takeReady(now: .now) {
            let number = chunk.number
            self.redis.send(chunk.pipeline, timeout: .seconds(10)) { results in
                writer.value.received(results, of: number)
            }
        }
        self.tellQueuedBytes()
        self.schedule()
    }

    private func tellQueuedBytes() {
        self.metrics.changeQueuedBytes(by: self.queue.bytes - self.toldBytes)
        self.toldBytes = self.queue.bytes
    }

    private func received(_ results: [RESPValue], of number: UInt64) {
        let now = Instant.now
        let hadRoom = self.queue.hasRoom
        if let error = results.first(where: { $0.error?.isWorthAnotherTry == true })?.error {
            self.complain("the cache can't be written", error)
            self.metrics.failures.increment()
            self.queue.failed(number, now: now)
        } else if let chunk = self.queue.answered(number, now: now) {
            self.metrics.seconds.record(now - chunk.openedAt)
            for call in chunk.calls {
                let slot = self.slots[call.slot] ?? self.ended[call.slot]?.slot
                slot?.callsUnderWay -= 1
                if call.result < results.count { self.settle(call, results[call.result], of: slot) }
            }
            self.forgetEnded()
        }
        self.tellQueuedBytes()
        self.wakeWaiters()
        if self.queue.hasUnsent { self.flushSoon() }
        self.schedule()
        if !hadRoom { self.tellRoom() }
    }

    private func settle(_ call: CacheQueue.Call, _ result: RESPValue, of slot: GuildSlotCache?) {
        if let error = result.error { self.complain("Redis refuses a cache write", error) }
        switch call.purpose {
        case .write(let guild, let sequence, let ticket, let wantsOld, let isGone):
            self.metrics.writes.increment()
            let outcome = result.array.flatMap(WriteOutcome.init)
            if outcome?.isRefused == true { self.metrics.refused.increment() }
            slot?.wrote(
                guild: guild, sequence: sequence, ticket: ticket, wantsOld: wantsOld, isGone: isGone, outcome: outcome)
        case .check(let guild, let fetchAfter):
            slot?.checked(guild: guild, wasMarked: result.integer == 1, fetchAfter: fetchAfter)
        case .note: break
        }
    }

    /// At most once in ten seconds.
    private func complain(_ message: Logger.Message, _ error: RedisError) {
        let now = Instant.now
        if let last = self.lastComplaint, now - last < .seconds(10) { return }
        self.lastComplaint = now
        self.logger.warning(message, metadata: ["redis.error": "\(error)"])
    }

    // MARK: Waiting

    func isSettled(_ ticket: UInt64) -> Bool { self.queue.isSettled(ticket) }
    func isAnswered(_ ticket: UInt64) -> Bool { self.queue.isAnswered(ticket) }

    func wait(_ slot: GuildSlotCache, wake: @escaping () -> Void) {
        guard self.waiters[slot.number] == nil else { return }
        self.waiters[slot.number] = wake
        self.schedule()
    }

    private func wakeWaiters() {
        guard !self.waiters.isEmpty else { return }
        let waiters = self.waiters
        self.waiters.removeAll(keepingCapacity: true)
        for wake in waiters.values { wake() }
    }

    private func schedule() {
        guard let deadline = self.queue.nextDeadline(hasWaiters: !self.waiters.isEmpty) else {
            self.timer?.task.cancel()
            self.timer = nil
            return
        }
        if let timer, timer.deadline <= deadline { return }
        self.timer?.task.cancel()
        let task = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(max(.zero, deadline - .now))) {
            self.timer = nil
            let hadRoom = self.queue.hasRoom
            self.queue.lookForRoom(now: .now)
            if !self.waiters.isEmpty, self.queue.waive(now: .now) {
                self.metrics.waived.increment()
                self.wakeWaiters()
            }
            self.flush()
            if !hadRoom { self.tellRoom() }
        }
        self.timer = (deadline, task)
    }

    // MARK: Room

    /// False: slots are to leave their sockets unread until they are told.
    var hasRoom: Bool { self.queue.hasRoom }

    /// What a slot takes in at once may use the room up again: those that were not told then come first the next time.
    private func tellRoom() {
        let numbers = self.slots.keys.sorted()
        let next = numbers.firstIndex { $0 > self.toldLast } ?? 0
        for number in numbers[next...] + numbers[..<next] {
            guard self.hasRoom else { return }
            self.toldLast = number
            self.slots[number]?.roomRegained?()
        }
    }

    // MARK: Looking after Redis

    private func startChecks() {
        let interval = TimeAmount(self.settings.checkInterval)
        let writer = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.checks = self.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in
            writer.value.check()
        }
    }

    private func check() {
        let made = self.redis.statistics.connectionsMade
        if made > max(1, self.connectionsMade) {
            // Another server, perhaps, or one that was started again: what was written may be lost.
            for slot in self.slots.values { slot.doubtWrites() }
        }
        self.connectionsMade = made
        var seen: Set<CacheKeys> = []
        for slot in self.slots.values where seen.insert(slot.keys).inserted { self.lookForMarker(slot) }
        for slot in self.slots.values { slot.settleDebts(isAway: self.isAway) }
        for entry in self.ended.values { entry.slot.settleDebts(isAway: self.isAway) }
        self.forgetEnded()
    }

    /// Redis has been flushed when the application's marker is gone.
    private func lookForMarker(_ slot: GuildSlotCache) {
        let keys = slot.keys
        var pipeline = RedisPipeline()
        let marker = RedisCommand(["SET", .string(keys.marker), .string(CacheMarker.text(slot.kinds))])
        let isFirst = self.marked.insert(keys).inserted
        // The first time it takes the place of one that tells of other kinds.
        pipeline.append(isFirst ? marker : RedisCommand(marker.arguments + ["NX"]))
        self.ask(pipeline) { writer, results in
            switch results.first {
            case .simpleString? where !isFirst:
                writer.logger.notice(
                    "the guild cache was flushed", metadata: ["discord.application": "\(keys.application)"])
                for slot in writer.slots.values where slot.keys == keys { slot.doubtWrites() }
            case .error? where isFirst: writer.marked.remove(keys)
            default: break
            }
        }
    }

    /// Sends beside the queue, for what has no order.
    func ask(_ pipeline: RedisPipeline, _ done: @escaping (CacheWriter, [RESPValue]) -> Void) {
        let bound = NIOLoopBound((writer: self, done: done), eventLoop: self.eventLoop)
        self.redis.send(pipeline, timeout: .seconds(10)) { results in
            bound.value.done(bound.value.writer, results)
        }
    }
}

/// What a write came to.
struct WriteOutcome {
    let isRefused: Bool
    /// Something was missed before it.
    let wasDoubted: Bool
    /// Kinds that may be out of date, with commas between.
    let unsure: String
    let old: ByteBuffer?

    init?(_ answer: [RESPValue]) {
        guard let code = answer.first?.integer else { return nil }
        self.isRefused = code == 0
        self.wasDoubted = code == 2
        self.unsure = answer.count > 1 ? answer[1].string ?? "" : ""
        self.old = answer.count > 2 ? answer[2].buffer : nil
    }
}

extension RedisError {
    /// Whether the same commands may be taken later.
    fileprivate var isWorthAnotherTry: Bool {
        guard self.delivery == .answered else { return true }
        return switch self.serverKind {
        case "LOADING", "OOM", "MISCONF", "BUSY", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MASTERDOWN":
            true
        default: self.code == .authenticationFailed
        }
    }
}
