import Discord

/// Why a session was given up, in the words of a gap record (docs/protocol.md).
enum SessionLoss: Equatable, Sendable {
    /// Op 9 with `false`.
    case invalidSession
    /// No RESUME was answered by RESUMED, and the last one's connection ended.
    case resumeAttempts
    /// No RESUME was answered by RESUMED, and the last one's time ran out.
    case neverReady
    case closed(GatewayCloseCode)

    var reason: String {
        switch self {
        case .invalidSession: "invalid_session"
        case .resumeAttempts: "resume_attempts"
        case .neverReady: "never_ready"
        case .closed(let code): "close_\(code.rawValue)"
        }
    }
}
