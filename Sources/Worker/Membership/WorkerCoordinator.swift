import ClusterAPI
import ClusterClient

/// What a worker asks of the coordinator.
protocol WorkerCoordinator: Sendable {
    typealias Failure = CoordinatorClient.Failure

    func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered
    func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState
    func deregister(_ final: LeaseRenewal, member: String) async throws(Failure)
}

extension CoordinatorClient: WorkerCoordinator {}
