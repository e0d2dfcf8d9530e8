import CPostgres
import Foundation
import Logging

/// The thread that owns every connection of one pool. It waits in poll(2) on their sockets and on an eventfd that the
/// mailbox writes to; nothing that it calls blocks.
final class PostgresLoop {
    private typealias Instant = ContinuousClock.Instant

    private let configuration: PostgresConfiguration
    private let mailbox: PostgresMailbox
    private let logger: Logger
    private let blocking = BlockingThreads(limit: 4)
    private let answers = AnswerBatch()
    private var machine: PoolStateMachine
    private var connections: [ConnectionID: BackendConnection] = [:]
    private var statements: [RequestID: ActiveStatement] = [:]
    private var leaseRequests: [RequestID: PostgresMailbox.LeaseRequest] = [:]
    private var leases: [PostgresLease: ConnectionID] = [:]
    /// Have statements that this turn gave them.
    private var unsent: [BackendConnection] = []
    private var closers: [CheckedContinuation<Void, Never>] = []
    private var lastConnectFailure: PostgresError?
    private var isStopped = false
    /// Read once in each turn.
    private var now = Instant.now
    /// When there is something to do although nothing happens; found once in each turn.
    private var nextDeadline: Instant?

    private init(configuration: PostgresConfiguration, mailbox: PostgresMailbox, logger: Logger) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.logger = logger
        self.machine = PoolStateMachine(limits: configuration.pool)
    }

    /// Starts a loop on a thread of its own, which ends with the command `close`.
    static func start(configuration: PostgresConfiguration, logger: Logger) throws(PostgresError) -> PostgresMailbox {
        let mailbox = try PostgresMailbox()
        let thread = Thread {
            // Foundation keeps a thread's name to itself; the system shows this one, of at most 15 bytes.
            flotilla_name_this_thread(configuration.threadName)
            PostgresLoop(configuration: configuration, mailbox: mailbox, logger: logger).run()
        }
        thread.start()
        return mailbox
    }

    private func run() {
        self.apply(self.machine.started(now: self.now))
        var commands: [PostgresMailbox.Command] = []
        var descriptors: [pollfd] = []
        var polled: [BackendConnection] = []
        while !self.isStopped {
            self.wait(&descriptors, &polled)
            self.now = .now
            // Sockets first: a connection that the server has closed gets no further statement.
            for (index, connection) in polled.enumerated() where descriptors[index + 1].revents != 0 {
                self.handle(connection.socketReady(descriptors[index + 1].revents), of: connection)
            }
            self.mailbox.take(into: &commands)
            for command in commands { self.perform(command) }
            if let nextDeadline = self.nextDeadline, nextDeadline <= self.now { self.passTime() }
            self.sendAll()
            self.answers.give()
        }
        self.mailbox.close()
        for closer in self.closers { closer.resume() }
    }

    private func wait(_ descriptors: inout [pollfd], _ polled: inout [BackendConnection]) {
        descriptors.removeAll(keepingCapacity: true)
        polled.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: self.mailbox.wakeUp.fileDescriptor, events: Int16(POLLIN), revents: 0))
        for connection in self.connections.values {
            guard let interest = connection.interest else { continue }
            descriptors.append(interest)
            polled.append(connection)
        }
        self.nextDeadline = self.earliestDeadline()
        let mayWait = self.mailbox.goToSleep()
        poll(&descriptors, nfds_t(descriptors.count), mayWait ? self.millisecondsToWait() : 0)
        if mayWait { self.mailbox.wokeUp() }
        if descriptors[0].revents != 0 { self.mailbox.wakeUp.reset() }
    }

    private func earliestDeadline() -> Instant? {
        var next = self.machine.nextEvent
        for connection in self.connections.values {
            if let deadline = connection.nextDeadline, next.map({ deadline < $0 }) ?? true { next = deadline }
        }
        return next
    }

    /// -1 is for ever.
    private func millisecondsToWait() -> Int32 {
        guard let nextDeadline else { return -1 }
        let (seconds, attoseconds) = (nextDeadline - .now).components
        if seconds >= 60 { return 60_000 }
        // Rounded up, so that the deadline has passed on waking.
        return Int32(max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }

    private func passTime() {
        for connection in Array(self.connections.values) where connection.nextDeadline.map({ $0 <= self.now }) ?? false
        {
            self.handle(connection.timePassed(now: self.now), of: connection)
        }
        if let next = self.machine.nextEvent, next <= self.now { self.apply(self.machine.timePassed(now: self.now)) }
    }

    private func perform(_ command: PostgresMailbox.Command) {
        switch command {
        case .run(let statement): self.submit(ActiveStatement(statement, answers: self.answers))
        case .lease(let request):
            self.leaseRequests[request.id] = request
            self.apply(self.machine.leaseRequested(request.id, now: self.now))
        case .cancel(let id): self.cancel(id)
        case .release(let lease, let discarding): self.release(lease, discarding: discarding)
        case .resolved(let id, let addresses): self.resolved(id, addresses)
        case .cancelDelivered(let id): self.cancelDelivered(id)
        case .statistics(let continuation): continuation.resume(returning: .success(self.machine.statistics))
        case .close(let deadline, let continuation):
            if let continuation { self.closers.append(continuation) }
            self.apply(self.machine.closeRequested(deadline: deadline, now: self.now))
        }
    }

    private func submit(_ active: ActiveStatement) {
        let id = active.statement.id
        guard let lease = active.statement.lease else {
            self.statements[id] = active
            return self.apply(self.machine.statementSubmitted(id, now: self.now))
        }
        guard let connection = self.leases[lease].flatMap({ self.connections[$0] }) else {
            return active.answer(.failure(PostgresError(.connectionLost, "the connection broke earlier in its scope")))
        }
        self.statements[id] = active
        self.give(active, to: connection)
    }

    /// It is sent at the end of the turn, together with what else the turn has for the connection.
    private func give(_ active: ActiveStatement, to connection: BackendConnection) {
        if !connection.hasUnsent { self.unsent.append(connection) }
        self.handle(connection.submit(active, now: self.now), of: connection)
    }

    private func sendAll() {
        // A connection that breaks may hand its waiting statements to others.
        while !self.unsent.isEmpty {
            let connections = self.unsent
            self.unsent.removeAll(keepingCapacity: true)
            for connection in connections { self.handle(connection.send(), of: connection) }
        }
    }

    private func cancel(_ id: RequestID) {
        let cancelled = PostgresError(.cancelled, "the task was cancelled")
        if let request = self.leaseRequests[id] {
            guard self.machine.withdrawn(id) else { return }
            self.leaseRequests[id] = nil
            request.continuation.resume(returning: .failure(cancelled))
        } else if let active = self.statements[id] {
            if let connection = active.connection.flatMap({ self.connections[$0] }) {
                guard !active.isAnswered else { return }
                active.answer(.failure(cancelled))
                self.handle(connection.abandon(active, now: self.now), of: connection)
            } else if self.machine.withdrawn(id) {
                self.statements[id] = nil
                active.answer(.failure(cancelled))
            }
        }
    }

    // What the state machine wants.

    private func apply(_ actions: [PoolStateMachine.Action]) {
        for action in actions {
            switch action {
            case .connect(let id): self.connect(id)
            case .start(let id, on: let connection): self.start(id, on: connection)
            case .lend(let connection, to: let id): self.lend(connection, to: id)
            case .refuse(let id, let refusal): self.refuse(id, refusal)
            case .check(let id):
                guard let connection = self.connections[id] else { continue }
                self.handle(connection.check(now: self.now), of: connection)
            case .close(let id): self.close(id)
            case .stop: self.isStopped = true
            }
        }
    }

    private func start(_ id: RequestID, on connectionID: ConnectionID) {
        guard let active = self.statements[id] else { return }
        guard let connection = self.connections[connectionID] else {
            // It broke in this very turn; nothing was sent.
            return self.apply(self.machine.statementSubmitted(id, now: self.now))
        }
        self.give(active, to: connection)
    }

    private func lend(_ connectionID: ConnectionID, to id: RequestID) {
        guard let request = self.leaseRequests[id] else { return }
        guard let connection = self.connections[connectionID] else {
            return self.apply(self.machine.leaseRequested(id, now: self.now))
        }
        let lease = PostgresLease(id: id)
        self.leaseRequests[id] = nil
        self.leases[lease] = connectionID
        connection.lease = lease
        request.continuation.resume(returning: .success(lease))
    }

    private func refuse(_ id: RequestID, _ refusal: PoolStateMachine.Refusal) {
        let error: PostgresError
        switch refusal {
        case .exhausted:
            error = PostgresError(
                .poolExhausted, "\(self.configuration.pool.waitLimit) requests wait for a connection already"
            )
        case .closed: error = PostgresError(.poolClosed, "the pool is closed")
        case .waitedTooLong:
            let waited = "no connection became free within \(self.configuration.pool.waitTimeout)"
            let why = self.lastConnectFailure == nil ? "" : ", because the server could not be connected to"
            error = PostgresError(.poolTimedOut, waited + why, underlying: self.lastConnectFailure)
        }
        self.statements.removeValue(forKey: id)?.answer(.failure(error))
        self.leaseRequests.removeValue(forKey: id)?.continuation.resume(returning: .failure(error))
    }

    private func close(_ id: ConnectionID) {
        guard let connection = self.connections.removeValue(forKey: id) else { return }
        for event in connection.lose(PostgresError(.poolClosed, "the pool closed the connection")) {
            if case .ended(let active) = event { self.statements[active.statement.id] = nil }
        }
        if let lease = connection.lease { self.leases[lease] = nil }
    }

    // Connecting.

    private func connect(_ id: ConnectionID) {
        let mailbox = self.mailbox
        let blocking = self.blocking
        let connection = BackendConnection(
            id: id,
            preparedStatements: self.configuration.pool.preparedStatements,
            connectDeadline: self.now + self.configuration.connectTimeout
        ) { handle in
            guard let ticket = handle.cancelTicket() else { return false }
            return blocking.run {
                ticket.deliver()
                mailbox.post(.cancelDelivered(id))
            }
        }
        self.connections[id] = connection
        guard let name = HostLookup.name(in: self.configuration.options) else {
            return self.begin(connection, self.configuration.options)
        }
        let isAccepted = self.blocking.run { mailbox.post(.resolved(id, HostLookup.addresses(of: name))) }
        if !isAccepted {
            let error = PostgresError(.connectFailed, "too many look-ups of \"\(name)\" wait already")
            self.handle(connection.lose(error), of: connection)
        }
    }

    private func resolved(_ id: ConnectionID, _ addresses: Result<[String], PostgresError>) {
        guard let connection = self.connections[id] else { return }
        switch addresses {
        case .success(let addresses):
            self.begin(connection, HostLookup.options(self.configuration.options, with: addresses))
        case .failure(let error): self.handle(connection.lose(error), of: connection)
        }
    }

    private func begin(_ connection: BackendConnection, _ options: [String: String]) {
        var options = options
        options["password"] = self.configuration.password?.value
        self.handle(connection.connect(options), of: connection)
    }

    // What connections tell.

    private func handle(_ events: [BackendConnection.Event], of connection: BackendConnection) {
        for event in events {
            switch event {
            case .connected:
                self.lastConnectFailure = nil
                self.apply(self.machine.connected(connection.id, now: self.now, fraction: .random(in: 0...1)))
            case .ended(let active):
                self.statements[active.statement.id] = nil
                self.ended(on: connection)
            case .checked: self.apply(self.machine.finished(on: connection.id, isCheck: true, now: self.now))
            case .lost(let error): self.lost(connection, error)
            }
        }
    }

    private func ended(on connection: BackendConnection) {
        guard connection.lease == nil else { return self.returnIfQuiet(connection) }
        guard connection.isOpen else { return }
        if connection.isQuiet, !connection.isOutsideTransaction {
            // A statement such as BEGIN on no connection in particular: no one could end it.
            let error = PostgresError(.connectionLost, "a statement left a transaction open on a shared connection")
            return self.handle(connection.lose(error), of: connection)
        }
        guard connection.cancelsPending == 0 else { return connection.heldBack += 1 }
        self.apply(self.machine.finished(on: connection.id, now: self.now))
    }

    private func cancelDelivered(_ id: ConnectionID) {
        guard let connection = self.connections[id] else { return }
        connection.cancelDelivered()
        guard connection.cancelsPending == 0 else { return }
        if connection.lease != nil { return self.returnIfQuiet(connection) }
        let heldBack = connection.heldBack
        connection.heldBack = 0
        for _ in 0..<heldBack { self.apply(self.machine.finished(on: id, now: self.now)) }
    }

    private func release(_ lease: PostgresLease, discarding: Bool) {
        guard let id = self.leases.removeValue(forKey: lease), let connection = self.connections[id] else { return }
        if discarding {
            return self.handle(connection.lose(PostgresError(.scopeEnded, "the connection was closed")), of: connection)
        }
        connection.isReleasing = true
        self.returnIfQuiet(connection)
    }

    private func returnIfQuiet(_ connection: BackendConnection) {
        guard connection.isReleasing, connection.isQuiet, connection.isOpen else { return }
        guard connection.isOutsideTransaction else {
            let error = PostgresError(.connectionLost, "a transaction was left open")
            return self.handle(connection.lose(error), of: connection)
        }
        connection.isReleasing = false
        connection.lease = nil
        self.handle(connection.deallocateLeftOver(), of: connection)
        self.apply(self.machine.released(connection.id, now: self.now))
    }

    private func lost(_ connection: BackendConnection, _ error: PostgresError) {
        guard self.connections.removeValue(forKey: connection.id) != nil else { return }
        if let lease = connection.lease { self.leases[lease] = nil }
        if connection.wasOpened {
            self.logger.info("Database connection ended", metadata: ["postgres.reason": "\(error.message)"])
            self.apply(self.machine.lost(connection.id, now: self.now))
        } else {
            self.lastConnectFailure = error
            self.logger.warning("Database connection failed", metadata: ["postgres.reason": "\(error.message)"])
            let fraction = Double.random(in: 0...1)
            self.apply(self.machine.connectFailed(connection.id, now: self.now, fraction: fraction))
        }
    }
}
