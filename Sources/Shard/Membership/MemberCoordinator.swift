package import ClusterAPI
package import ClusterClient

/// What a member asks of the coordinator.
package protocol MemberCoordinator: Sendable {
    typealias Failure = CoordinatorClient.Failure

    func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered
    func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState
    /// Returns after a while, to be called again.
    func attend(_ attendance: Attendance, member: String) async throws(Failure)
    func deregister(_ final: LeaseRenewal, member: String) async throws(Failure)
    func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer
}

extension CoordinatorClient: MemberCoordinator {}
