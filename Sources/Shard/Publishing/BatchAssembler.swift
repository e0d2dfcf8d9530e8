import DequeModule
import NIOCore

/// Gathers a slot's events into batches: one at once while its route has room at the broker, larger ones while it has
/// none.
///
/// A lane has a bounded number of messages on the way (one by default): only so a message that the broker refuses can't
/// be overtaken by the next one. Commands have no order and are not held back.
struct BatchAssembler: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Limits: Sendable, Equatable {
        /// A batch is closed before it grows past this; a single larger event is a batch of its own.
        var batchBytes = 64 << 10
        var windowEvents = 2_048
        var windowBytes = 4 << 20
        var laneMessages = 1
        var firstRetry: Duration = .milliseconds(100)
        var longestRetry: Duration = .seconds(5)
    }

    /// A batch that is not settled: what the watermark needs to know of it.
    fileprivate struct Mark {
        let number: UInt64
        let session: Int
        let precedingSequence: Int64
        let isGap: Bool
        let openedAt: Instant
        var isSettled = false
    }

    fileprivate struct Route {
        var open: EventBatch?
        var closed: Deque<EventBatch> = []
        /// Of all its batches that are not settled, in their order.
        var marks: Deque<Mark> = []
        var inFlight = 0
        var refusals = 0
        var notBefore: Instant?
        var isListed = false

        var isEmpty: Bool { self.open == nil && self.closed.isEmpty }
    }

    private let limits: Limits
    /// Lanes by number, then the command route.
    private var routes: [Route]
    /// Routes that may have something to send, each once.
    private var listed: [Int] = []
    private var nextNumber: UInt64 = 0
    private var refusedRoutes = 0
    /// Written and not confirmed, on the way or not.
    private(set) var bufferedBytes = 0
    private(set) var bufferedEvents = 0
    private(set) var windowEvents = 0
    private(set) var windowBytes = 0

    init(lanes: Int, limits: Limits = Limits()) {
        self.limits = limits
        self.routes = Array(repeating: Route(), count: lanes + 1)
    }

    var isEmpty: Bool { self.bufferedEvents == 0 }
    /// Whether something may be ready to leave.
    var hasWaiting: Bool { !self.listed.isEmpty }
    /// Whether the broker has refused something that did not go again yet.
    var hasRefusals: Bool { self.refusedRoutes > 0 }

    // MARK: Writing

    /// Appends one event to its route's open batch.
    ///
    /// - Parameters:
    ///   - precedingSequence: received last before this event, whatever its route.
    ///   - bytes: what `write` writes at most.
    /// - Returns: whether a batch begins with the event.
    mutating func append(
        _ route: PublishRoute,
        session: EventBatch.SessionTrack,
        sequence: Int64,
        precedingSequence: Int64,
        ticket: CacheTicket? = nil,
        now: Instant = .now,
        bytes: Int,
        write: (inout ByteBuffer) -> Void
    ) -> Bool {
        let index = self.index(of: route)
        self.bufferedEvents += 1
        let grown = self.routes[index].open?.extend(
            session: session.index, sequence: sequence, ticket: ticket, bytes: bytes, limit: self.limits.batchBytes,
            write: write)
        if let grown, grown > 0 {
            self.bufferedBytes += grown
            return false
        }
        self.close(index)
        var body = ByteBufferAllocator().buffer(capacity: bytes)
        write(&body)
        self.bufferedBytes += body.readableBytes
        self.open(
            EventBatch(
                number: self.nextNumber, route: route, session: session, sequence: sequence,
                precedingSequence: precedingSequence, body: body, ticket: ticket),
            at: index, now: now)
        // Commands travel one by one.
        if route == .commands { self.close(index) }
        return true
    }

    /// Appends one line to each of these lanes, as a batch of its own, behind all that is there.
    mutating func appendGap(
        _ line: ByteBuffer, session: EventBatch.SessionTrack, sequence: Int64, now: Instant,
        where isConcerned: (_ lane: Int) -> Bool
    ) {
        for lane in 0..<(self.routes.count - 1) where isConcerned(lane) {
            self.close(lane)
            self.open(
                EventBatch(
                    number: self.nextNumber, route: .lane(lane), session: session, sequence: sequence,
                    precedingSequence: sequence, isGap: true, body: line),
                at: lane, now: now)
            self.close(lane)
            self.bufferedEvents += 1
            self.bufferedBytes += line.readableBytes
        }
    }

    private mutating func open(_ batch: EventBatch, at index: Int, now: Instant) {
        self.nextNumber += 1
        self.routes[index].marks.append(
            Mark(
                number: batch.number, session: batch.session.index, precedingSequence: batch.precedingSequence,
                isGap: batch.isGap, openedAt: now))
        self.routes[index].open = batch
        self.list(index)
    }

    private mutating func close(_ index: Int) {
        guard let batch = self.routes[index].open.take() else { return }
        self.routes[index].closed.append(batch)
    }

    // MARK: Sending

    /// The batches that may leave now, in the order they must.
    ///
    /// - Parameter gate: whether a batch may leave yet; one that may not holds back what is behind it on its route. It
    ///   may complete the batch's body.
    mutating func takeReady(now: Instant, gate: (inout EventBatch) -> Bool = { _ in true }) -> [EventBatch] {
        self.listRetries(now: now)
        guard !self.listed.isEmpty else { return [] }
        var ready: [EventBatch] = []
        let listed = self.listed
        self.listed.removeAll(keepingCapacity: true)
        for index in listed {
            self.routes[index].isListed = false
            while self.hasRoom(index, now: now), !self.routes[index].isEmpty {
                guard self.windowHasRoom else {
                    self.list(index)
                    break
                }
                if self.routes[index].closed.isEmpty { self.close(index) }
                guard let first = self.firstLeaving(index, gate) else {
                    self.list(index)
                    break
                }
                self.routes[index].inFlight += 1
                self.windowEvents += first.count
                self.windowBytes += first.bytes
                ready.append(first)
            }
        }
        return ready
    }

    private var windowHasRoom: Bool {
        self.windowEvents < self.limits.windowEvents && self.windowBytes < self.limits.windowBytes
    }

    /// Whether a route may have one more message on the way. What makes room lists the route again.
    private func hasRoom(_ index: Int, now: Instant) -> Bool {
        // After a refusal: not before its time, and one by one.
        if let notBefore = self.routes[index].notBefore {
            return notBefore <= now && self.routes[index].inFlight == 0
        }
        return index == self.routes.count - 1 || self.routes[index].inFlight < self.limits.laneMessages
    }

    /// The first closed batch of a route, if the gate lets it out.
    private mutating func firstLeaving(_ index: Int, _ gate: (inout EventBatch) -> Bool) -> EventBatch? {
        guard let before = self.routes[index].closed.first?.bytes, gate(&self.routes[index].closed[0]) else {
            return nil
        }
        let first = self.routes[index].closed.removeFirst()
        self.bufferedBytes += first.bytes - before
        return first
    }

    /// When the next route that was refused may try again; `nil`: none waits for that.
    func nextRetry() -> Instant? {
        guard self.refusedRoutes > 0 else { return nil }
        return self.routes.lazy.filter { $0.inFlight == 0 && !$0.isEmpty }.compactMap(\.notBefore).min()
    }

    private mutating func listRetries(now: Instant) {
        guard self.refusedRoutes > 0 else { return }
        for index in self.routes.indices {
            if let notBefore = self.routes[index].notBefore, notBefore <= now { self.list(index) }
        }
    }

    // MARK: Settlements

    /// The broker has taken it.
    mutating func confirmed(_ batch: EventBatch) {
        self.bufferedBytes -= batch.bytes
        self.bufferedEvents -= batch.count
        let index = self.landed(batch)
        if self.routes[index].notBefore != nil {
            self.routes[index].notBefore = nil
            self.refusedRoutes -= 1
        }
        self.routes[index].refusals = 0
        self.routes[index].settle(batch.number)
    }

    /// The broker has refused it, or had no queue for it: it goes again, after a while.
    mutating func refused(_ batch: EventBatch, now: Instant) {
        let index = self.landed(batch)
        if self.routes[index].notBefore == nil { self.refusedRoutes += 1 }
        self.routes[index].refusals += 1
        let doublings = min(self.routes[index].refusals - 1, 16)
        let wait = min(self.limits.firstRetry * (1 << doublings), self.limits.longestRetry)
        self.routes[index].notBefore = now + wait
        self.routes[index].putBack(batch)
    }

    /// The channel is gone and nobody knows whether it arrived: it goes again, in its order.
    mutating func lost(_ batch: EventBatch) {
        let index = self.landed(batch)
        self.routes[index].putBack(batch)
    }

    /// After which number of a session its earliest batch begins that is not settled; `nil`: all are.
    func lowestUnsettled(session: Int) -> Int64? {
        var lowest: Int64?
        for index in self.routes.indices {
            guard
                let place = self.routes[index].marks.firstIndex(where: {
                    $0.session == session && !$0.isSettled && !$0.isGap
                })
            else { continue }
            lowest = min(lowest ?? .max, self.routes[index].marks[place].precedingSequence)
        }
        return lowest
    }

    /// When the first event of the oldest batch came that is not settled; `nil`: all are.
    var unsettledSince: Instant? {
        self.routes.lazy.compactMap { $0.marks.first { !$0.isSettled }?.openedAt }.min()
    }

    private mutating func landed(_ batch: EventBatch) -> Int {
        let index = self.index(of: batch.route)
        self.routes[index].inFlight -= 1
        self.windowEvents -= batch.count
        self.windowBytes -= batch.bytes
        self.list(index)
        return index
    }

    private func index(of route: PublishRoute) -> Int {
        switch route {
        case .lane(let lane): min(max(lane, 0), self.routes.count - 2)
        case .commands: self.routes.count - 1
        }
    }

    private mutating func list(_ index: Int) {
        guard !self.routes[index].isListed else { return }
        self.routes[index].isListed = true
        self.listed.append(index)
    }
}

extension BatchAssembler.Route {
    /// Puts a batch back where its number belongs.
    fileprivate mutating func putBack(_ batch: EventBatch) {
        let position = self.closed.firstIndex { $0.number > batch.number } ?? self.closed.endIndex
        self.closed.insert(batch, at: position)
    }

    fileprivate mutating func settle(_ number: UInt64) {
        guard let index = self.marks.firstIndex(where: { $0.number == number }) else { return }
        self.marks[index].isSettled = true
        while self.marks.first?.isSettled == true { self.marks.removeFirst() }
    }
}

extension EventBatch {
    /// Writes one more event, where the batch may take it. Returns how many bytes came in; 0: it may not.
    fileprivate mutating func extend(
        session: Int,
        sequence: Int64,
        ticket: CacheTicket?,
        bytes: Int,
        limit: Int,
        write: (inout ByteBuffer) -> Void
    ) -> Int {
        let before = self.body.readableBytes
        guard before + bytes <= limit, self.session.index == session, !self.awaitsOld, ticket?.attachesOld != true
        else { return 0 }
        if self.body.writableBytes < bytes {
            // In few steps, of which the last one holds a whole batch.
            self.body.reserveCapacity(minimumWritableBytes: min(max(bytes, before * 3), limit - before))
        }
        write(&self.body)
        self.append(sequence: sequence, ticket: ticket)
        return self.body.readableBytes - before
    }
}
