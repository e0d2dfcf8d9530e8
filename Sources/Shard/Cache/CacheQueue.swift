import DequeModule
import NIOCore
import Redis

/// Keeps the order of what goes to Redis, and says when it may go, what is settled, and whom nobody should wait for. It
/// knows no socket and no clock.
///
/// What Redis did not answer goes again, in its order: a write that was done before is refused by its version.
struct CacheQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Limits: Sendable, Equatable {
        /// Of what has no answer; past it writes are skipped.
        var bytes = 16 << 20
        /// A chunk is closed before it grows past this.
        var chunkBytes = 256 << 10
        /// How long an event waits for its write.
        var patience: Duration = .milliseconds(50)
        /// How long Redis may be without an answer while sockets are left unread for it.
        var stall: Duration = .seconds(1)
        /// How long one pile of writes may keep sockets unread, all pauses together: interactions have 3 s.
        var longestPause: Duration = .milliseconds(1_500)
        var firstRetry: Duration = .milliseconds(100)
        var longestRetry: Duration = .seconds(2)
    }

    /// Whose result is where.
    struct Call: Sendable {
        let slot: Int
        let purpose: Purpose
        /// Of the pipeline's results.
        let result: Int
    }

    enum Purpose: Sendable, Equatable {
        case write(guild: UInt64, sequence: Int64, ticket: UInt64, wantsOld: Bool, isGone: Bool)
        /// A guild's version was checked, and the guild goes on the list of those to fetch if it is behind.
        case check(guild: UInt64, fetchAfter: Duration)
        /// Nobody waits for the answer.
        case note
    }

    /// Commands that leave in one write.
    struct Chunk: Sendable {
        let number: UInt64
        var pipeline: RedisPipeline
        var calls: [Call] = []
        let openedAt: Instant
        /// 0: nobody waits for it.
        var lastTicket: UInt64 = 0
        /// Taken off the books: by an answer, or since it was given up.
        fileprivate var isDone = false
    }

    private enum Link: Equatable {
        case up
        /// The first chunk goes alone once its time has come.
        case down(retryAt: Instant, failures: Int)
        /// It is on its way.
        case probing(failures: Int)
    }

    private let limits: Limits
    private var link = Link.up
    private var open: Chunk?
    /// By number, as are those that are on their way.
    private var waiting: Deque<Chunk> = []
    private var sent: Deque<Chunk> = []
    private var nextNumber: UInt64 = 0
    private(set) var bytes = 0
    /// Of the last write that there was room for.
    private(set) var lastTicket: UInt64 = 0
    private var tickets: UInt64 = 0
    private var waivedTicket: UInt64 = 0
    /// Redis answers too late to wait for it.
    private(set) var isSlow = false
    private var backpressure: CacheBackpressure

    init(limits: Limits = Limits()) {
        self.limits = limits
        self.backpressure = CacheBackpressure(
            bytes: limits.bytes, stall: limits.stall, longestPause: limits.longestPause)
    }

    /// Redis is away, or too slow to wait for.
    var isAway: Bool { self.isSlow || self.link != .up }
    var isEmpty: Bool { self.open == nil && self.waiting.isEmpty && self.sent.isEmpty }
    var hasUnsent: Bool { self.open != nil || !self.waiting.isEmpty }
    /// False: what brings more writes is to wait, since a Redis that takes them has fallen behind.
    var hasRoom: Bool { !self.backpressure.isPausing }

    // MARK: In

    mutating func takeTicket() -> UInt64 {
        self.tickets += 1
        return self.tickets
    }

    /// Adds commands, of which the last one's result is of interest. False: there is no room; nothing was added.
    mutating func add(
        slot: Int, purpose: Purpose, now: Instant, _ encode: (inout RedisPipeline) -> Void
    ) -> Bool {
        guard self.bytes < self.limits.bytes else { return false }
        if self.bytes == 0 { self.backpressure.heard(now: now) }
        if let open, open.pipeline.byteCount >= self.limits.chunkBytes {
            self.waiting.append(open)
            self.open = nil
        }
        if self.open == nil {
            self.open = Chunk(
                number: self.nextNumber, pipeline: RedisPipeline(reservingBytes: 1_024), openedAt: now)
            self.nextNumber += 1
        }
        guard var chunk = self.open.take() else { return false }
        let before = chunk.pipeline.byteCount
        encode(&chunk.pipeline)
        chunk.calls.append(
            Call(slot: slot, purpose: purpose, result: chunk.pipeline.count - 1))
        if case .write(_, _, let ticket, _, _) = purpose {
            chunk.lastTicket = max(chunk.lastTicket, ticket)
            self.lastTicket = max(self.lastTicket, ticket)
        }
        self.bytes += chunk.pipeline.byteCount - before
        self.open = chunk
        if self.bytes >= self.backpressure.high, self.hasRoom { self.lookForRoom(now: now) }
        return true
    }

    // MARK: Out

    /// What may leave now, in order.
    mutating func takeReady(now: Instant) -> [Chunk] {
        switch self.link {
        case .up:
            if let open = self.open.take() { self.waiting.append(open) }
            let ready = Array(self.waiting)
            self.waiting.removeAll()
            for chunk in ready { Self.insert(chunk, into: &self.sent) }
            return ready
        case .down(let retryAt, let failures):
            guard retryAt <= now, self.sent.isEmpty else { return [] }
            if self.waiting.isEmpty, let open = self.open.take() { self.waiting.append(open) }
            guard let first = self.waiting.popFirst() else {
                // Nothing to try it with.
                self.link = .up
                return []
            }
            self.link = .probing(failures: failures)
            self.sent.append(first)
            return [first]
        case .probing: return []
        }
    }

    /// A chunk's results came. Returns the chunk; `nil` when it is not known any more.
    mutating func answered(_ number: UInt64, now: Instant) -> Chunk? {
        guard let index = self.sent.firstIndex(where: { $0.number == number }), !self.sent[index].isDone else {
            return nil
        }
        self.sent[index].isDone = true
        let chunk = self.sent[index]
        self.bytes -= chunk.pipeline.byteCount
        let wasAway = self.isAway
        self.link = .up
        while self.sent.first?.isDone == true { self.sent.removeFirst() }
        if now - chunk.openedAt < self.limits.patience || self.sent.isEmpty { self.isSlow = false }
        if wasAway, !self.isAway { self.cameBack(now: now) }
        self.backpressure.heard(now: now)
        self.lookForRoom(now: now)
        return chunk
    }

    /// Whoever had waited for long enough meanwhile has left, and says nothing of how fast Redis is now. What comes
    /// from now on gets a chunk of its own, since a chunk's time begins with its first write.
    private mutating func cameBack(now: Instant) {
        if let open = self.open.take() { self.waiting.append(open) }
        self.waivedTicket = max(self.waivedTicket, self.overdueTicket(now: now))
    }

    /// Redis did not do it, or nobody knows: it goes again.
    mutating func failed(_ number: UInt64, now: Instant) {
        guard let index = self.sent.firstIndex(where: { $0.number == number }), !self.sent[index].isDone else { return }
        let chunk = self.sent.remove(at: index)
        while self.sent.first?.isDone == true { self.sent.removeFirst() }
        Self.insert(chunk, into: &self.waiting)
        let failures: Int
        switch self.link {
        case .up: failures = 1
        case .probing(let before): failures = before + 1
        // One of those that were on their way together.
        case .down: return
        }
        let wait = min(self.limits.firstRetry * (1 << min(failures - 1, 10)), self.limits.longestRetry)
        self.link = .down(retryAt: now + wait, failures: failures)
        self.lookForRoom(now: now)
    }

    /// Mostly at the end.
    private static func insert(_ chunk: Chunk, into chunks: inout Deque<Chunk>) {
        let before = chunks.lastIndex { $0.number < chunk.number }
        chunks.insert(chunk, at: before.map { $0 + 1 } ?? chunks.startIndex)
    }

    // MARK: Room

    /// Time or an answer may have changed ``hasRoom``.
    mutating func lookForRoom(now: Instant) {
        self.backpressure.update(bytes: self.bytes, isUp: self.link == .up, now: now)
    }

    // MARK: Waiting

    /// Whether an event with this ticket may leave.
    func isSettled(_ ticket: UInt64) -> Bool {
        ticket <= self.waivedTicket || self.isAway || self.isAnswered(ticket)
    }

    /// Whether Redis has answered this write and all before it.
    func isAnswered(_ ticket: UInt64) -> Bool {
        self.firstChunk(after: 0).map { ticket < self.firstTicket(of: $0) } ?? true
    }

    /// The earliest chunk without an answer that holds a write with a ticket above this one.
    private func firstChunk(after ticket: UInt64) -> Chunk? {
        let sent = self.sent.first { !$0.isDone && $0.lastTicket > ticket }
        let waiting = self.waiting.first { $0.lastTicket > ticket }
        if let sent, let waiting { return sent.number < waiting.number ? sent : waiting }
        return sent ?? waiting ?? self.open.flatMap { $0.lastTicket > ticket ? $0 : nil }
    }

    private func firstTicket(of chunk: Chunk) -> UInt64 {
        for call in chunk.calls {
            if case .write(_, _, let ticket, _, _) = call.purpose { return ticket }
        }
        return .max
    }

    /// Lets go of those who have waited for long enough. Returns whether there were any.
    mutating func waive(now: Instant) -> Bool {
        let overdue = self.overdueTicket(now: now)
        guard overdue > self.waivedTicket else { return false }
        self.waivedTicket = overdue
        self.isSlow = true
        return true
    }

    /// The last ticket of those who have waited for long enough; 0: nobody has.
    private func overdueTicket(now: Instant) -> UInt64 {
        func isOverdue(_ chunk: Chunk) -> Bool { !chunk.isDone && now - chunk.openedAt >= self.limits.patience }
        let last = [
            self.sent.last { isOverdue($0) && $0.lastTicket > 0 },
            self.waiting.last { isOverdue($0) && $0.lastTicket > 0 },
            self.open.flatMap { isOverdue($0) ? $0 : nil },
        ]
        return last.reduce(0) { max($0, $1?.lastTicket ?? 0) }
    }

    /// When something is to be done that no answer brings about.
    ///
    /// - Parameter hasWaiters: whether an event waits.
    func nextDeadline(hasWaiters: Bool) -> Instant? {
        var deadlines: [Instant] = []
        // Those that nobody waits for any more have no deadline: it would be over, again and again.
        if hasWaiters, let first = self.firstChunk(after: self.waivedTicket) {
            deadlines.append(first.openedAt + self.limits.patience)
        }
        if case .down(let retryAt, _) = self.link, self.sent.isEmpty { deadlines.append(retryAt) }
        if let deadline = self.backpressure.deadline { deadlines.append(deadline) }
        return deadlines.min()
    }
}
