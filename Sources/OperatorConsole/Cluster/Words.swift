package import ClusterAPI

extension SlotStatus {
    package var words: String {
        switch self {
        case .starting: "starting"
        case .waitingForPermit: "waiting for a permit"
        case .connecting: "connecting"
        case .identifying: "identifying"
        case .resuming: "resuming"
        case .ready: "ready"
        case .handingOver: "handing over"
        case .released: "released"
        case .failed: "failed"
        }
    }

    var style: TextStyle {
        switch self {
        case .ready: .good
        case .failed: .bad
        case .starting, .waitingForPermit, .connecting, .identifying, .resuming, .handingOver, .released: .warning
        }
    }
}

extension ClusterView.Member {
    /// With what an operator did to it, such as `alive, cordoned`.
    var stateWords: String { self.mark.map { "\(self.state), \($0)" } ?? self.state }

    var stateStyle: TextStyle {
        switch self.state {
        case "alive": self.mark == nil ? .good : .warning
        case "lost": .bad
        default: .warning
        }
    }
}

extension ClusterView.SlotView {
    var statusWords: String { self.member == nil && self.status == .released ? "nobody runs it" : self.status.words }
    var statusStyle: TextStyle { self.member == nil ? .bad : self.status.style }
}
