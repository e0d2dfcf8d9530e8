import DequeModule
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
        /// All connections by number, and those that hear a session.
        var open: [Int64: GatewayConnectionHandler] = [:]
        var connections: [String: GatewayConnectionHandler] = [:]
        var lastConnection: Int64
        /// GUILD_CREATEs that come later, soonest first.
        var lateGuilds: Deque<LateGuild> = []
        /// Guilds that sessions wait for, each to be sent when the client reads.
        var waitingGuilds: [String: Deque<Snowflake>] = [:]
        /// What new connections meet.
        var door = Door()
        /// When a user last asked for all members of a guild.
        var memberRequests: [MemberRequestKey: ContinuousClock.Instant] = [:]
        /// Tells clients where to connect and to resume.
        var addresses = Addresses()
    }

    /// The gateway's URLs: whoever came over TLS is told those of the TLS listener.
    struct Addresses: Sendable {
        var plain = ""
        var secure: String?
        /// Where RESUMEs go, if not to the same.
        var resume: String?
        var secureResume: String?

        func url(isSecure: Bool) -> String { isSecure ? self.secure ?? self.plain : self.plain }

        func resumeURL(isSecure: Bool) -> String {
            (isSecure ? self.secureResume : self.resume) ?? self.url(isSecure: isSecure)
        }
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

    struct LateGuild: Sendable {
        let due: ContinuousClock.Instant
        let session: String
        let guild: Snowflake
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
        self.state = Mutex(
            State(
                world: world, gate: IdentifyGate(settings: settings), lastConnection: ledger?.lastNumberBefore ?? 0))
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

    /// Returns once the rows of all changes made before are on disk.
    func commit() async throws { try await self.store?.commit() }

    /// Sends the events that the world made, and hands over its rows.
    func flush(_ state: inout State) {
        for dispatch in state.world.takeDispatches() { self.fanOut(dispatch, &state) }
        let changes = state.world.takeChanges()
        if !changes.isEmpty { self.store?.enqueue(changes) }
    }

    private func fanOut(_ dispatch: Dispatch, _ state: inout State) {
        let isGuildItself = dispatch.name == .guildCreate || dispatch.name == .guildDelete
        // A guild in an outage gives no events but those of its coming and going.
        if let guild = dispatch.guildID, !isGuildItself, state.world.outages.contains(guild) { return }
        var hashes = DispatchHashes(isWanted: self.ledger != nil)
        // What costs little is asked first, and what holds for all of them once.
        let required = dispatch.name.requiredIntents(inGuild: dispatch.guildID != nil)
        for user in state.sessions.users {
            let hearers = state.sessions.hearers(of: user, guild: dispatch.guildID)
            guard hearers.contains(where: { $0.wants(required) || dispatch.subject == user }),
                state.world.reaches(dispatch.audience, user)
            else { continue }
            for hearer in hearers where hearer.wants(required) || dispatch.subject == user {
                let id = hearer.session
                if let guild = dispatch.guildID, state.sessions.isPending(guild, in: id) {
                    // What came before a guild's GUILD_CREATE is in it.
                    guard isGuildItself else { continue }
                    state.sessions.update(id) { $0.pendingGuilds.remove(guild) }
                }
                if dispatch.name == .guildCreate, let guild = dispatch.guildID {
                    self.sendGuildCreate(guild, to: hearer, &state)
                } else if hearer.isBot, !hearer.intents.contains(.messageContent),
                    !dispatch.contentReaders.contains(user), let stripped = dispatch.strippedData
                {
                    self.send(
                        dispatch.name, stripped, guild: dispatch.guildID, hash: hashes.stripped(stripped), to: id,
                        &state)
                } else {
                    self.send(
                        dispatch.name, dispatch.data, guild: dispatch.guildID, hash: hashes.whole(dispatch.data),
                        to: id, &state)
                }
            }
        }
    }

    /// Numbers an event in a session and sends it, if a client is there.
    ///
    /// - Parameters:
    ///   - guild: whose event it is, for the ledger.
    ///   - hash: of the body, where it is known.
    func send(
        _ name: EventName, _ data: ByteBuffer, guild: Snowflake? = nil, hash: UInt64? = nil, to id: String,
        _ state: inout State
    ) {
        guard let (entry, frame) = state.sessions.append(id, name, data) else { return }
        self.ledger?.record(
            .dispatch(
                session: id, sequence: entry.sequence, name: name, guild: guild, hash: hash ?? FNV1a.hash(data)))
        state.connections[id]?.deliver(frame)
        self.metrics.dispatches.increment()
    }

    /// Lets interactions and forsaken sessions expire, and late guilds come.
    func sweep() {
        let now = self.clock.instant()
        self.withState { state in
            state.world.expireInteractions()
            for id in state.sessions.detached(before: now - self.settings.sessionTTL) {
                self.endSession(id, .expired, &state)
            }
            while let late = state.lateGuilds.first, late.due <= now {
                state.lateGuilds.removeFirst()
                self.sendLateGuild(late, &state)
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

/// The hashes of one event's two bodies, each made once, and only for a ledger.
private struct DispatchHashes {
    let isWanted: Bool
    private var ofWhole: UInt64?
    private var ofStripped: UInt64?

    init(isWanted: Bool) { self.isWanted = isWanted }

    mutating func whole(_ data: ByteBuffer) -> UInt64 { self.hash(data, \.ofWhole) }
    mutating func stripped(_ data: ByteBuffer) -> UInt64 { self.hash(data, \.ofStripped) }

    private mutating func hash(_ data: ByteBuffer, _ known: WritableKeyPath<Self, UInt64?>) -> UInt64 {
        guard self.isWanted else { return 0 }
        if let hash = self[keyPath: known] { return hash }
        let hash = FNV1a.hash(data)
        self[keyPath: known] = hash
        return hash
    }
}
