import Discord
import NIOCore

/// What one line of the ledger tells.
enum LedgerEntry: Sendable {
    struct Identify: Sendable {
        let connection: Int64
        /// The application, or for a person's session the person; `nil` when the token is nobody's.
        var application: Snowflake?
        var person: Snowflake?
        var shard: ShardID?
        /// `ready`, `invalid_session`, or `closed:` with the close code.
        var outcome = ""
        var session: String?
        /// Session starts left.
        var remaining: Int?
    }

    struct Call: Sendable {
        let method: String
        /// Without the query; what it holds of secrets is left out.
        let path: String
        /// `nil` for a path that is no route's.
        var route: String?
        let status: Int
        var bot: Snowflake?
        var user: Snowflake?
        let milliseconds: Double
    }

    case connected(Int64, peer: String?)
    case disconnected(Int64, session: String?, reason: String, isAnswered: Bool)
    case identify(Identify)
    case resume(Int64, session: String, sequence: Int64, outcome: String, replayed: Int?)
    case heartbeat(Int64, session: String?, sequence: Int64?)
    /// Written when the event is numbered, whether a client is there or not.
    case dispatch(session: String, sequence: Int64, name: EventName, guild: Snowflake?, hash: UInt64)
    case sessionEnded(String, reason: SessionEnd)
    case fault(JSONObject)
    case rest(Call)
    case dropped(lines: Int64)
}

/// Why a session can't be resumed any more.
enum SessionEnd: Sendable, Equatable {
    /// The client closed with 1000 or 1001.
    case clientClosed(UInt16)
    /// Closed by the sandbox with a code that ends sessions.
    case closed(UInt16)
    /// Op 9 `false` to a live session.
    case invalidated
    /// No client came back in time.
    case expired
    /// What a Resume wanted was no longer in the replay buffer, or a fault took the session away.
    case evicted
    case tokenReset
    case loggedOut
    case sandboxStopped

    var text: String {
        switch self {
        case .clientClosed(let code): "client_closed:\(code)"
        case .closed(let code): "closed:\(code)"
        case .invalidated: "invalidated"
        case .expired: "expired"
        case .evicted: "evicted"
        case .tokenReset: "token_reset"
        case .loggedOut: "logged_out"
        case .sandboxStopped: "sandbox_stopped"
        }
    }
}

extension ByteBuffer {
    /// One line: `at` in milliseconds since the Unix epoch, `n` counting lines, `kind` and the facts.
    mutating func writeLedgerLine(_ entry: LedgerEntry, at time: Timestamp, number: Int64) {
        self.writeStaticString("{\"at\":")
        self.writeString(String(time.milliseconds))
        self.writeStaticString(",\"n\":")
        self.writeString(String(number))
        self.writeFacts(of: entry)
        self.writeStaticString("}\n")
    }

    private mutating func writeFacts(of entry: LedgerEntry) {
        switch entry {
        case .dispatch(let session, let sequence, let name, let guild, let hash):
            self.writeStaticString(",\"kind\":\"dispatch\",\"session\":\"")
            // Session ids are hexadecimal digits, event names upper case letters.
            self.writeString(session)
            self.writeStaticString("\",\"s\":")
            self.writeString(String(sequence))
            self.writeStaticString(",\"t\":\"")
            self.writeString(name.rawValue)
            if let guild {
                self.writeStaticString("\",\"g\":\"")
                self.writeString(String(guild.rawValue))
            }
            self.writeStaticString("\",\"h\":\"")
            self.writeHexadecimal(hash)
            self.writeStaticString("\"")
        case .heartbeat(let connection, let session, let sequence):
            self.writeKind("heartbeat", connection)
            self.writeMember("session", session)
            self.writeMember("seq", sequence)
        case .connected(let connection, let peer):
            self.writeKind("connected", connection)
            self.writeMember("peer", peer)
        case .disconnected(let connection, let session, let reason, let isAnswered):
            self.writeKind("disconnected", connection)
            self.writeMember("session", session)
            self.writeMember("reason", reason)
            if isAnswered { self.writeMember("answered", json: .bool(true)) }
        case .identify(let identify): self.write(identify)
        case .resume(let connection, let session, let sequence, let outcome, let replayed):
            self.writeKind("resume", connection)
            self.writeMember("session", session)
            self.writeMember("seq", sequence)
            self.writeMember("outcome", outcome)
            self.writeMember("replayed", replayed.map { Int64($0) })
        case .sessionEnded(let session, let reason):
            self.writeKind("session_ended")
            self.writeMember("session", session)
            self.writeMember("reason", reason.text)
        case .fault(let facts):
            self.writeKind("fault")
            for member in facts.members { self.writeMember(member.key, json: member.value) }
        case .rest(let call): self.write(call)
        case .dropped(let lines):
            self.writeKind("dropped")
            self.writeMember("lines", lines)
        }
    }

    private mutating func write(_ identify: LedgerEntry.Identify) {
        self.writeKind("identify", identify.connection)
        self.writeMember("app", identify.application?.description)
        self.writeMember("user", identify.person?.description)
        self.writeMember("shard", identify.shard.map { Int64($0.id) })
        self.writeMember("num_shards", identify.shard.map { Int64($0.count) })
        self.writeMember("outcome", identify.outcome)
        self.writeMember("session", identify.session)
        self.writeMember("remaining", identify.remaining.map { Int64($0) })
    }

    private mutating func write(_ call: LedgerEntry.Call) {
        self.writeKind("rest")
        self.writeMember("method", call.method)
        self.writeMember("path", call.path)
        self.writeMember("route", call.route)
        self.writeMember("status", Int64(call.status))
        self.writeMember("bot", call.bot?.description)
        self.writeMember("user", call.user?.description)
        self.writeMember("ms", json: .number(RateLimiter.seconds(call.milliseconds)))
    }

    private mutating func writeKind(_ kind: StaticString, _ connection: Int64? = nil) {
        self.writeStaticString(",\"kind\":\"")
        self.writeStaticString(kind)
        self.writeStaticString("\"")
        self.writeMember("conn", connection)
    }

    /// What is `nil` is left out.
    private mutating func writeMember(_ name: String, _ value: Int64?) {
        if let value { self.writeMember(name, json: .integer(value)) }
    }

    private mutating func writeMember(_ name: String, _ value: String?) {
        if let value { self.writeMember(name, json: .string(value)) }
    }

    private mutating func writeMember(_ name: String, json: JSONValue) {
        self.writeStaticString(",\"")
        self.writeString(name)
        self.writeStaticString("\":")
        json.write(to: &self)
    }

    private mutating func writeHexadecimal(_ value: UInt64) {
        var rest = value
        for _ in 0..<16 {
            rest = rest << 4 | rest >> 60
            let digit = UInt8(truncatingIfNeeded: rest & 0xF)
            self.writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

/// FNV-1a of 64 bits: what tells two events' bodies apart in the ledger.
enum FNV1a {
    static func hash(_ bytes: ByteBuffer) -> UInt64 {
        bytes.withUnsafeReadableBytes { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
            return hash
        }
    }
}
