import ClusterAPI
import Discord

extension GatewaySession {
    /// The state in the coordinator's words.
    var status: SlotStatus {
        switch self.state {
        case .idle: .starting
        case .backingOff, .connecting, .waitingForHello, .waitingForStanding, .waitingForRoom: .connecting
        case .waitingForPermit: .waitingForPermit
        case .identifying: .identifying
        case .resuming: .resuming
        case .ready: .ready
        case .stopped(nil): .released
        case .stopped: .failed
        }
    }

    /// IDENTIFY is sent and not answered: leaving now would waste a session start.
    var isIdentifying: Bool { if case .identifying = self.state { true } else { false } }
}
