import Discord
import Gateway
import Logging
import NIOCore
import Runtime
import Synchronization

/// One client's connection: feeds the state machine, does what it decides, and holds back what faults hold back.
///
/// The hub calls it under its own lock; it never calls the hub under its lock.
final class GatewayConnectionHandler: GatewayConnectionDelegate {
    private struct State: Sendable {
        var machine: ConnectionStateMachine
        /// The session that hears this client; the hub attaches and detaches it.
        var session: String?
        /// The last one that it had, for the ledger.
        var lastSession: String?
        var flow = OutgoingFlow()
        var timer: Scheduled<Void>?
        /// Faults that leave the socket unread.
        var pauses = 0
        /// Set when it is this side that ends the connection.
        var ending: String?
        var isClosed = false
    }

    let id: Int64
    let connection: GatewayConnection
    let terms: Hub.Terms
    private let hub: Hub
    private let logger: Logger
    private let state: Mutex<State>

    init(id: Int64, connection: GatewayConnection, hub: Hub, terms: Hub.Terms, logger: Logger) {
        self.id = id
        self.connection = connection
        self.hub = hub
        self.terms = terms
        self.logger = logger
        self.state = Mutex(State(machine: ConnectionStateMachine(settings: hub.settings, now: hub.clock.instant())))
    }

    /// Such as `127.0.0.1:50123`.
    var peer: String? {
        guard let address = self.connection.remoteAddress, let host = address.ipAddress else { return nil }
        return "\(host):\(address.port ?? 0)"
    }
    /// The session that hears this client.
    var session: String? { self.state.withLock { $0.session } }
    var isHeld: Bool { self.state.withLock { $0.flow.isHeld || $0.pauses > 0 } }

    /// Says Hello and begins to watch for heartbeats.
    func start() {
        let greeting = self.hub.opened(self)
        self.watchHeartbeats()
        switch greeting {
        case .hello:
            let interval = self.hub.settings.heartbeatInterval / .milliseconds(1)
            self.send(
                GatewayFrame.encode(
                    op: 10, ["heartbeat_interval": .integer(Int64(interval)), "_trace": ["[\"flotilla-sandbox\",{}]"]]),
                .control)
        case .nothing: break
        case .reconnect: self.askToReconnect(closingAfter: Fault.Action.reconnectGrace)
        }
    }

    /// Closes a connection that asked for what is not spoken here.
    func refuse(_ code: GatewayCloseCode, _ reason: String) {
        _ = self.hub.opened(self)
        self.close(code, reason)
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        let now = self.hub.clock.instant()
        switch self.state.withLock({ $0.machine.received(message, now: now) }) {
        case .none: break
        case .acknowledgeHeartbeat(let sequence):
            self.send(GatewayFrame.acknowledgement, .acknowledgement)
            self.hub.heartbeat(sequence, on: self)
        case .identify(let identify): self.answer(self.hub.identify(identify, on: self))
        case .resume(let resume): self.answer(self.hub.resume(resume, on: self))
        case .close(let code, let reason): self.close(code, reason)
        case .ignorePresence: self.hub.metrics.ignoredPresences.increment()
        case .updatePresence(let presence): self.hub.updatePresence(presence, on: self)
        case .updateVoiceState(let voice): self.hub.updateVoiceState(voice, on: self)
        case .requestMembers(let request): self.hub.sendMembers(request, on: self)
        case .requestSoundboardSounds(let guilds): self.hub.sendSoundboardSounds(of: guilds, on: self)
        case .requestChannelInfo(let guild): self.hub.sendChannelInfo(of: guild, on: self)
        }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        let (timer, ending, session) = self.state.withLock { state in
            state.isClosed = true
            state.machine.closed()
            defer { state.timer = nil }
            return (state.timer, state.ending, state.lastSession)
        }
        timer?.cancel()
        var endsSession: UInt16?
        var isAnswered = false
        let text: String
        switch reason {
        // A close frame that answers ours says nothing of what the client wants.
        case .peer(let code, _) where ending == nil:
            text = "client:\(code.map(String.init) ?? "none")"
            if let code, GatewayCloseCode(rawValue: code).endsSessionWhenSentByClient { endsSession = code }
        case .local(_, let answered):
            text = ending ?? "server"
            isAnswered = answered
        case .peer: text = ending ?? "server"
        case .dropped: text = ending ?? "lost"
        case .failed(let error): text = "failed:\(error.code)"
        }
        self.hub.closed(
            self, session: session, endsSession: endsSession, reason: text, isAnswered: isAnswered)
    }

    private func answer(_ outcome: Hub.Establishment) {
        switch outcome {
        case .established: break
        case .invalidSession: self.invalidate(isResumable: false)
        case .close(let code, let reason): self.close(code, reason)
        }
    }

    // MARK: What the hub tells

    /// This client hears the session from now on.
    func attach(_ session: String) {
        self.state.withLock { state in
            state.machine.established()
            state.session = session
            state.lastSession = session
        }
    }

    /// The session is over, or somebody else's: this client may identify or resume anew.
    func detach() {
        self.state.withLock { state in
            state.machine.sessionInvalidated()
            state.session = nil
        }
    }

    func deliver(_ dispatch: ByteBuffer) { self.send(dispatch, .dispatch) }

    /// Op 9.
    func invalidate(isResumable: Bool) { self.send(GatewayFrame.encode(op: 9, .bool(isResumable)), .control) }

    /// Op 7. A client that stays is closed.
    func askToReconnect(closingAfter grace: Duration) {
        self.send(GatewayFrame.encode(op: 7, .null), .control)
        self.after(grace) { $0.close(.unknownError, "Reconnect.") }
    }

    /// Op 1, as often as told.
    func askForHeartbeats(_ count: Int) {
        let frame = GatewayFrame.encode(op: 1, .null)
        for _ in 0..<count { self.send(frame, .control) }
    }

    func close(_ code: GatewayCloseCode, _ reason: String) {
        self.end("server:\(code.rawValue)")
        self.logger.debug("closing gateway connection", metadata: ["gateway.close_code": "\(code)"])
        self.connection.close(code: code.rawValue, reason: reason)
    }

    /// A close frame without a code.
    func closeWithoutCode() {
        self.end("server:none")
        self.connection.sendPrecompressed(GatewayFrame.emptyClose)
        self.connection.eventLoop.scheduleTask(in: .seconds(2)) { self.connection.drop() }
    }

    /// Cuts TCP without a close frame.
    func drop() {
        self.end("cut")
        self.connection.drop()
    }

    private func end(_ cause: String) {
        self.state.withLock { state in
            state.machine.closed()
            state.ending = state.ending ?? cause
        }
    }

    /// A gateway message that has no sequence number.
    func sendUnnumbered(_ message: ByteBuffer) { self.send(message, .control) }

    /// Bytes that are WebSocket frames already.
    func sendRaw(_ frames: ByteBuffer) { self.connection.sendPrecompressed(frames) }

    private func send(_ frame: ByteBuffer, _ kind: OutgoingFlow.Kind) {
        let verdict = self.state.withLock { state in
            let verdict = state.flow.offer(frame, kind)
            // Inside the lock, so that nothing that is released later comes before.
            if case .send = verdict { self.connection.send(frame) }
            return verdict
        }
        if case .overflow = verdict { self.drop() }
    }

    // MARK: Faults

    /// Holds sending back for a time.
    func hold(_ hold: OutgoingFlow.Hold, for duration: Duration) {
        let token = self.state.withLock { $0.flow.begin(hold) }
        self.after(duration) { handler in handler.release { $0.end(token) } }
    }

    /// Nothing is sent from here on.
    func silence() { self.state.withLock { $0.flow.silence() } }

    /// Leaves the socket unread for a time.
    func pauseReading(for duration: Duration) {
        self.state.withLock { $0.pauses += 1 }
        self.connection.setReading(false)
        self.after(duration) { $0.readAgain() }
    }

    /// Ends what holds this connection back.
    func liftHolds() {
        self.release { $0.endAll() }
        self.state.withLock { $0.pauses = min($0.pauses, 1) }
        self.readAgain()
    }

    private func readAgain() {
        let now = self.hub.clock.instant()
        let reads = self.state.withLock { state in
            guard state.pauses > 0 else { return false }
            state.pauses -= 1
            if state.pauses == 0 { state.machine.readAgain(now: now) }
            return state.pauses == 0
        }
        // Reading hands over what waited: not while the caller may hold a lock.
        if reads { self.connection.eventLoop.execute { self.connection.setReading(true) } }
    }

    private func release(_ frames: (inout OutgoingFlow) -> [ByteBuffer]) {
        self.state.withLock { state in
            for frame in frames(&state.flow) { self.connection.send(frame) }
        }
    }

    /// Timers of a connection that is gone by then do nothing, and keep nothing alive for long.
    private func after(_ delay: Duration, _ body: @escaping @Sendable (GatewayConnectionHandler) -> Void) {
        self.connection.eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
            if let self { body(self) }
        }
    }

    private func watchHeartbeats() {
        let now = self.hub.clock.instant()
        let wait = self.state.withLock { state in
            // A socket that is left unread tells of no heartbeat.
            state.pauses > 0
                ? self.hub.settings.heartbeatInterval : max(state.machine.heartbeatDeadline - now, .milliseconds(1))
        }
        let timer = self.connection.eventLoop.scheduleTask(in: TimeAmount(wait)) {
            let now = self.hub.clock.instant()
            let action = self.state.withLock { state in
                state.pauses > 0 ? .none : state.machine.heartbeatTimedOut(now: now)
            }
            if case .close(let code, let reason) = action {
                self.close(code, reason)
            } else {
                self.watchHeartbeats()
            }
        }
        let isLate = self.state.withLock { state in
            state.timer = timer
            return state.isClosed
        }
        if isLate { timer.cancel() }
    }
}
