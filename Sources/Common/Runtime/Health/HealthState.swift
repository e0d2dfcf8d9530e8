import Synchronization

/// What `/readyz` and `/livez` answer. Parts of a process set their own condition by name.
package final class HealthState: Sendable {
    package struct Report: Sendable, Equatable {
        /// Conditions that don't hold, with their reasons, sorted by name.
        package let failing: [String]
        package var isHealthy: Bool { self.failing.isEmpty }
    }

    private struct Conditions: Sendable {
        /// nil: holds. A text: why it does not.
        var readiness: [String: String?]
        var liveness: [String: String?] = [:]
    }

    private let conditions: Mutex<Conditions>

    /// - Parameter required: conditions that don't hold until somebody says they do.
    package init(required: [String]) {
        self.conditions = Mutex(
            Conditions(readiness: Dictionary(required.map { ($0, "starting") }) { first, _ in first }))
    }

    /// Ready means: work can be given to this process.
    package func setReady(_ condition: String, failing reason: String? = nil) {
        self.conditions.withLock { $0.readiness[condition] = .some(reason) }
    }

    /// Alive means: a restart of this process would not help.
    package func setAlive(_ condition: String, failing reason: String? = nil) {
        self.conditions.withLock { $0.liveness[condition] = .some(reason) }
    }

    package var readiness: Report { Self.report(self.conditions.withLock { $0.readiness }) }
    package var liveness: Report { Self.report(self.conditions.withLock { $0.liveness }) }

    private static func report(_ conditions: [String: String?]) -> Report {
        Report(failing: conditions.compactMap { name, reason in reason.map { "\(name): \($0)" } }.sorted())
    }
}
