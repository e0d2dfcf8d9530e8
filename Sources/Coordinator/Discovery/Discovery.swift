import Runtime
import Synchronization

/// Whether Discord tells about the applications, for the probes: one that it refuses keeps no other from running, so
/// that a coordinator is ready once one of them is known.
final class Discovery: Sendable {
    private struct State: Sendable {
        /// By the application's name: why not; nil: it does.
        var failures: [String: String?] = [:]
    }

    private let health: HealthState
    private let state = Mutex(State())

    init(health: HealthState) { self.health = health }

    /// Applications that Discord did not tell about when it was last asked.
    var failing: Int { self.state.withLock { $0.failures.values.count { $0 != nil } } }

    /// This coordinator leads from now on.
    func begin() {
        self.state.withLock { $0.failures = [:] }
        self.health.setReady("discord", failing: "starting")
    }

    /// It leads no longer: a standby asks nothing.
    func end() {
        self.state.withLock { $0.failures = [:] }
        self.health.setReady("discord")
    }

    /// - Parameter failure: nil: Discord told about the application.
    func asked(about application: String, failure: String?) {
        let reason = self.state.withLock { state -> String? in
            state.failures[application] = .some(failure)
            guard state.failures.values.allSatisfy({ $0 != nil }) else { return nil }
            return state.failures.sorted { $0.key < $1.key }.compactMap { name, failure in
                failure.map { "\(name): \($0)" }
            }.joined(separator: "; ")
        }
        self.health.setReady("discord", failing: reason)
    }
}
