import ClusterAPI
import Discord

extension GatewaySession {
    /// The state in the coordinator's words.
    var status: SlotStatus {
        switch self.state {
        case .idle: .starting
        case .backingOff, .connecting, .waitingForHello, .waitingForRoom: .connecting
        case .waitingForPermit: .waitingForPermit
        case .identifying: .identifying
        case .resuming: .resuming
        case .ready: .ready
        case .stopped(nil): .released
        case .stopped: .failed
        }
    }
}
