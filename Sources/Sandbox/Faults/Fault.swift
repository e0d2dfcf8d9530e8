import Discord
import Gateway
import Runtime

/// One thing that goes wrong on purpose, and whom it meets.
struct Fault: Sendable, Equatable {
    enum Action: Sendable, Equatable {
        /// Op 7; the connection is closed after the grace if the client is still there.
        case reconnect(grace: Duration)
        /// Op 9. A session that is not ended may be resumed, also on the same connection.
        case invalidSession(isResumable: Bool, endsSession: Bool)
        /// `nil`: a close frame without a code.
        case close(UInt16?, endsSession: Bool)
        /// TCP is cut without a close frame.
        case drop
        case stall(OutgoingFlow.Hold, for: Duration)
        /// The sandbox reads nothing from these clients.
        case slowReads(for: Duration)
        /// Upgrades are answered with this HTTP status.
        case refuseUpgrade(status: Int, at: Set<Door.Entrance>, for: Duration)
        /// New connections are greeted otherwise than with Hello.
        case greet(Door.Greeting, for: Duration)
        /// The last dispatches are sent again, with the numbers that they have.
        case duplicate(Int)
        /// Of a share of all guilds, or of these.
        case outage(percent: Int, guilds: [Snowflake], for: Duration)
        /// Ends outages. Empty: all of them.
        case outageOver([Snowflake])
        /// The session is forgotten, its connection cut.
        case evict
        case shrinkBuffer(Int)
        /// All sessions of the application end with 4004; only the new token is good from then on, if there is one.
        case resetToken(Secret?)
        case corrupt(Corruption)
        /// A message of so many bytes, sequence number and meaning it has none.
        case oversized(Int)
        /// Op 1, so often.
        case heartbeats(Int)

        /// Discord closes "a few seconds" after op 7.
        static let reconnectGrace: Duration = .seconds(3)
    }

    enum Corruption: String, Sendable, CaseIterable {
        /// A binary frame that is no zlib or zstd; without compression, a text that is no JSON.
        case stream
        /// A whole message, compressed as it should be, that is no JSON.
        case json
        /// A text frame that is no UTF-8.
        case utf8
        /// A WebSocket frame with an opcode that does not exist.
        case frame
    }

    /// How it is called in requests, in schedules and in the ledger.
    enum Kind: String, Sendable, CaseIterable {
        case op7, op9, close, drop, stall, deaf, slowReads = "slow_reads", refuseUpgrade = "refuse_upgrade"
        case noHello = "no_hello", op7Hello = "op7_hello", duplicate, outage, outageOver = "outage_over", evict
        case shrinkBuffer = "shrink_buffer", tokenReset = "token_reset", corrupt, oversized, heartbeats
    }

    var action: Action
    var target = FaultTarget.all

    var kind: Kind {
        switch self.action {
        case .reconnect: .op7
        case .invalidSession: .op9
        case .close: .close
        case .drop: .drop
        case .stall(.dispatches, _): .deaf
        case .stall: .stall
        case .slowReads: .slowReads
        case .refuseUpgrade: .refuseUpgrade
        case .greet(.reconnect, _): .op7Hello
        case .greet: .noHello
        case .duplicate: .duplicate
        case .outage: .outage
        case .outageOver: .outageOver
        case .evict: .evict
        case .shrinkBuffer: .shrinkBuffer
        case .resetToken: .tokenReset
        case .corrupt: .corrupt
        case .oversized: .oversized
        case .heartbeats: .heartbeats
        }
    }

    /// What a ledger line tells of it, beside whom it met.
    var facts: JSONObject {
        var facts: JSONObject = ["fault": .string(self.kind.rawValue)]
        switch self.action {
        case .invalidSession(let isResumable, let endsSession):
            facts["resumable"] = .bool(isResumable)
            facts["ends_session"] = .bool(endsSession)
        case .close(let code, let endsSession):
            facts["code"] = code.map { .integer(Int64($0)) } ?? .null
            facts["ends_session"] = .bool(endsSession)
        case .stall(let hold, let duration):
            if hold != .dispatches { facts["what"] = .string(hold.rawValue) }
            facts["for_ms"] = .milliseconds(duration)
        case .slowReads(let duration), .greet(_, let duration): facts["for_ms"] = .milliseconds(duration)
        case .refuseUpgrade(let status, let entrances, let duration):
            facts["status"] = .integer(status)
            facts["entrances"] = .array(entrances.map { .string($0.rawValue) }.sorted { $0.text < $1.text })
            facts["for_ms"] = .milliseconds(duration)
        case .outage(_, _, let duration): facts["for_ms"] = .milliseconds(duration)
        case .duplicate(let count), .heartbeats(let count): facts["count"] = .integer(count)
        case .shrinkBuffer(let events): facts["events"] = .integer(events)
        case .corrupt(let corruption): facts["what"] = .string(corruption.rawValue)
        case .oversized(let bytes): facts["bytes"] = .integer(bytes)
        case .reconnect(let grace): facts["grace_ms"] = .milliseconds(grace)
        case .drop, .evict, .resetToken, .outageOver: break
        }
        return facts
    }

    /// Whether a session is gone after this code, as far as Discord's close codes say (Discord docs, Gateway Close
    /// Event Codes).
    static func endsSession(_ code: UInt16?) -> Bool {
        guard let code else { return false }
        switch GatewayCloseCode(rawValue: code).nextStep {
        case .resume: return false
        case .identify, .stop: return true
        }
    }
}

extension JSONValue {
    static func milliseconds(_ duration: Duration) -> JSONValue { .integer(Int64(duration / .milliseconds(1))) }
}
