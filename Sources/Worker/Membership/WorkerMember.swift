import AMQP
import ClusterAPI
import ClusterClient
import Logging
import Runtime
import ServiceLifecycle

/// Keeps this worker's lease, and reads the lanes that the coordinator grants.
///
/// While the coordinator is away the lanes stay as they are: each lane's queue has a single active consumer, so two
/// workers that both think a lane theirs do no harm.
struct WorkerMember: Service {
    /// Between calls that the coordinator did not answer.
    private static let retry: Duration = .milliseconds(500)

    let registration: MemberRegistration
    let coordinator: CoordinatorClient
    let makeLaneConsumer: @Sendable (Int) -> QueueConsumer
    let commandConsumer: QueueConsumer
    let health: HealthState
    let logger: Logger

    func run() async throws {
        let lanes = LaneConsumers(make: self.makeLaneConsumer)
        let last = await withTaskGroup { group in
            group.addTask { await self.commandConsumer.run() }
            group.addTask { await lanes.run() }
            let last = await self.keepMembership(lanes)
            lanes.stop()
            self.commandConsumer.stop()
            // What is in hand is finished and acked before the lease ends.
            await group.waitForAll()
            return last
        }
        guard let last else { return }
        do {
            try await self.coordinator.deregister(last, member: self.registration.id)
        } catch {
            self.logger.info("could not say goodbye to the coordinator", metadata: ["error": "\(error)"])
        }
    }

    /// Registers and renews until shutdown.
    /// - Returns: the last word to the coordinator; nil when this worker was never registered.
    private func keepMembership(_ lanes: LaneConsumers) async -> LeaseRenewal? {
        let state = MembershipState()
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let registered = try await self.coordinator.register(self.registration)
                    state.registered(registered)
                    self.logger.info("registered", metadata: ["member.incarnation": "\(registered.incarnation)"])
                    self.health.setReady("lease")
                    try await self.renew(registered, lanes, state)
                } catch let failure as CoordinatorClient.Failure {
                    if Task.isCancelled { return }
                    self.health.setReady("lease", failing: failure.message)
                    self.logger.log(
                        level: failure.code == .unauthorized ? .error : .warning, "no lease",
                        metadata: ["error": "\(failure)"])
                    // Cancelled: the loop's condition ends it.
                    try? await Task.sleep(
                        for: failure.code == .staleIncarnation ? .zero : Self.retry * Double.random(in: 1...4))
                } catch {
                    return
                }
            }
        }
        return state.lastWord
    }

    private func renew(_ registered: MemberRegistered, _ lanes: LaneConsumers, _ state: MembershipState) async throws {
        while !Task.isCancelled {
            let renewal = LeaseRenewal(
                incarnation: registered.incarnation, appliedVersion: state.appliedVersion,
                waitMilliseconds: registered.renewMilliseconds, lanes: lanes.running)
            do throws(CoordinatorClient.Failure) {
                let desired = try await self.coordinator.renew(renewal, member: self.registration.id)
                // A leader of the past may still answer; its versions are below those of the present one.
                guard desired.version >= state.appliedVersion else { continue }
                lanes.apply(desired.lanes)
                state.applied(desired.version)
                self.health.setReady("lease")
            } catch {
                guard error.code == .unavailable else { throw error }
                if Task.isCancelled { return }
                self.health.setReady("lease", failing: error.message)
                try await Task.sleep(for: Self.retry)
            }
        }
    }
}
