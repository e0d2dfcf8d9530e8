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
    private var waiting: Deque<Chunk> = []
    /// On their way, in order.
    private var sent: Deque<Chunk> = []
    private var nextNumber: UInt64 = 0
    private(set) var bytes = 0
    private(set) var lastTicket: UInt64 = 0
    private var waivedTicket: UInt64 = 0
    /// Redis answers too late to wait for it.
    private(set) var isSlow = false

    init(limits: Limits = Limits()) { self.limits = limits }

    /// Redis is away, or too slow to wait for.
    var isAway: Bool { self.isSlow || self.link != .up }
    var isEmpty: Bool { self.open == nil && self.waiting.isEmpty && self.sent.isEmpty }
    var hasUnsent: Bool { self.open != nil || !self.waiting.isEmpty }

    // MARK: In

    mutating func takeTicket() -> UInt64 {
        self.lastTicket += 1
        return self.lastTicket
    }

    /// Adds commands, of which the last one's result is of interest. False: there is no room; nothing was added.
    mutating func add(
        slot: Int, purpose: Purpose, now: Instant, _ encode: (inout RedisPipeline) -> Void
    ) -> Bool {
        guard self.bytes < self.limits.bytes else { return false }
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
        if case .write(_, _, let ticket, _, _) = purpose { chunk.lastTicket = max(chunk.lastTicket, ticket) }
        self.bytes += chunk.pipeline.byteCount - before
        self.open = chunk
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
            self.sent.append(contentsOf: ready)
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
        self.link = .up
        if now - chunk.openedAt < self.limits.patience || self.sent.count == 1 { self.isSlow = false }
        while self.sent.first?.isDone == true { self.sent.removeFirst() }
        return chunk
    }

    /// Redis did not do it, or nobody knows: it goes again.
    mutating func failed(_ number: UInt64, now: Instant) {
        guard let index = self.sent.firstIndex(where: { $0.number == number }), !self.sent[index].isDone else { return }
        let chunk = self.sent.remove(at: index)
        while self.sent.first?.isDone == true { self.sent.removeFirst() }
        let position = self.waiting.firstIndex { $0.number > chunk.number } ?? self.waiting.endIndex
        self.waiting.insert(chunk, at: position)
        let failures: Int
        switch self.link {
        case .up: failures = 1
        case .probing(let before): failures = before + 1
        // One of those that were on their way together.
        case .down: return
        }
        let wait = min(self.limits.firstRetry * (1 << min(failures - 1, 10)), self.limits.longestRetry)
        self.link = .down(retryAt: now + wait, failures: failures)
    }

    // MARK: Waiting

    /// Whether an event with this ticket may leave.
    func isSettled(_ ticket: UInt64) -> Bool {
        ticket <= self.waivedTicket || self.isAway || ticket < self.firstOpenTicket
    }

    /// Tickets below this one are answered.
    private var firstOpenTicket: UInt64 {
        for chunk in self.sent where !chunk.isDone && chunk.lastTicket > 0 { return self.firstTicket(of: chunk) }
        for chunk in self.waiting where chunk.lastTicket > 0 { return self.firstTicket(of: chunk) }
        if let open, open.lastTicket > 0 { return self.firstTicket(of: open) }
        return .max
    }

    private func firstTicket(of chunk: Chunk) -> UInt64 {
        for call in chunk.calls {
            if case .write(_, _, let ticket, _, _) = call.purpose { return ticket }
        }
        return .max
    }

    /// Lets go of those who have waited for long enough. Returns whether there were any.
    mutating func waive(now: Instant) -> Bool {
        let before = self.waivedTicket
        func isOverdue(_ chunk: Chunk) -> Bool {
            chunk.lastTicket > 0 && !chunk.isDone && now - chunk.openedAt >= self.limits.patience
        }
        for chunk in self.sent where isOverdue(chunk) { self.waivedTicket = max(self.waivedTicket, chunk.lastTicket) }
        for chunk in self.waiting where isOverdue(chunk) {
            self.waivedTicket = max(self.waivedTicket, chunk.lastTicket)
        }
        guard self.waivedTicket > before else { return false }
        self.isSlow = true
        return true
    }

    /// When something is to be done that no answer brings about.
    ///
    /// - Parameter hasWaiters: whether an event waits.
    func nextDeadline(hasWaiters: Bool) -> Instant? {
        var deadlines: [Instant] = []
        if hasWaiters {
            let first =
                self.sent.first { !$0.isDone && $0.lastTicket > 0 } ?? self.waiting.first { $0.lastTicket > 0 }
                ?? self.open
            if let first { deadlines.append(first.openedAt + self.limits.patience) }
        }
        if case .down(let retryAt, _) = self.link, self.sent.isEmpty { deadlines.append(retryAt) }
        return deadlines.min()
    }
}
