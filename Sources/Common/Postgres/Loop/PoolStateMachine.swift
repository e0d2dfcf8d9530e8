import DequeModule

/// Decides which connection does what. It knows no socket, thread or clock.
struct PoolStateMachine {
    typealias Instant = ContinuousClock.Instant
    typealias Limits = PostgresConfiguration.PoolLimits

    enum Refusal: Equatable { case exhausted, waitedTooLong, closed }

    enum Action: Equatable {
        case connect(ConnectionID)
        /// Send the statement.
        case start(RequestID, on: ConnectionID)
        /// The connection belongs to the request until it is released.
        case lend(ConnectionID, to: RequestID)
        case refuse(RequestID, Refusal)
        /// Ask the server for a sign of life; the answer is a `finished`, its lack a `lost`.
        case check(ConnectionID)
        case close(ConnectionID)
        /// No connection is left, and none will come.
        case stop
    }

    struct Connection {
        enum State: Equatable { case connecting, shared, leased }

        let id: ConnectionID
        var state = State.connecting
        /// Statements and checks under way.
        var load = 0
        /// Takes no more statements, so that a lease gets it.
        var isReserved = false
        var expires: Instant
        var lastUse: Instant
        var lastAnswer: Instant
    }

    struct Waiter {
        let id: RequestID
        let deadline: Instant
        /// Of arrival, over both queues.
        let order: UInt64
    }

    private enum Phase: Equatable {
        case running
        case closing(deadline: Instant)
        case stopped
    }

    let limits: Limits
    private var phase = Phase.running
    private(set) var connections: [Connection] = []
    private var statements = Deque<Waiter>()
    private var leases = Deque<Waiter>()
    private var nextConnection: UInt64 = 1
    private var nextOrder: UInt64 = 0
    /// Failed attempts to connect in a row.
    private var failures = 0
    private var reconnectAfter: Instant?
    private var opened = 0
    private var failed = 0

    init(limits: Limits) { self.limits = limits }

    // What happened.

    mutating func started(now: Instant) -> [Action] { self.connectAsNeeded(now: now) }

    mutating func statementSubmitted(_ id: RequestID, now: Instant) -> [Action] {
        guard self.phase == .running else { return [.refuse(id, .closed)] }
        if self.statements.isEmpty, let index = self.connectionForStatement(now: now, evenReserved: false) {
            return [self.start(id, at: index, now: now)]
        }
        guard self.waiting < self.limits.waitLimit else { return [.refuse(id, .exhausted)] }
        self.statements.append(self.waiter(id, now: now))
        return self.serve(now: now)
    }

    mutating func leaseRequested(_ id: RequestID, now: Instant) -> [Action] {
        guard self.phase == .running else { return [.refuse(id, .closed)] }
        guard self.waiting < self.limits.waitLimit || self.idleConnection() != nil else {
            return [.refuse(id, .exhausted)]
        }
        self.leases.append(self.waiter(id, now: now))
        return self.serve(now: now)
    }

    /// A request gave up. `false` when it does not wait (any more).
    mutating func withdrawn(_ id: RequestID) -> Bool {
        let before = self.waiting
        self.statements.removeAll { $0.id == id }
        self.leases.removeAll { $0.id == id }
        self.reserve()
        return self.waiting < before
    }

    /// - Parameter fraction: a random number from 0 to 1, so that connections do not all end at once.
    mutating func connected(_ id: ConnectionID, now: Instant, fraction: Double) -> [Action] {
        guard let index = self.index(of: id), self.connections[index].state == .connecting else { return [] }
        self.failures = 0
        self.reconnectAfter = nil
        self.opened += 1
        self.connections[index].state = .shared
        self.connections[index].expires = now + self.limits.maximumLifetime * (0.9 + 0.2 * min(max(fraction, 0), 1))
        self.connections[index].lastUse = now
        self.connections[index].lastAnswer = now
        return self.serve(now: now)
    }

    mutating func connectFailed(_ id: ConnectionID, now: Instant, fraction: Double) -> [Action] {
        guard let index = self.index(of: id) else { return [] }
        self.connections.remove(at: index)
        self.failures += 1
        self.failed += 1
        let pause = self.limits.reconnectBackoff.delay(afterAttempt: self.failures, fraction: fraction)
        self.reconnectAfter = now + pause
        return self.serve(now: now)
    }

    /// An open connection broke, or is not fit to go on.
    mutating func lost(_ id: ConnectionID, now: Instant) -> [Action] {
        guard let index = self.index(of: id) else { return [] }
        self.connections.remove(at: index)
        return self.serve(now: now)
    }

    /// A statement or check on a shared connection has its answer.
    mutating func finished(on id: ConnectionID, isCheck: Bool = false, now: Instant) -> [Action] {
        guard let index = self.index(of: id), self.connections[index].state == .shared else { return [] }
        self.connections[index].load = max(0, self.connections[index].load - 1)
        self.connections[index].lastAnswer = now
        if !isCheck { self.connections[index].lastUse = now }
        return self.serve(now: now)
    }

    mutating func released(_ id: ConnectionID, now: Instant) -> [Action] {
        guard let index = self.index(of: id), self.connections[index].state == .leased else { return [] }
        self.connections[index].state = .shared
        self.connections[index].load = 0
        self.connections[index].lastUse = now
        self.connections[index].lastAnswer = now
        return self.serve(now: now)
    }

    mutating func closeRequested(deadline: Instant, now: Instant) -> [Action] {
        switch self.phase {
        case .running: self.phase = .closing(deadline: deadline)
        case .closing(let earlier): self.phase = .closing(deadline: min(earlier, deadline))
        case .stopped: return []
        }
        let refused = (self.statements + self.leases).map { Action.refuse($0.id, .closed) }
        self.statements.removeAll()
        self.leases.removeAll()
        return refused + self.timePassed(now: now)
    }

    /// To be called at `nextEvent` at the latest; calling it more often is harmless.
    mutating func timePassed(now: Instant) -> [Action] {
        var actions: [Action] = []
        if case .closing(let deadline) = self.phase, deadline <= now {
            actions += self.connections.map { .close($0.id) }
            self.connections.removeAll()
        }
        while let first = self.statements.first, first.deadline <= now {
            self.statements.removeFirst()
            actions.append(.refuse(first.id, .waitedTooLong))
        }
        while let first = self.leases.first, first.deadline <= now {
            self.leases.removeFirst()
            actions.append(.refuse(first.id, .waitedTooLong))
        }
        if let after = self.reconnectAfter, after <= now { self.reconnectAfter = nil }
        actions += self.serve(now: now)
        actions += self.closeUnused(now: now)
        actions += self.checkIdle(now: now)
        return actions
    }

    /// When `timePassed` has something to do.
    var nextEvent: Instant? {
        var next: Instant?
        func consider(_ instant: Instant?) {
            if let instant, next.map({ instant < $0 }) ?? true { next = instant }
        }
        if case .closing(let deadline) = self.phase { consider(deadline) }
        consider(self.statements.first?.deadline)
        consider(self.leases.first?.deadline)
        if self.wantsConnections() > 0 { consider(self.reconnectAfter) }
        for connection in self.connections where connection.state == .shared && connection.load == 0 {
            consider(connection.expires)
            consider(max(connection.lastAnswer, connection.lastUse) + self.limits.healthCheckInterval)
            if self.connections.count > self.limits.minimum { consider(connection.lastUse + self.limits.idleTime) }
        }
        return next
    }

    var statistics: PostgresStatistics {
        var statistics = PostgresStatistics()
        for connection in self.connections {
            switch connection.state {
            case .connecting: statistics.connecting += 1
            case .leased: statistics.leased += 1
            case .shared where connection.load > 0: statistics.busy += 1
            case .shared: statistics.idle += 1
            }
            statistics.statementsInFlight += connection.load
        }
        statistics.waiting = self.waiting
        statistics.connectionsOpened = self.opened
        statistics.connectFailures = self.failed
        return statistics
    }

    // What follows.

    private var waiting: Int { self.statements.count + self.leases.count }

    private func index(of id: ConnectionID) -> Int? { self.connections.firstIndex { $0.id == id } }

    private mutating func waiter(_ id: RequestID, now: Instant) -> Waiter {
        self.nextOrder += 1
        return Waiter(id: id, deadline: now + self.limits.waitTimeout, order: self.nextOrder)
    }

    private mutating func start(_ id: RequestID, at index: Int, now: Instant) -> Action {
        if self.connections[index].load == 0 { self.connections[index].lastAnswer = now }
        self.connections[index].load += 1
        self.connections[index].lastUse = now
        return .start(id, on: self.connections[index].id)
    }

    /// The first idle one (so that those behind it can age), else the shortest pipeline that moves. A statement behind
    /// another one waits for that one's end, so it waits for a connection of its own where the pool may still open one.
    private func connectionForStatement(now: Instant, evenReserved: Bool) -> Int? {
        var best: Int?
        let sharesPipelines =
            self.failures > 0 || self.phase != .running
            || self.connections.count >= self.limits.maximum && !self.connections.contains { $0.state == .connecting }
        for (index, connection) in self.connections.enumerated() where connection.state == .shared {
            if connection.load == 0 {
                if !connection.isReserved || evenReserved { return index }
                continue
            }
            guard sharesPipelines, !connection.isReserved, connection.load < self.limits.pipelineDepth,
                connection.lastAnswer + self.limits.pipelineStall > now
            else { continue }
            if best.map({ connection.load < self.connections[$0].load }) ?? true { best = index }
        }
        return best
    }

    private func idleConnection() -> Int? {
        self.connections.firstIndex { $0.state == .shared && $0.load == 0 }
    }

    private mutating func serve(now: Instant) -> [Action] {
        var actions: [Action] = []
        while true {
            let lease = self.leases.first
            let statement = self.statements.first
            let leaseIsOlder = (lease?.order ?? .max) < (statement?.order ?? .max)
            if let lease, leaseIsOlder || statement == nil, let index = self.idleConnection() {
                self.leases.removeFirst()
                actions.append(self.lend(at: index, to: lease.id))
            } else if let statement,
                let index = self.connectionForStatement(now: now, evenReserved: !leaseIsOlder)
            {
                self.statements.removeFirst()
                actions.append(self.start(statement.id, at: index, now: now))
            } else {
                break
            }
        }
        self.reserve()
        switch self.phase {
        case .running: actions += self.connectAsNeeded(now: now)
        case .closing: actions += self.closeIdle()
        case .stopped: break
        }
        return actions
    }

    private mutating func lend(at index: Int, to id: RequestID) -> Action {
        self.connections[index].state = .leased
        self.connections[index].isReserved = false
        return .lend(self.connections[index].id, to: id)
    }

    /// As many shared connections as leases wait for take no more statements, those with the least to do first.
    private mutating func reserve() {
        for index in self.connections.indices { self.connections[index].isReserved = false }
        guard !self.leases.isEmpty else { return }
        let shared = self.connections.indices.filter { self.connections[$0].state == .shared }
        let ordered = shared.sorted { self.connections[$0].load < self.connections[$1].load }
        for index in ordered.prefix(self.leases.count) { self.connections[index].isReserved = true }
    }

    private func wantsConnections() -> Int {
        guard self.phase == .running else { return 0 }
        let connecting = self.connections.count { $0.state == .connecting }
        let room = self.limits.maximum - self.connections.count
        let wanted = max(self.limits.minimum - self.connections.count, self.waiting - connecting)
        // One attempt at a time finds out whether the server is back.
        return max(0, min(wanted, room, self.failures > 0 ? 1 - connecting : .max))
    }

    private mutating func connectAsNeeded(now: Instant) -> [Action] {
        if let reconnectAfter, reconnectAfter > now { return [] }
        var actions: [Action] = []
        for _ in 0..<self.wantsConnections() {
            let id = ConnectionID(rawValue: self.nextConnection)
            self.nextConnection += 1
            self.connections.append(Connection(id: id, expires: now, lastUse: now, lastAnswer: now))
            actions.append(.connect(id))
        }
        return actions
    }

    private mutating func closeIdle() -> [Action] {
        let unused = self.connections.filter { $0.state == .connecting || ($0.state == .shared && $0.load == 0) }
        self.connections.removeAll { connection in unused.contains { $0.id == connection.id } }
        var actions = unused.map { Action.close($0.id) }
        if self.connections.isEmpty {
            self.phase = .stopped
            actions.append(.stop)
        }
        return actions
    }

    private mutating func closeUnused(now: Instant) -> [Action] {
        guard self.phase == .running else { return [] }
        var actions: [Action] = []
        for connection in self.connections.reversed() where connection.state == .shared && connection.load == 0 {
            let isSpare = self.connections.count > self.limits.minimum
            guard connection.expires <= now || (isSpare && connection.lastUse + self.limits.idleTime <= now) else {
                continue
            }
            self.connections.removeAll { $0.id == connection.id }
            actions.append(.close(connection.id))
        }
        return actions + self.connectAsNeeded(now: now)
    }

    private mutating func checkIdle(now: Instant) -> [Action] {
        guard self.phase == .running else { return [] }
        var actions: [Action] = []
        for index in self.connections.indices {
            let connection = self.connections[index]
            guard connection.state == .shared, connection.load == 0,
                max(connection.lastAnswer, connection.lastUse) + self.limits.healthCheckInterval <= now
            else { continue }
            self.connections[index].load = 1
            self.connections[index].lastAnswer = now
            actions.append(.check(connection.id))
        }
        return actions
    }
}
