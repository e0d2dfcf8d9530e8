/// Why the gateway closed a connection. Unknown numbers are kept.
package struct GatewayCloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let normal = GatewayCloseCode(rawValue: 1000)
    package static let goingAway = GatewayCloseCode(rawValue: 1001)
    package static let noStatus = GatewayCloseCode(rawValue: 1005)
    package static let abnormal = GatewayCloseCode(rawValue: 1006)
    package static let unknownError = GatewayCloseCode(rawValue: 4000)
    package static let unknownOpcode = GatewayCloseCode(rawValue: 4001)
    package static let decodeError = GatewayCloseCode(rawValue: 4002)
    package static let notAuthenticated = GatewayCloseCode(rawValue: 4003)
    package static let authenticationFailed = GatewayCloseCode(rawValue: 4004)
    package static let alreadyAuthenticated = GatewayCloseCode(rawValue: 4005)
    /// Gone from Discord's docs; still seen.
    package static let sessionNoLongerValid = GatewayCloseCode(rawValue: 4006)
    package static let invalidSequence = GatewayCloseCode(rawValue: 4007)
    package static let rateLimited = GatewayCloseCode(rawValue: 4008)
    package static let sessionTimedOut = GatewayCloseCode(rawValue: 4009)
    package static let invalidShard = GatewayCloseCode(rawValue: 4010)
    package static let shardingRequired = GatewayCloseCode(rawValue: 4011)
    package static let invalidAPIVersion = GatewayCloseCode(rawValue: 4012)
    package static let invalidIntents = GatewayCloseCode(rawValue: 4013)
    package static let disallowedIntents = GatewayCloseCode(rawValue: 4014)

    package enum NextStep: Sendable {
        /// Connect again and resume while a session is known; the gateway's op 9 decides whether it lives.
        case resume
        /// The session is gone: identify anew.
        case identify
        /// Trying again cannot help and burns session starts.
        case stop
    }

    /// What a client does after this code. 1000 and 1001 from the server are undocumented: a resume is tried.
    package var nextStep: NextStep {
        switch self {
        case .notAuthenticated, .sessionNoLongerValid, .invalidSequence, .sessionTimedOut: .identify
        case .authenticationFailed, .invalidShard, .shardingRequired, .invalidAPIVersion, .invalidIntents,
            .disallowedIntents:
            .stop
        default: .resume
        }
    }

    /// Whether every shard that uses the token is concerned, not only this one.
    package var concernsWholeApplication: Bool {
        switch self {
        case .authenticationFailed, .invalidAPIVersion, .invalidIntents, .disallowedIntents: true
        default: false
        }
    }

    /// Whether a client's close with this code ends the session: 1000 and 1001 do, all others leave it resumable.
    package var endsSessionWhenSentByClient: Bool { self == .normal || self == .goingAway }
}

extension GatewayCloseCode: CustomStringConvertible {
    package var description: String {
        let name =
            switch self {
            case .normal: "normal"
            case .goingAway: "going away"
            case .noStatus: "no status"
            case .abnormal: "abnormal"
            case .unknownError: "unknown error"
            case .unknownOpcode: "unknown opcode"
            case .decodeError: "decode error"
            case .notAuthenticated: "not authenticated"
            case .authenticationFailed: "authentication failed"
            case .alreadyAuthenticated: "already authenticated"
            case .sessionNoLongerValid: "session no longer valid"
            case .invalidSequence: "invalid seq"
            case .rateLimited: "rate limited"
            case .sessionTimedOut: "session timed out"
            case .invalidShard: "invalid shard"
            case .shardingRequired: "sharding required"
            case .invalidAPIVersion: "invalid API version"
            case .invalidIntents: "invalid intents"
            case .disallowedIntents: "disallowed intents"
            default: "unknown"
            }
        return "\(self.rawValue) (\(name))"
    }
}
