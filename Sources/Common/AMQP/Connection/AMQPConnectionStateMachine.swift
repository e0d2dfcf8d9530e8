/// Decides what a method on channel 0 means: handshake, blocking, closing. It knows no socket, timer or clock.
struct AMQPConnectionStateMachine {
    /// What both sides agreed on.
    struct Tuning: Equatable, Sendable {
        var channelMax: UInt16
        /// Bytes of one frame with its header and end.
        var frameMax: Int
        /// Seconds; 0: no heartbeats.
        var heartbeat: UInt16
    }

    enum Action: Equatable {
        case none
        case send(ClientMethod)
        /// The limits count from here on; send tune-ok and open.
        case tuned(Tuning)
        case opened
        case blocked(reason: String)
        case unblocked
        /// Answer close-ok, then cut the connection.
        case closedByBroker(AMQPError)
        /// The broker answered our close: cut the connection.
        case closed
    }

    private enum State {
        case awaitingStart, awaitingTune, awaitingOpenOk, open, closing, closed
    }

    private let configuration: AMQPConfiguration
    private var state = State.awaitingStart

    init(configuration: AMQPConfiguration) { self.configuration = configuration }

    var isOpen: Bool { self.state == .open }
    /// Nothing but the answer to our close counts any more.
    var isClosing: Bool { self.state == .closing || self.state == .closed }

    mutating func received(_ method: BrokerMethod) throws(AMQPError) -> Action {
        switch (self.state, method) {
        case (.closed, _): return .none
        case (_, .connectionClose(let replyCode, let replyText)):
            let wasClosing = self.state == .closing
            defer { self.state = .closed }
            return wasClosing ? .closed : .closedByBroker(self.error(replyCode: replyCode, replyText: replyText))
        case (.closing, .connectionCloseOk):
            self.state = .closed
            return .closed
        case (.closing, _): return .none
        case (.awaitingStart, .connectionStart(let major, let minor, let mechanisms)):
            return .send(try self.start(major: major, minor: minor, mechanisms: mechanisms))
        case (.awaitingTune, .connectionTune(let channelMax, let frameMax, let heartbeat)):
            let tuning = try self.tuning(channelMax: channelMax, frameMax: frameMax, heartbeat: heartbeat)
            self.state = .awaitingOpenOk
            return .tuned(tuning)
        case (.awaitingOpenOk, .connectionOpenOk):
            self.state = .open
            return .opened
        case (.open, .connectionBlocked(let reason)): return .blocked(reason: reason)
        case (.open, .connectionUnblocked): return .unblocked
        case (.awaitingStart, _), (.awaitingTune, _), (.awaitingOpenOk, _), (.open, _):
            throw .protocolViolation("a method out of turn on channel 0", replyCode: 503)
        }
    }

    /// - Returns: whether to send connection.close and wait for its answer.
    mutating func startClosing() -> Bool {
        guard self.state == .open else { return false }
        self.state = .closing
        return true
    }

    /// The socket was closed without a word. nil: we were closing.
    mutating func socketClosed() -> AMQPError? {
        defer { self.state = .closed }
        switch self.state {
        case .closing, .closed: return nil
        case .awaitingTune:
            // A broker without `authentication_failure_close` says no by hanging up.
            return AMQPError(.accessRefused, "the broker hung up on the login of user \(self.configuration.user)")
        case .awaitingOpenOk:
            return AMQPError(
                .accessRefused, "the broker hung up on opening virtual host \(self.configuration.virtualHost)")
        case .awaitingStart: return AMQPError(.connectFailed, "the broker hung up before the handshake")
        case .open: return AMQPError(.connectionClosed, "the connection was cut")
        }
    }

    private mutating func start(major: UInt8, minor: UInt8, mechanisms: String) throws(AMQPError) -> ClientMethod {
        guard major == 0, minor == 9 else {
            throw .protocolViolation("the broker speaks AMQP \(major).\(minor), not 0-9-1")
        }
        guard mechanisms.split(separator: " ").contains("PLAIN") else {
            throw AMQPError(
                .accessRefused, "the broker does not offer PLAIN authentication, only \(mechanisms.prefix(100))")
        }
        self.state = .awaitingTune
        return .connectionStartOk(
            clientProperties: [
                "product": "Flotilla",
                "platform": "Swift",
                "connection_name": .string(self.configuration.connectionName),
                "capabilities": .table([
                    "authentication_failure_close": true,
                    "basic.nack": true,
                    "connection.blocked": true,
                    "consumer_cancel_notify": true,
                    "exchange_exchange_bindings": true,
                    "publisher_confirms": true,
                ]),
            ],
            mechanism: "PLAIN",
            response: "\0\(self.configuration.user)\0\(self.configuration.password.value)",
            locale: "en_US"
        )
    }

    private func tuning(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16) throws(AMQPError) -> Tuning {
        // Zero means: no limit of mine.
        guard frameMax == 0 || frameMax >= AMQPFrame.minimumMaximum else {
            throw .protocolViolation("the broker wants frames of at most \(frameMax) bytes, the least is 4096")
        }
        let ours = max(AMQPFrame.minimumMaximum, self.configuration.frameMax)
        let seconds = self.configuration.heartbeat.heartbeatSeconds
        return Tuning(
            channelMax: channelMax == 0
                ? self.configuration.channelMax : min(channelMax, self.configuration.channelMax),
            frameMax: frameMax == 0 ? ours : min(Int(frameMax), ours),
            heartbeat: seconds == 0 || heartbeat == 0 ? seconds : min(heartbeat, seconds)
        )
    }

    private func error(replyCode: UInt16, replyText: String) -> AMQPError {
        switch (self.state, replyCode) {
        case (.awaitingTune, _), (.awaitingStart, _):
            AMQPError(.accessRefused, "access refused for user \(self.configuration.user)", replyCode: replyCode)
        case (.awaitingOpenOk, _):
            AMQPError(
                .accessRefused,
                "user \(self.configuration.user) was refused \(self.configuration.virtualHost): \(replyText)",
                replyCode: replyCode)
        case (.open, _), (.closing, _), (.closed, _):
            AMQPError(.connectionClosed, "closed by the broker: \(replyText)", replyCode: replyCode)
        }
    }
}

extension Duration {
    /// Whole seconds, rounded up, as AMQP counts heartbeats.
    fileprivate var heartbeatSeconds: UInt16 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = self.components
        return UInt16(clamping: attoseconds > 0 && seconds < .max ? seconds + 1 : seconds)
    }
}
