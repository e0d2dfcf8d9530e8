import Foundation
import Logging

/// Asks everything that the server needs, all at once.
struct HealthChecks: Sendable {
    let logger: Logger
    let checks: [String: @Sendable () async throws -> Void]

    @Sendable
    func report() async -> HealthReport {
        await withTaskGroup { group in
            for (name, check) in self.checks {
                group.addTask {
                    let start = ContinuousClock.now
                    var status = HealthReport.Status.ok
                    do {
                        try await check()
                    } catch {
                        // The answer must tell nothing of the inside.
                        self.logger.warning(
                            "a service does not answer", metadata: ["service": "\(name)", "error": "\(error)"])
                        status = .unavailable
                    }
                    let taken = start.duration(to: .now) / .milliseconds(1)
                    return HealthReport.Check(name: name, status: status, latencyMilliseconds: taken)
                }
            }
            var done: [HealthReport.Check] = []
            for await check in group { done.append(check) }
            return HealthReport(checks: done, checkedAt: Date())
        }
    }
}
