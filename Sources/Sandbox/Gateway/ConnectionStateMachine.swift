import DequeModule
import Discord
import NIOCore

/// Decides what one gateway connection does with what its client sends. It knows no socket, task or clock.
struct ConnectionStateMachine: Sendable {
    private enum State: Sendable {
        case unidentified
        case live
        case closed
    }

    struct Identify: Sendable, Equatable {
        var token: String
        var intents: UInt64?
        /// `nil` when none was asked for; `.invalid` when it is no `[id, count]` with `0 ≤ id < count`.
        var shard: Shard
        var largeThreshold: Int
        var presence: PresenceForm?

        enum Shard: Sendable, Equatable {
            case none
            case invalid
            case valid(ShardID)
        }
    }

    struct Resume: Sendable, Equatable {
        var token: String
        var sessionID: String
        var sequence: Int64
    }

    struct MembersRequest: Sendable, Equatable {
        var guildID: Snowflake
        var query: String?
        var limit: Int
        var userIDs: [Snowflake]?
        var wantsPresences: Bool
        var nonce: String?
    }

    enum Action: Sendable, Equatable {
        case none
        case acknowledgeHeartbeat(sequence: Int64?)
        case identify(Identify)
        case resume(Resume)
        case updatePresence(PresenceForm)
        /// More presence updates than may be in 20 s: without effect, as at Discord.
        case ignorePresence
        case updateVoiceState(VoiceForm)
        case requestMembers(MembersRequest)
        case requestSoundboardSounds([Snowflake])
        case requestChannelInfo(Snowflake)
        case close(GatewayCloseCode, String)
    }

    private let settings: SandboxGatewaySettings
    private var state = State.unidentified
    private var arrivals: Deque<ContinuousClock.Instant> = []
    private var presences: Deque<ContinuousClock.Instant> = []
    private var lastHeartbeat: ContinuousClock.Instant

    init(settings: SandboxGatewaySettings, now: ContinuousClock.Instant) {
        self.settings = settings
        self.lastHeartbeat = now
    }

    var isIdentified: Bool { if case .live = self.state { true } else { false } }

    /// When the connection is given up unless a heartbeat comes before.
    var heartbeatDeadline: ContinuousClock.Instant { self.lastHeartbeat + self.settings.heartbeatInterval * 2 }

    /// Identify or Resume was taken.
    mutating func established() {
        if case .unidentified = self.state { self.state = .live }
    }

    /// The session was taken away: the client may identify anew on the same connection.
    mutating func sessionInvalidated() {
        if case .live = self.state { self.state = .unidentified }
    }

    mutating func closed() { self.state = .closed }

    /// Nothing was read for a while, which is not the client's fault.
    mutating func readAgain(now: ContinuousClock.Instant) { self.lastHeartbeat = max(self.lastHeartbeat, now) }

    mutating func heartbeatTimedOut(now: ContinuousClock.Instant) -> Action {
        switch self.state {
        case .closed: return .none
        case .unidentified, .live:
            guard now >= self.heartbeatDeadline else { return .none }
            return self.close(.unknownError, "Heartbeat timed out.")
        }
    }

    mutating func received(_ message: ByteBuffer, now: ContinuousClock.Instant) -> Action {
        if case .closed = self.state { return .none }
        while let first = self.arrivals.first, now - first >= .seconds(60) { self.arrivals.removeFirst() }
        guard self.arrivals.count < self.settings.payloadsPerMinute else {
            return self.close(.rateLimited, "You are being rate limited.")
        }
        self.arrivals.append(now)
        guard message.readableBytes <= self.settings.maxPayloadBytes else {
            return self.close(.decodeError, "Payload too large.")
        }
        let payload: JSONValue
        do throws(JSONError) {
            payload = try JSONValue(parsing: message)
        } catch {
            return self.close(.decodeError, "Error while decoding payload.")
        }
        guard let code = payload["op"]?.integer else {
            return self.close(.decodeError, "Error while decoding payload.")
        }
        return self.received(code, payload["d"] ?? .null, now: now)
    }

    private mutating func received(_ code: Int64, _ data: JSONValue, now: ContinuousClock.Instant) -> Action {
        switch code {
        case 1:
            self.lastHeartbeat = now
            switch data {
            case .null: return .acknowledgeHeartbeat(sequence: nil)
            case .integer(let sequence): return .acknowledgeHeartbeat(sequence: sequence)
            default: return self.close(.decodeError, "Error while decoding payload.")
            }
        case 2:
            if self.isIdentified { return self.close(.alreadyAuthenticated, "Already authenticated.") }
            guard let identify = Self.identify(data) else {
                return self.close(.decodeError, "Error while decoding payload.")
            }
            return .identify(identify)
        case 6:
            if self.isIdentified { return self.close(.alreadyAuthenticated, "Already authenticated.") }
            guard let token = data["token"]?.string, let session = data["session_id"]?.string,
                let sequence = data["seq"]?.integer
            else { return self.close(.decodeError, "Error while decoding payload.") }
            return .resume(Resume(token: Self.bare(token), sessionID: session, sequence: sequence))
        case 3, 4, 8, 31, 43:
            guard self.isIdentified else { return self.close(.notAuthenticated, "Not authenticated.") }
            return self.receivedCommand(code, data, now: now)
        default: return self.close(.unknownOpcode, "Unknown opcode.")
        }
    }

    private mutating func receivedCommand(
        _ code: Int64, _ data: JSONValue, now: ContinuousClock.Instant
    ) -> Action {
        let invalid = "Error while decoding payload."
        switch code {
        case 3:
            guard let presence = PresenceForm(data, needsStatus: true) else {
                return self.close(.decodeError, invalid)
            }
            while let first = self.presences.first, now - first >= .seconds(20) { self.presences.removeFirst() }
            guard self.presences.count < self.settings.presencesPerWindow else { return .ignorePresence }
            self.presences.append(now)
            return .updatePresence(presence)
        case 4:
            guard let voice = VoiceForm(data) else { return self.close(.decodeError, invalid) }
            return .updateVoiceState(voice)
        case 8: return self.membersRequest(data)
        case 31:
            guard let ids = data["guild_ids"]?.array else { return self.close(.decodeError, invalid) }
            return .requestSoundboardSounds(ids.compactMap(\.snowflake))
        default:
            guard let guildID = data["guild_id"]?.snowflake, let fields = data["fields"]?.array,
                fields.allSatisfy({ $0.string != nil })
            else { return self.close(.decodeError, invalid) }
            return .requestChannelInfo(guildID)
        }
    }

    private mutating func membersRequest(_ data: JSONValue) -> Action {
        let invalid = "Error while decoding payload."
        guard let guildID = data["guild_id"]?.snowflake else { return self.close(.decodeError, invalid) }
        let ids = data["user_ids"]
        let userIDs = ids?.array?.compactMap(\.snowflake) ?? ids?.snowflake.map { [$0] }
        let query = data["query"]?.string
        // Exactly one of the two, and a limit with a query; Discord answers a lack as a wrong body for the opcode.
        guard (query == nil) != (userIDs == nil) else { return self.close(.unknownOpcode, "Unknown opcode.") }
        let limit: Int64
        switch data["limit"] {
        case .integer(let value): limit = value
        case nil, .null:
            guard query == nil else { return self.close(.unknownOpcode, "Unknown opcode.") }
            limit = 0
        default: return self.close(.decodeError, invalid)
        }
        // A nonce that is too long is passed over, and the answer has none.
        let nonce = data["nonce"]?.string.flatMap { $0.utf8.count <= 32 ? $0 : nil }
        return .requestMembers(
            MembersRequest(
                guildID: guildID, query: query, limit: Int(clamping: limit), userIDs: userIDs,
                wantsPresences: data["presences"]?.bool ?? false, nonce: nonce))
    }

    private static func identify(_ data: JSONValue) -> Identify? {
        guard let token = data["token"]?.string, data["properties"]?.object != nil else { return nil }
        var intents: UInt64?
        switch data["intents"] {
        case .integer(let value): intents = UInt64(bitPattern: value)
        case .number, nil, .null: intents = nil
        default: return nil
        }
        var shard = Identify.Shard.none
        if let json = data["shard"], !json.isNull {
            let numbers = (json.array ?? []).compactMap { $0.integer.flatMap { Int(exactly: $0) } }
            shard =
                numbers.count == 2 && json.array?.count == 2
                ? ShardID(id: numbers[0], count: numbers[1]).map { .valid($0) } ?? .invalid : .invalid
        }
        let threshold = Int(clamping: data["large_threshold"]?.integer ?? 50)
        var presence: PresenceForm?
        if let json = data["presence"], !json.isNull {
            guard let form = PresenceForm(json, needsStatus: false) else { return nil }
            presence = form
        }
        return Identify(
            token: Self.bare(token), intents: intents, shard: shard, largeThreshold: min(max(threshold, 50), 250),
            presence: presence)
    }

    /// The `Bot ` prefix of REST is accepted here too.
    private static func bare(_ token: String) -> String { token.hasPrefix("Bot ") ? String(token.dropFirst(4)) : token }

    private mutating func close(_ code: GatewayCloseCode, _ reason: String) -> Action {
        self.state = .closed
        return .close(code, reason)
    }
}
