import Discord
import Gateway
import Logging
import NIOCore
import Runtime
import Synchronization

/// The world, the sessions and the connections behind one lock, so that every session hears events in one order.
///
/// Everything under the lock is quick and never waits: sending hands bytes to a connection's event loop.
final class Hub: Sendable {
    struct State: Sendable {
        var world: World
        var sessions = SessionTable()
        var gate: IdentifyGate
        /// The connection of each session that has one.
        var connections: [String: GatewayConnection] = [:]
        /// When a user last asked for all members of a guild.
        var memberRequests: [MemberRequestKey: ContinuousClock.Instant] = [:]
        /// Tells clients where to resume.
        var addresses = Addresses()
    }

    /// The gateway's URLs: whoever came over TLS is told the one of the TLS listener.
    struct Addresses: Sendable {
        var plain = ""
        var secure: String?

        func url(isSecure: Bool) -> String { isSecure ? self.secure ?? self.plain : self.plain }
    }

    /// What a client's connection is like.
    struct Terms: Sendable {
        var version: Int
        var isSecure: Bool
    }

    struct MemberRequestKey: Hashable, Sendable {
        let guild: Snowflake
        let user: Snowflake
    }

    /// The time: monotonic for deadlines, wall clock for ids.
    struct Clock: Sendable {
        var instant: @Sendable () -> ContinuousClock.Instant = { .now }
        var wall: @Sendable () -> Timestamp = { WallClock.now }
    }

    let settings: SandboxGatewaySettings
    let clock: Clock
    let ledger: Ledger?
    let metrics = SandboxMetrics()
    private let store: SQLiteStore?
    private let state: Mutex<State>

    init(world: World, settings: SandboxGatewaySettings, store: SQLiteStore?, ledger: Ledger?, clock: Clock = Clock()) {
        self.settings = settings
        self.clock = clock
        self.store = store
        self.ledger = ledger
        self.state = Mutex(State(world: world, gate: IdentifyGate(settings: settings)))
        self.metrics.observe(self)
    }

    /// Changes the world; its events go out before this returns, and its rows are on disk.
    func change<Result: Sendable, Failure: Error>(
        _ body: (inout World) throws(Failure) -> Result
    ) async throws -> Result {
        let result = try self.state.withLock { (state) throws(Failure) -> Result in
            state.world.now = self.clock.wall()
            // What was changed before an error is told too: the world keeps it.
            defer { self.flush(&state) }
            return try body(&state.world)
        }
        try await self.store?.commit()
        return result
    }

    /// Reads the world.
    func read<Result: Sendable, Failure: Error>(_ body: (World) throws(Failure) -> Result) throws(Failure) -> Result {
        try self.state.withLock { (state) throws(Failure) -> Result in
            state.world.now = self.clock.wall()
            return try body(state.world)
        }
    }

    /// Works on everything at once. Events that the world made are sent before the lock opens.
    func withState<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        self.state.withLock { state in
            state.world.now = self.clock.wall()
            defer { self.flush(&state) }
            return body(&state)
        }
    }

    private func flush(_ state: inout State) {
        for dispatch in state.world.takeDispatches() { self.fanOut(dispatch, &state) }
        let changes = state.world.takeChanges()
        if !changes.isEmpty { self.store?.enqueue(changes) }
    }

    private func fanOut(_ dispatch: Dispatch, _ state: inout State) {
        for user in state.sessions.users where state.world.reaches(dispatch.audience, user) {
            for id in state.sessions.sessions(of: user, hearing: dispatch.guildID) {
                guard let session = state.sessions[id] else { continue }
                guard session.wants(dispatch.name, inGuild: dispatch.guildID != nil) || dispatch.subject == user else {
                    continue
                }
                var data = dispatch.data
                if let stripped = dispatch.strippedData, session.isBot, !session.intents.contains(.messageContent),
                    !dispatch.contentReaders.contains(user)
                {
                    data = stripped
                }
                self.send(dispatch.name, data, to: id, &state)
            }
        }
    }

    /// Numbers an event in a session and sends it, if a client is there.
    func send(_ name: EventName, _ data: ByteBuffer, to id: String, _ state: inout State) {
        guard let frame = state.sessions.append(id, name, data) else { return }
        state.connections[id]?.send(frame)
        self.metrics.dispatches.increment()
        if let ledger, let session = state.sessions[id] {
            ledger.record(
                "dispatch", ["session": .string(id), "s": .integer(session.lastSequence), "t": .string(name.rawValue)])
        }
    }

    /// Ends a session; its client, if there is one, is closed with that code.
    func endSession(_ id: String, code: GatewayCloseCode?, _ state: inout State) {
        state.sessions.remove(id)
        let connection = state.connections.removeValue(forKey: id)
        if let code { connection?.close(code: code.rawValue, reason: code.description) }
    }

    /// Ends all of a user's sessions, as when its token is taken away.
    func endSessions(of user: Snowflake, code: GatewayCloseCode) {
        self.withState { state in
            for id in state.sessions.sessions(of: user) { self.endSession(id, code: code, &state) }
        }
    }

    /// Lets interactions and forsaken sessions expire.
    func sweep() {
        let now = self.clock.instant()
        self.withState { state in
            state.world.expireInteractions()
            for id in state.sessions.detached(before: now - self.settings.sessionTTL) {
                state.sessions.remove(id)
                self.ledger?.record("session_expired", ["session": .string(id)])
            }
            state.memberRequests = state.memberRequests.filter { now - $0.value < .seconds(30) }
        }
    }

    func setAddresses(_ addresses: Addresses) { self.withState { $0.addresses = addresses } }
    func setBaseURL(_ url: String) { self.withState { $0.world.settings.baseURL = url } }
    func gatewayURL(isSecure: Bool) -> String { self.withState { $0.addresses.url(isSecure: isSecure) } }

    func startLimit(of application: Snowflake) -> IdentifyGate.StartLimit {
        let now = self.clock.instant()
        return self.withState { $0.gate.startLimit(of: application, now: now) }
    }
}
