import Foundation

/// The answer of `/api/v1/health`: what this server needs, and whether it answers now.
struct HealthReport: Codable, Sendable, Equatable {
    enum Status: String, Codable, Sendable {
        case ok, unavailable
    }

    struct Check: Codable, Sendable, Equatable {
        let name: String
        let status: Status
        let latencyMilliseconds: Double
    }

    let status: Status
    let checkedAt: Date
    let checks: [Check]

    init(checks: [Check], checkedAt: Date) {
        self.status = checks.allSatisfy { $0.status == .ok } ? .ok : .unavailable
        self.checkedAt = checkedAt
        self.checks = checks.sorted { $0.name < $1.name }
    }
}
