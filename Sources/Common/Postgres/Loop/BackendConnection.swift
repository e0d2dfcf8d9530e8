import CPostgres
import DequeModule

/// One connection in pipeline mode, with what is under way on it. Only the loop's thread has it.
///
/// Each statement ends with a sync of its own, so it is a transaction of its own: the failure of one does not touch
/// those around it in the pipeline.
final class BackendConnection {
    typealias Instant = ContinuousClock.Instant

    enum Event {
        case connected
        /// Nothing of the statement is left on the connection.
        case ended(ActiveStatement)
        case checked
        /// Broken; everything under way has been answered.
        case lost(PostgresError)
    }

    /// What one sync ends. A class, since it is looked at many times and copying it would count all that it holds.
    private final class Exchange {
        enum Purpose {
            case statement(ActiveStatement, PreparedUse?)
            case deallocate(name: String)
            case check(deadline: Instant)
        }

        struct PreparedUse {
            let key: StatementCache.Key
            let name: String
            let columns: PostgresColumns?
            let wasPreparedBefore: Bool
        }

        let purpose: Purpose
        /// Answers still to come are those to Parse, not to the statement.
        var isPreparing: Bool
        var failure: PostgresError?
        var result: PostgresResult?
        var isCancelRequested = false
        /// Parse itself failed, so the server does not have the statement.
        var didPrepareFail = false

        init(purpose: Purpose, isPreparing: Bool) {
            self.purpose = purpose
            self.isPreparing = isPreparing
        }
    }

    private enum Phase { case resolving, connecting, open, broken }

    /// After a statement was given up, how long the server may take to end it before the connection is closed.
    private static let drainPatience: Duration = .seconds(5)
    private static let checkPatience: Duration = .seconds(5)
    /// Statements at once on one leased connection.
    private static let backlogLimit = 1024

    let id: ConnectionID
    var lease: PostgresLease?
    var isReleasing = false
    /// Ends not yet told to the pool, because a cancel request could still hit what is sent next.
    var heldBack = 0

    private var phase = Phase.resolving
    private var handle: LibpqHandle?
    private var wantsToWrite = false
    private var wantsToRead = false
    private var exchanges = Deque<Exchange>()
    /// Waits for a script to end, or begins with one.
    private var backlog = Deque<ActiveStatement>()
    private var script: Exchange?
    private var statements: StatementCache
    /// Evicted, but not yet gone from the server, since a failed transaction refuses DEALLOCATE.
    private var leftOver: [String] = []
    private let connectDeadline: Instant
    private var drainDeadline: Instant?
    /// No deadline is earlier; may be too early.
    private(set) var nextDeadline: Instant?
    private var cancelsRequested = 0
    private(set) var cancelsPending = 0
    private let requestCancel: (LibpqHandle) -> Bool

    /// - Parameter requestCancel: sends a cancel request elsewhere; `cancelDelivered` is called when that is done.
    init(
        id: ConnectionID,
        preparedStatements: Int,
        connectDeadline: Instant,
        requestCancel: @escaping (LibpqHandle) -> Bool
    ) {
        self.id = id
        self.statements = StatementCache(capacity: preparedStatements)
        self.connectDeadline = connectDeadline
        self.nextDeadline = connectDeadline
        self.requestCancel = requestCancel
    }

    var isOpen: Bool { self.phase == .open }
    /// Was open once.
    private(set) var wasOpened = false

    /// Nothing is under way.
    var isQuiet: Bool {
        self.exchanges.isEmpty && self.backlog.isEmpty && self.script == nil && self.cancelsPending == 0
    }

    var isOutsideTransaction: Bool { self.handle?.isIdle ?? false }

    /// What to wait for in poll(2); `nil` while there is no socket.
    var interest: pollfd? {
        guard let handle, self.phase != .broken, handle.socket >= 0 else { return nil }
        var events: Int32 = 0
        if self.wantsToRead || self.phase == .open { events |= POLLIN }
        if self.wantsToWrite { events |= POLLOUT }
        return pollfd(fd: handle.socket, events: Int16(events), revents: 0)
    }

    // Connecting.

    func connect(_ options: [String: String]) -> [Event] {
        do throws(PostgresError) {
            self.handle = try LibpqHandle(connecting: options.map { ($0.key, $0.value) })
        } catch {
            return self.lose(error)
        }
        self.phase = .connecting
        // libpq: behave as if PQconnectPoll had last returned PGRES_POLLING_WRITING.
        self.wantsToWrite = true
        return []
    }

    private func continueConnecting(_ handle: LibpqHandle) -> [Event] {
        self.wantsToRead = false
        self.wantsToWrite = false
        switch handle.continueConnecting() {
        case .wantsToRead:
            self.wantsToRead = true
            return []
        case .wantsToWrite:
            self.wantsToWrite = true
            return []
        case .connected:
            self.phase = .open
            self.wasOpened = true
            self.nextDeadline = nil
            return [.connected]
        case .failed(let error): return self.lose(error)
        }
    }

    // Sending.

    /// Whether `send` has something to do.
    var hasUnsent: Bool { !self.backlog.isEmpty }

    /// Takes the statement; the next `send` sends it.
    func submit(_ active: ActiveStatement, now: Instant) -> [Event] {
        guard self.phase == .open else {
            active.answer(.failure(PostgresError(.connectionLost, "the connection is broken")))
            return [.ended(active)]
        }
        guard self.exchanges.count + self.backlog.count < Self.backlogLimit else {
            active.answer(.failure(PostgresError(.poolExhausted, "too many statements at once on one connection")))
            return [.ended(active)]
        }
        let deadline = now + active.statement.timeout
        active.connection = self.id
        active.deadline = deadline
        self.hurry(deadline)
        self.backlog.append(active)
        return []
    }

    func send() -> [Event] { self.phase == .open ? self.sendBacklog() : [] }

    /// A round trip that shows that the server is there.
    func check(now: Instant) -> [Event] {
        guard let handle, self.phase == .open else { return [] }
        let deadline = now + Self.checkPatience
        self.hurry(deadline)
        self.exchanges.append(Exchange(purpose: .check(deadline: deadline), isPreparing: false))
        return handle.sendSync() ? self.flush() : self.lose()
    }

    /// Before the connection goes back: what a failed transaction left.
    func deallocateLeftOver() -> [Event] {
        guard let handle, !self.leftOver.isEmpty else { return [] }
        let names = self.leftOver
        self.leftOver = []
        for name in names where !self.deallocate(name, handle) { return self.lose() }
        return self.flush()
    }

    private func sendBacklog() -> [Event] {
        guard let handle else { return [] }
        // libpq writes to the socket with each sync; the packets of several are held back and leave as one.
        let isCorked = self.backlog.count > 1 && handle.cork(true)
        defer { if isCorked { _ = handle.cork(false) } }
        while self.script == nil, let active = self.backlog.first {
            if active.statement.form == .script {
                guard self.exchanges.isEmpty else { break }
                self.backlog.removeFirst()
                self.script = Exchange(purpose: .statement(active, nil), isPreparing: false)
                guard handle.sendScript(active.statement.text) else { return self.lose() }
            } else {
                self.backlog.removeFirst()
                guard self.send(active, handle) else { return self.lose() }
            }
        }
        return self.flush()
    }

    private func send(_ active: ActiveStatement, _ handle: LibpqHandle) -> Bool {
        let statement = active.statement
        guard statement.form == .prepared else {
            self.exchanges.append(Exchange(purpose: .statement(active, nil), isPreparing: false))
            return handle.sendUnprepared(statement.text, statement.parameters) && handle.sendSync()
        }
        let key = StatementCache.Key(text: statement.text, types: statement.parameters.types)
        switch self.statements.use(key) {
        case .prepared(let name, let columns):
            let use = Exchange.PreparedUse(key: key, name: name, columns: columns, wasPreparedBefore: true)
            self.exchanges.append(Exchange(purpose: .statement(active, use), isPreparing: false))
            return handle.sendExecute(name, statement.parameters) && handle.sendSync()
        case .prepare(let name, let evicted):
            if let evicted, !self.deallocate(evicted, handle) { return false }
            let use = Exchange.PreparedUse(key: key, name: name, columns: nil, wasPreparedBefore: false)
            self.exchanges.append(Exchange(purpose: .statement(active, use), isPreparing: true))
            return handle.sendPrepare(name, statement.text, key.types)
                && handle.sendExecute(name, statement.parameters) && handle.sendSync()
        }
    }

    private func deallocate(_ name: String, _ handle: LibpqHandle) -> Bool {
        self.exchanges.append(Exchange(purpose: .deallocate(name: name), isPreparing: false))
        return handle.sendUnprepared("deallocate \(name)", PostgresParameters()) && handle.sendSync()
    }

    private func flush() -> [Event] {
        guard let handle, self.phase == .open else { return [] }
        switch handle.flush() {
        case .done: self.wantsToWrite = false
        case .pending: self.wantsToWrite = true
        case .broken: return self.lose()
        }
        return []
    }

    // Receiving.

    func socketReady(_ revents: Int16) -> [Event] {
        guard let handle else { return [] }
        switch self.phase {
        case .resolving, .broken: return []
        case .connecting: return self.continueConnecting(handle)
        case .open: break
        }
        var events: [Event] = []
        if Int32(revents) & (POLLIN | POLLHUP | POLLERR) != 0 {
            let isWhole = handle.consumeInput()
            self.readAnswers(handle, into: &events)
            guard isWhole, !handle.isBroken, self.phase == .open else { return events + self.lose() }
        }
        return events + self.flush()
    }

    private func readAnswers(_ handle: LibpqHandle, into events: inout [Event]) {
        while self.phase == .open, self.script != nil || !self.exchanges.isEmpty, !handle.isBusy {
            if self.script != nil {
                self.readScriptAnswer(handle, into: &events)
            } else if !self.readAnswer(handle, into: &events) {
                return
            }
        }
    }

    /// - Returns: whether to go on; at the end of what libpq has, it says "no more" for ever.
    private func readAnswer(_ handle: LibpqHandle, into events: inout [Event]) -> Bool {
        let exchange = self.exchanges[0]
        var known: PostgresColumns?
        if case .statement(_, let use) = exchange.purpose { known = use?.columns }
        var answer = handle.nextAnswer(columns: known)
        if answer == nil {
            // The end of the answers to one command: Parse, or the statement.
            exchange.isPreparing = false
            if handle.isBusy { return true }
            answer = handle.nextAnswer(columns: known)
        }
        switch answer {
        case nil: return false
        case .result(let result): if !exchange.isPreparing { exchange.result = result }
        case .failed(let error):
            if exchange.failure == nil { exchange.failure = error }
            if exchange.isPreparing { exchange.didPrepareFail = true }
        case .skipped: break
        case .unsupported: events += self.lose(PostgresError(.server, "COPY is not supported"))
        case .sync:
            self.exchanges.removeFirst()
            self.end(exchange, handle, into: &events)
            self.cancelFirstIfAbandoned()
            if !self.backlog.isEmpty { events += self.sendBacklog() }
        }
        return true
    }

    private func readScriptAnswer(_ handle: LibpqHandle, into events: inout [Event]) {
        switch handle.nextAnswer(columns: nil) {
        case .result(let result): self.script?.result = result
        case .failed(let error): if self.script?.failure == nil { self.script?.failure = error }
        case .skipped, .sync: break
        case .unsupported: events += self.lose(PostgresError(.server, "COPY is not supported"))
        case nil:
            guard let exchange = self.script else { return }
            self.script = nil
            if !handle.isBroken, !handle.endScript() { events += self.lose() }
            self.end(exchange, handle, into: &events)
            if !self.backlog.isEmpty { events += self.sendBacklog() }
        }
    }

    private func end(_ exchange: Exchange, _ handle: LibpqHandle, into events: inout [Event]) {
        switch exchange.purpose {
        case .check: events.append(.checked)
        case .deallocate(let name): if exchange.failure != nil { self.leftOver.append(name) }
        case .statement(let active, let use):
            if let failure = exchange.failure {
                let isStale = self.forgetIfStale(use, failure, didPrepareFail: exchange.didPrepareFail)
                let isStrayCancel = failure.sqlState == "57014" && self.cancelsRequested > 0
                if isStale || isStrayCancel, !active.wasRetried, !active.isAnswered, self.mayRepeat(handle) {
                    active.wasRetried = true
                    self.backlog.append(active)
                    return
                }
                active.answer(.failure(failure))
            } else {
                let result = exchange.result ?? PostgresResult(storage: .empty, commandTag: "", affectedRows: 0)
                if let use, use.columns == nil { self.statements.learn(result.columns, of: use.key, name: use.name) }
                active.answer(.success(result))
            }
            self.updateDrainDeadline()
            events.append(.ended(active))
        }
    }

    /// A failed statement was its own transaction, so running it again is harmless; inside an open one it is not.
    private func mayRepeat(_ handle: LibpqHandle) -> Bool {
        self.lease == nil || (self.exchanges.isEmpty && self.script == nil && handle.isIdle)
    }

    /// - Returns: whether preparing it anew may help: 26000 (the server does not have it) or 0A000 (its columns
    ///   changed).
    private func forgetIfStale(
        _ use: Exchange.PreparedUse?,
        _ failure: PostgresError,
        didPrepareFail: Bool
    ) -> Bool {
        guard let use else { return false }
        guard use.wasPreparedBefore else {
            if didPrepareFail { self.statements.forget(use.key, name: use.name) }
            return false
        }
        guard failure.sqlState == "26000" || failure.sqlState == "0A000" else { return false }
        self.statements.forget(use.key, name: use.name)
        return true
    }

    // Giving up.

    /// Its caller has its answer already; now the server is told, as soon as the statement is the one that runs.
    func abandon(_ active: ActiveStatement, now: Instant) -> [Event] {
        if let index = self.backlog.firstIndex(where: { $0 === active }) {
            self.backlog.remove(at: index)
            return [.ended(active)]
        }
        let drainDeadline = self.drainDeadline ?? now + Self.drainPatience
        self.drainDeadline = drainDeadline
        self.hurry(drainDeadline)
        self.cancelFirstIfAbandoned()
        return []
    }

    func cancelDelivered() { self.cancelsPending = max(0, self.cancelsPending - 1) }

    private func cancelFirstIfAbandoned() {
        guard let handle, let first = self.script ?? self.exchanges.first, !first.isCancelRequested,
            case .statement(let active, _) = first.purpose, active.isAnswered
        else { return }
        first.isCancelRequested = true
        guard self.requestCancel(handle) else { return }
        self.cancelsRequested += 1
        self.cancelsPending += 1
    }

    private func updateDrainDeadline() {
        guard self.drainDeadline != nil else { return }
        let isDraining = self.underWay.contains { $0.isAnswered }
        if !isDraining { self.drainDeadline = nil }
    }

    private var underWay: [ActiveStatement] {
        (Array(self.exchanges) + [self.script].compactMap { $0 }).compactMap { exchange in
            guard case .statement(let active, _) = exchange.purpose else { return nil }
            return active
        }
    }

    private func hurry(_ deadline: Instant) {
        if self.nextDeadline.map({ deadline < $0 }) ?? true { self.nextDeadline = deadline }
    }

    /// To be called at `nextDeadline`.
    func timePassed(now: Instant) -> [Event] {
        guard let next = self.nextDeadline, next <= now else { return [] }
        self.nextDeadline = nil
        guard self.phase == .open else {
            guard self.connectDeadline <= now else {
                self.nextDeadline = self.connectDeadline
                return []
            }
            return self.lose(PostgresError(.connectFailed, "the server did not complete the connection in time"))
        }
        var events: [Event] = []
        for active in self.underWay + Array(self.backlog) where !active.isAnswered {
            guard let deadline = active.deadline else { continue }
            if deadline <= now {
                active.answer(.failure(PostgresError(.timedOut, "the statement ran past its deadline")))
                events += self.abandon(active, now: now)
            } else {
                self.hurry(deadline)
            }
        }
        for case .check(let deadline) in self.exchanges.map(\.purpose) {
            guard deadline > now else {
                return events + self.lose(PostgresError(.connectionLost, "the server gave no sign of life"))
            }
            self.hurry(deadline)
        }
        if let drainDeadline {
            guard drainDeadline > now else {
                let error = PostgresError(
                    .connectionLost, "a cancelled statement did not end, so the connection was closed")
                return events + self.lose(error)
            }
            self.hurry(drainDeadline)
        }
        return events
    }

    /// Closes; whatever is under way is answered with `error`, or with what the server said about it.
    func lose(_ error: PostgresError? = nil) -> [Event] {
        guard self.phase != .broken else { return [] }
        let broken = PostgresError(.connectionLost, self.handle?.errorMessage ?? "the connection broke")
        let said = (self.script ?? self.exchanges.first)?.failure
        let reason =
            error ?? said ?? (broken.message.isEmpty ? PostgresError(.connectionLost, "the connection broke") : broken)
        var events: [Event] = []
        for active in self.underWay + Array(self.backlog) {
            active.answer(.failure(reason))
            events.append(.ended(active))
        }
        self.phase = .broken
        self.exchanges.removeAll()
        self.backlog.removeAll()
        self.script = nil
        self.handle = nil
        self.nextDeadline = nil
        return events + [.lost(reason)]
    }
}
