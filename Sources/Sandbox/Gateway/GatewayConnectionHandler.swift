import Discord
import Gateway
import Logging
import NIOCore
import Synchronization

/// One client's connection: feeds the state machine and does what it decides.
final class GatewayConnectionHandler: GatewayConnectionDelegate {
    private struct State: Sendable {
        var machine: ConnectionStateMachine
        var session: String?
        var timer: Scheduled<Void>?
        var isClosed = false
    }

    private let hub: Hub
    private let terms: Hub.Terms
    private let logger: Logger
    private let state: Mutex<State>

    init(hub: Hub, terms: Hub.Terms, logger: Logger) {
        self.hub = hub
        self.terms = terms
        self.logger = logger
        self.state = Mutex(State(machine: ConnectionStateMachine(settings: hub.settings, now: hub.clock.instant())))
    }

    /// Says Hello and begins to watch for heartbeats.
    func start(on connection: GatewayConnection) {
        let interval = self.hub.settings.heartbeatInterval / .milliseconds(1)
        connection.send(
            Self.frame(
                op: 10, ["heartbeat_interval": .integer(Int64(interval)), "_trace": ["[\"flotilla-sandbox\",{}]"]]))
        self.watchHeartbeats(on: connection)
        self.hub.ledger?.record("connected", ["peer": .optional(connection.remoteAddress?.description)])
    }

    /// Closes a connection that asked for what is not spoken here.
    func refuse(_ code: GatewayCloseCode, _ reason: String, on connection: GatewayConnection) {
        self.close(code, reason, on: connection)
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        let now = self.hub.clock.instant()
        let (action, session) = self.state.withLock { ($0.machine.received(message, now: now), $0.session) }
        switch action {
        case .none: break
        case .acknowledgeHeartbeat(let sequence):
            connection.send(Self.frame(op: 11, .null))
            if let session { self.hub.heartbeat(of: session, sequence: sequence) }
        case .identify(let identify):
            self.settle(self.hub.identify(identify, on: connection, terms: self.terms), on: connection)
        case .resume(let resume):
            self.settle(self.hub.resume(resume, on: connection), on: connection)
        case .close(let code, let reason): self.close(code, reason, on: connection)
        case .updatePresence, .updateVoiceState, .requestMembers, .requestSoundboardSounds, .requestChannelInfo:
            if let session { self.hub.perform(action, session: session) }
        }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        let (session, timer) = self.state.withLock { state in
            state.isClosed = true
            state.machine.closed()
            defer { state.timer = nil }
            return (state.session, state.timer)
        }
        timer?.cancel()
        var ends = false
        if case .peer(let code?, _) = reason { ends = GatewayCloseCode(rawValue: code).endsSessionWhenSentByClient }
        if let session { self.hub.connectionClosed(connection, session: session, endsSession: ends) }
        self.hub.ledger?.record("disconnected", ["session": .optional(session), "reason": .string("\(reason)")])
    }

    private func settle(_ outcome: Hub.Establishment, on connection: GatewayConnection) {
        switch outcome {
        case .established(let session):
            self.state.withLock { state in
                state.machine.established()
                state.session = session
            }
        case .invalidSession: connection.send(Self.frame(op: 9, false))
        case .close(let code, let reason): self.close(code, reason, on: connection)
        }
    }

    private func close(_ code: GatewayCloseCode, _ reason: String, on connection: GatewayConnection) {
        self.state.withLock { $0.machine.closed() }
        self.logger.debug("closing gateway connection", metadata: ["gateway.close_code": "\(code)"])
        connection.close(code: code.rawValue, reason: reason)
    }

    private func watchHeartbeats(on connection: GatewayConnection) {
        let now = self.hub.clock.instant()
        let wait = self.state.withLock { max($0.machine.heartbeatDeadline - now, .milliseconds(1)) }
        let timer = connection.eventLoop.scheduleTask(in: TimeAmount(wait)) {
            let now = self.hub.clock.instant()
            let action = self.state.withLock { $0.machine.heartbeatTimedOut(now: now) }
            if case .close(let code, let reason) = action {
                connection.close(code: code.rawValue, reason: reason)
            } else {
                self.watchHeartbeats(on: connection)
            }
        }
        let isLate = self.state.withLock { state in
            state.timer = timer
            return state.isClosed
        }
        if isLate { timer.cancel() }
    }

    /// Frames that are no dispatch have neither number nor name.
    private static func frame(op: Int, _ data: JSONValue) -> ByteBuffer {
        JSONValue.object(["t": .null, "s": .null, "op": .integer(op), "d": data]).encoded
    }
}
