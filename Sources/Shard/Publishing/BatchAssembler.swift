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

    private struct RouteState {
        var open: EventBatch?
        var closed: Deque<EventBatch> = []
        var inFlight = 0
        var refusals = 0
        var notBefore: Instant?
        var isListed = false

        var isEmpty: Bool { self.open == nil && self.closed.isEmpty }
    }

    private let limits: Limits
    /// Lanes by number, then the command route.
    private var routes: [RouteState]
    private var listed: [Int] = []
    private var nextNumber: UInt64 = 0
    /// Written and not confirmed, on the way or not.
    private(set) var bufferedBytes = 0
    private(set) var bufferedEvents = 0
    private(set) var windowEvents = 0
    private(set) var windowBytes = 0

    init(lanes: Int, limits: Limits = Limits()) {
        self.limits = limits
        self.routes = Array(repeating: RouteState(), count: lanes + 1)
    }

    var isEmpty: Bool { self.bufferedEvents == 0 }
    /// Whether something waits that is not on its way.
    var hasWaiting: Bool { !self.listed.isEmpty }

    /// - Parameters:
    ///   - bytes: what `write` writes at most.
    mutating func append(
        _ route: PublishRoute,
        session: EventBatch.SessionTrack,
        sequence: Int64,
        ordinal: UInt64,
        bytes: Int,
        write: (inout ByteBuffer) -> Void
    ) {
        let index = self.index(of: route)
        if let open = self.routes[index].open,
            open.bytes + bytes > self.limits.batchBytes || open.session != session || route == .commands
        {
            self.close(index)
        }
        // Taken out while it is written to, so that its bytes are not copied.
        let before: Int
        if var batch = self.routes[index].open.take() {
            before = batch.bytes
            write(&batch.body)
            batch.append(sequence: sequence, ordinal: ordinal)
            self.bufferedBytes += batch.bytes - before
            self.routes[index].open = batch
        } else {
            var body = ByteBufferAllocator().buffer(capacity: bytes)
            write(&body)
            self.bufferedBytes += body.readableBytes
            self.routes[index].open = EventBatch(
                number: self.nextNumber, route: route, session: session, sequence: sequence, ordinal: ordinal,
                body: body)
            self.nextNumber += 1
        }
        self.bufferedEvents += 1
        self.list(index)
    }

    /// The batches that may leave now, in the order they must.
    ///
    /// - Parameter gate: whether a batch may leave yet; one that may not holds back what is behind it on its route.
    mutating func takeReady(now: Instant, gate: (EventBatch) -> Bool = { _ in true }) -> [EventBatch] {
        guard !self.listed.isEmpty else { return [] }
        var ready: [EventBatch] = []
        let listed = self.listed
        self.listed.removeAll(keepingCapacity: true)
        for index in listed {
            self.routes[index].isListed = false
            while self.mayLeave(index, now: now) {
                if self.routes[index].closed.isEmpty { self.close(index) }
                guard let first = self.routes[index].closed.first, gate(first) else { break }
                self.routes[index].closed.removeFirst()
                self.routes[index].inFlight += 1
                self.windowEvents += first.count
                self.windowBytes += first.bytes
                ready.append(first)
            }
            if !self.routes[index].isEmpty { self.list(index) }
        }
        return ready
    }

    /// When a route that was refused may try again, if one waits for that.
    func nextRetry(now: Instant) -> Instant? {
        self.listed.compactMap { self.routes[$0].notBefore }.filter { $0 > now }.min()
    }

    /// The broker has taken it.
    mutating func confirmed(_ batch: EventBatch) {
        self.landed(batch)
        self.bufferedBytes -= batch.bytes
        self.bufferedEvents -= batch.count
        let index = self.index(of: batch.route)
        self.routes[index].refusals = 0
        self.routes[index].notBefore = nil
    }

    /// The broker has refused it, or had no queue for it: it goes again, after a while.
    mutating func refused(_ batch: EventBatch, now: Instant) {
        self.landed(batch)
        let index = self.index(of: batch.route)
        self.routes[index].refusals += 1
        let doublings = min(self.routes[index].refusals - 1, 16)
        let wait = min(self.limits.firstRetry * (1 << doublings), self.limits.longestRetry)
        self.routes[index].notBefore = now + wait
        self.putBack(batch, index)
    }

    /// The channel is gone and nobody knows whether it arrived: it goes again, in its order.
    mutating func lost(_ batch: EventBatch) {
        self.landed(batch)
        self.putBack(batch, self.index(of: batch.route))
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

    private mutating func close(_ index: Int) {
        guard let batch = self.routes[index].open.take() else { return }
        self.routes[index].closed.append(batch)
    }

    private func mayLeave(_ index: Int, now: Instant) -> Bool {
        let route = self.routes[index]
        guard !route.isEmpty, self.windowEvents < self.limits.windowEvents, self.windowBytes < self.limits.windowBytes
        else {
            return false
        }
        // After a refusal: not before its time, and one by one.
        if let notBefore = route.notBefore { return notBefore <= now && route.inFlight == 0 }
        return index == self.routes.count - 1 || route.inFlight < self.limits.laneMessages
    }

    private mutating func landed(_ batch: EventBatch) {
        self.routes[self.index(of: batch.route)].inFlight -= 1
        self.windowEvents -= batch.count
        self.windowBytes -= batch.bytes
    }

    private mutating func putBack(_ batch: EventBatch, _ index: Int) {
        let position =
            self.routes[index].closed.firstIndex { $0.number > batch.number } ?? self.routes[index].closed.endIndex
        self.routes[index].closed.insert(batch, at: position)
        self.list(index)
    }
}
