import ClusterAPI
import Runtime

/// Somebody who may look at the cluster, or change it.
struct Operator: Sendable, Equatable {
    /// The actor in the audit log.
    let name: String
    let role: OperatorRole
    let token: Secret

    func may(_ role: OperatorRole) -> Bool { self.role == .operate || role == .view }
}
