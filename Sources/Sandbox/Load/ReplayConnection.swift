import Discord
import Gateway
import NIOCore
import Runtime
import Synchronization

/// One client of a ``ReplayGateway``: is told Hello and READY, then gets events for as long as it reads.
final class ReplayConnection: GatewayConnectionDelegate {
    private struct State: Sendable {
        var session: ReplaySource.Session?
        var progress: ReplayProgress?
        /// Whether a turn is on its way on the event loop.
        var isScheduled = false
        var isOver = false
        /// When the next event of a paced replay is due.
        var due = NIODeadline.now()
    }

    private enum Turn {
        case wait
        case steps([ReplayProgress.Step], ReplaySource.Session)
        case later(NIODeadline)
    }

    /// Events sent one by one in a turn of the event loop.
    private static let turnLength = 64

    private let source: ReplaySource
    private let cycle: ReplayCycle
    private let url: @Sendable () -> String
    private let state = Mutex(State())

    init(source: ReplaySource, cycle: ReplayCycle, url: @escaping @Sendable () -> String) {
        self.source = source
        self.cycle = cycle
        self.url = url
    }

    func start(on connection: GatewayConnection) {
        let interval = Int64(self.source.options.heartbeatInterval / .milliseconds(1))
        connection.send(Self.frame(op: 10, ["heartbeat_interval": .integer(interval)]))
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        guard let payload = try? JSONValue(parsing: message), let code = payload["op"]?.integer else {
            connection.close(code: GatewayCloseCode.decodeError.rawValue, reason: "Error while decoding payload.")
            return
        }
        switch code {
        case 1:
            self.source.count { $0.heartbeats += 1 }
            self.sendControl(Self.frame(op: 11, .null), on: connection)
        case 2: self.identify(payload["d"] ?? .null, on: connection)
        case 6: self.resume(payload["d"] ?? .null, on: connection)
        default: break  // commands are heard and have no effect
        }
    }

    func writabilityChanged(on connection: GatewayConnection) {
        if connection.isWritable { self.schedule(on: connection) }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        let session = self.state.withLock { state in
            state.isOver = true
            return state.session
        }
        self.source.count { $0.openConnections -= 1 }
        if case .peer(let code?, _) = reason, GatewayCloseCode(rawValue: code).endsSessionWhenSentByClient, let session
        {
            self.source.end(session.id)
        }
    }

    // MARK: Sessions

    private func identify(_ data: JSONValue, on connection: GatewayConnection) {
        guard self.admits(data["token"]?.string, on: connection) else { return }
        let options = self.source.options
        let shard = data["shard"] ?? [0, 1]
        let session = self.source.newSession()
        self.state.withLock { state in
            state.session = session
            state.progress = ReplayProgress(events: options.events, isPaced: options.eventsPerSecond != nil)
            state.due = .now()
        }
        let bot = User(id: options.applicationID, username: "Replay", isBot: true)
        connection.send(
            Self.frame(
                op: 0, name: "READY", sequence: 1,
                [
                    "v": 10, "user": bot.ownJSON, "guilds": [], "session_id": .string(session.id),
                    "resume_gateway_url": .string(self.url()), "shard": shard,
                    "application": ["id": .id(options.applicationID), "flags": 0], "private_channels": [],
                ]))
        self.schedule(on: connection)
    }

    private func resume(_ data: JSONValue, on connection: GatewayConnection) {
        guard self.admits(data["token"]?.string, on: connection) else { return }
        let sequence = data["seq"]?.integer ?? -1
        switch self.source.resume(data["session_id"]?.string ?? "", after: sequence) {
        case .invalidSession: connection.send(Self.frame(op: 9, false))
        case .sequenceAhead:
            connection.close(code: GatewayCloseCode.invalidSequence.rawValue, reason: "Invalid sequence.")
        case .resumed(let session, let sent):
            let options = self.source.options
            self.state.withLock { state in
                state.session = session
                state.progress = ReplayProgress(
                    events: options.events, isPaced: options.eventsPerSecond != nil, resumingAfter: sequence, sent: sent
                )
                state.due = .now()
            }
            self.schedule(on: connection)
        }
    }

    private func admits(_ token: String?, on connection: GatewayConnection) -> Bool {
        guard self.state.withLock({ $0.session }) == nil else {
            connection.close(code: GatewayCloseCode.alreadyAuthenticated.rawValue, reason: "Already authenticated.")
            return false
        }
        guard let wanted = self.source.options.token?.reveal(), token != wanted, token != "Bot " + wanted else {
            return true
        }
        connection.close(code: GatewayCloseCode.authenticationFailed.rawValue, reason: "Authentication failed.")
        return false
    }

    // MARK: Events

    /// Has a turn run, unless one is on its way. It runs after what was sent up to now has been written.
    private func schedule(on connection: GatewayConnection) {
        let isFirst = self.state.withLock { state in
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { connection.eventLoop.execute { self.runTurn(on: connection) } }
    }

    private func runTurn(on connection: GatewayConnection) {
        switch self.nextTurn(isWritable: connection.isWritable) {
        case .wait: break
        case .later(let deadline):
            connection.eventLoop.scheduleTask(deadline: deadline) { self.runTurn(on: connection) }
        case .steps(let steps, let session):
            let nonce = NIODeadline.now().uptimeNanoseconds
            for step in steps { self.perform(step, session, nonce: nonce, on: connection) }
            connection.eventLoop.execute { self.runTurn(on: connection) }
        }
    }

    private func nextTurn(isWritable: Bool) -> Turn {
        self.state.withLock { state in
            guard isWritable, !state.isOver, let session = state.session, var progress = state.progress else {
                state.isScheduled = false
                return .wait
            }
            defer { state.progress = progress }
            let now = NIODeadline.now()
            var steps: [ReplayProgress.Step] = []
            for _ in 0..<Self.turnLength {
                if let rate = self.source.options.eventsPerSecond {
                    guard state.due <= now else { break }
                    // What a client could not take is not made up for in a burst of more than a tenth of a second.
                    state.due = max(
                        state.due + .nanoseconds(1_000_000_000 / Int64(max(rate, 1))), now - .milliseconds(100))
                }
                let step = progress.step()
                if step == .nothing { break }
                steps.append(step)
                if case .cycle = step { break }
            }
            if !steps.isEmpty { return .steps(steps, session) }
            if self.source.options.eventsPerSecond != nil, state.due > now { return .later(state.due) }
            state.isScheduled = false
            return .wait
        }
    }

    private func perform(
        _ step: ReplayProgress.Step, _ session: ReplaySource.Session, nonce: UInt64, on connection: GatewayConnection
    ) {
        switch step {
        case .nothing: break
        case .event(let sequence):
            connection.send(self.source.script.message(sequence, session: session.number, nonce: nonce))
            self.source.sent(1, through: sequence, session: session.id)
        case .resumed(let sequence):
            connection.send(Self.frame(op: 0, name: "RESUMED", sequence: sequence, ["_trace": []]))
            self.source.sent(0, through: sequence, session: session.id)
        case .cycle(let sequence, let count):
            connection.sendPrecompressed(
                self.cycle.events(count, from: sequence, session: session.number, nonce: nonce))
            self.source.sent(count, through: sequence + Int64(count) - 1, session: session.id)
        }
    }

    private func sendControl(_ message: ByteBuffer, on connection: GatewayConnection) {
        // Once cycles are sent, the connection's own encoder no longer knows the stream.
        if self.state.withLock({ $0.progress?.isFlooding ?? false }) {
            connection.sendPrecompressed(self.cycle.control(message))
        } else {
            connection.send(message)
        }
    }

    private static func frame(
        op: Int, name: String? = nil, sequence: Int64? = nil, _ data: JSONValue
    ) -> ByteBuffer {
        JSONValue.object([
            "t": .optional(name), "s": sequence.map { .integer($0) } ?? .null, "op": .integer(op), "d": data,
        ]).encoded
    }
}
