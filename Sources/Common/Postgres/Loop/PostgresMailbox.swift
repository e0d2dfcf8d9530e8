import CPostgres
import Synchronization

/// The way from any thread to the loop's thread.
final class PostgresMailbox: Sendable {
    typealias Answer = Result<PostgresResult, PostgresError>

    /// A class, since it is handed on often.
    final class Statement: Sendable {
        enum Form: Sendable { case prepared, unprepared, script }

        let id: RequestID
        let text: String
        let parameters: PostgresParameters
        let form: Form
        let lease: PostgresLease?
        let timeout: Duration
        let continuation: CheckedContinuation<Answer, Never>

        init(
            id: RequestID, text: String, parameters: PostgresParameters, form: Form, lease: PostgresLease?,
            timeout: Duration, continuation: CheckedContinuation<Answer, Never>
        ) {
            self.id = id
            self.text = text
            self.parameters = parameters
            self.form = form
            self.lease = lease
            self.timeout = timeout
            self.continuation = continuation
        }
    }

    struct LeaseRequest: Sendable {
        let id: RequestID
        let continuation: CheckedContinuation<Result<PostgresLease, PostgresError>, Never>
    }

    enum Command: Sendable {
        case run(Statement)
        case lease(LeaseRequest)
        /// The task of a request was cancelled; unknown requests are passed over.
        case cancel(RequestID)
        case release(PostgresLease, discarding: Bool)
        case resolved(ConnectionID, Result<[String], PostgresError>)
        /// The cancel request for a connection's statement was delivered, or was given up.
        case cancelDelivered(ConnectionID)
        case statistics(CheckedContinuation<Result<PostgresStatistics, PostgresError>, Never>)
        case close(deadline: ContinuousClock.Instant, whenClosed: CheckedContinuation<Void, Never>?)
    }

    private struct State {
        var commands: [Command] = []
        var loopIsAsleep = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let lastID = Atomic<UInt64>(0)
    let wakeUp: WakeUpDescriptor

    init() throws(PostgresError) { self.wakeUp = try WakeUpDescriptor() }

    func post(_ command: Command) {
        enum Next { case nothing, wake, refuse }
        let next = self.state.withLock { state -> Next in
            if state.isClosed { return .refuse }
            state.commands.append(command)
            guard state.loopIsAsleep else { return .nothing }
            state.loopIsAsleep = false
            return .wake
        }
        switch next {
        case .nothing: break
        case .wake: self.wakeUp.signal()
        case .refuse: Self.refuse(command)
        }
    }

    /// For the loop: what has come; `buffer` is given back for reuse.
    func take(into buffer: inout [Command]) {
        buffer.removeAll(keepingCapacity: true)
        self.state.withLock { swap(&$0.commands, &buffer) }
    }

    /// For the loop, before it waits: `false` when something has come meanwhile.
    func goToSleep() -> Bool {
        self.state.withLock { state in
            guard state.commands.isEmpty else { return false }
            state.loopIsAsleep = true
            return true
        }
    }

    func wokeUp() { self.state.withLock { $0.loopIsAsleep = false } }

    /// For the loop, at its end: whatever came too late is refused, now and from now on.
    func close() {
        let late = self.state.withLock { state in
            state.isClosed = true
            defer { state.commands.removeAll() }
            return state.commands
        }
        for command in late { Self.refuse(command) }
    }

    private static func refuse(_ command: Command) {
        let closed = PostgresError(.poolClosed, "the pool is closed")
        switch command {
        case .run(let statement): statement.continuation.resume(returning: .failure(closed))
        case .lease(let request): request.continuation.resume(returning: .failure(closed))
        case .statistics(let continuation): continuation.resume(returning: .failure(closed))
        case .close(_, let continuation): continuation?.resume()
        case .cancel, .release, .resolved, .cancelDelivered: break
        }
    }

    private func nextID() -> RequestID {
        RequestID(rawValue: self.lastID.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}

// For the tasks that ask.
extension PostgresMailbox {
    func run(
        _ sql: SQL,
        on lease: PostgresLease?,
        timeout: Duration,
        prepared: Bool = true,
        cancellable: Bool = true
    ) async throws(PostgresError) -> PostgresResult {
        if let problem = sql.parameters.problem { throw PostgresError(.invalidParameter, problem) }
        guard sql.parameters.count <= Int(UInt16.max) else {
            throw PostgresError(.invalidParameter, "\(sql.parameters.count) parameters: a statement has at most 65535")
        }
        return try await self.submit(
            sql.text, sql.parameters, prepared ? .prepared : .unprepared, lease, timeout, cancellable
        )
    }

    func runScript(_ script: String, on lease: PostgresLease, timeout: Duration) async throws(PostgresError) {
        guard !script.utf8.contains(0) else {
            throw PostgresError(.invalidParameter, "a script holds no NUL characters")
        }
        _ = try await self.submit(script, PostgresParameters(), .script, lease, timeout, true)
    }

    private func submit(
        _ text: String,
        _ parameters: PostgresParameters,
        _ form: Statement.Form,
        _ lease: PostgresLease?,
        _ timeout: Duration,
        _ cancellable: Bool
    ) async throws(PostgresError) -> PostgresResult {
        let id = self.nextID()
        let answer = await self.withCancel(of: id, cancellable) { continuation in
            self.post(
                .run(
                    Statement(
                        id: id, text: text, parameters: parameters, form: form, lease: lease, timeout: timeout,
                        continuation: continuation
                    )
                )
            )
        }
        return try answer.get()
    }

    func lease() async throws(PostgresError) -> PostgresLease {
        let id = self.nextID()
        let answer: Result<PostgresLease, PostgresError> = await self.withCancel(of: id, true) { continuation in
            self.post(.lease(LeaseRequest(id: id, continuation: continuation)))
        }
        return try answer.get()
    }

    func statistics() async throws(PostgresError) -> PostgresStatistics {
        try await withCheckedContinuation { self.post(.statistics($0)) }.get()
    }

    private func withCancel<Value: Sendable>(
        of id: RequestID,
        _ cancellable: Bool,
        _ submit: (CheckedContinuation<Result<Value, PostgresError>, Never>) -> Void
    ) async -> Result<Value, PostgresError> {
        guard cancellable else { return await withCheckedContinuation { submit($0) } }
        if Task.isCancelled { return .failure(PostgresError(.cancelled, "the task was cancelled")) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                submit(continuation)
                // The handler may have run before the request was there to be cancelled.
                if Task.isCancelled { self.post(.cancel(id)) }
            }
        } onCancel: {
            self.post(.cancel(id))
        }
    }
}
