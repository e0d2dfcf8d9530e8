import AMQP
import ClusterAPI
import ClusterClient
import Logging
import Runtime
import ServiceLifecycle

/// Keeps this worker's lease, and reads the lanes that the coordinator grants.
///
/// While the coordinator is away the lanes stay as they are: each lane's queue has a single active consumer, so two
/// workers that both think a lane theirs do no harm. When the coordinator wants it to restart, it finishes what it has
/// in hand, leaves, and its `run` returns.
struct WorkerMember: Service {
    /// Between calls that the coordinator did not answer.
    private static let retry: Duration = .milliseconds(500)
    /// Between a new desired state and the next renewal, which tells that it is applied.
    private static let shortestInterval: Duration = .milliseconds(20)

    let registration: MemberRegistration
    let coordinator: any WorkerCoordinator
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

    /// Registers and renews until shutdown, or until the coordinator wants a restart.
    /// - Returns: the last word to the coordinator; nil when this worker was never registered.
    private func keepMembership(_ lanes: LaneConsumers) async -> LeaseRenewal? {
        let state = MembershipState()
        let start = ContinuousClock.now
        await cancelWhenGracefulShutdown {
            var pacing = RegistrationPacing()
            while !Task.isCancelled {
                do {
                    let registered = try await self.coordinator.register(state.next(self.registration))
                    state.registered(registered)
                    pacing.registered(at: start.duration(to: .now))
                    self.logger.info("registered", metadata: ["member.incarnation": "\(registered.incarnation)"])
                    self.health.setReady("lease")
                    guard try await self.renew(registered, lanes, state) else { return }
                    return self.logger.notice("restarting, as the coordinator wants")
                } catch let failure as CoordinatorClient.Failure {
                    if Task.isCancelled { return }
                    var pause = Self.retry * Double.random(in: 1...4)
                    if failure.code == .staleIncarnation {
                        let next = pacing.incarnationEnded(
                            at: start.duration(to: .now), jitter: .random(in: 0...1))
                        pause = next.duration
                        self.leaseEnded(failure, hasNamesake: next.suspectsNamesake)
                    } else {
                        self.health.setReady("lease", failing: failure.message)
                        self.logger.log(
                            level: failure.code == .unauthorized ? .error : .warning, "no lease",
                            metadata: ["error": "\(failure)"])
                    }
                    // Cancelled: the loop's condition ends it.
                    try? await Task.sleep(for: pause)
                } catch {
                    return
                }
            }
        }
        return state.lastWord
    }

    private func leaseEnded(_ failure: CoordinatorClient.Failure, hasNamesake: Bool) {
        guard hasNamesake else {
            self.health.setReady("lease", failing: failure.message)
            return self.logger.warning("the lease is over", metadata: ["error": "\(failure)"])
        }
        self.health.setReady(
            "lease",
            failing:
                "another process seems to be member \(self.registration.id): each needs a FLOTILLA_MEMBER_ID of its own"
        )
        self.logger.error(
            "another process seems to have this member id: each needs a FLOTILLA_MEMBER_ID of its own",
            metadata: ["member.id": "\(self.registration.id)", "error": "\(failure)"])
    }

    /// - Returns: whether the coordinator wants a restart; false: this process is to stop.
    private func renew(
        _ registered: MemberRegistered, _ lanes: LaneConsumers, _ state: MembershipState
    ) async throws -> Bool {
        while !Task.isCancelled {
            let renewal = state.renewal(
                incarnation: registered.incarnation, waitMilliseconds: registered.renewMilliseconds,
                lanes: lanes.running)
            let asked = ContinuousClock.now
            var pause = Self.retry
            do throws(CoordinatorClient.Failure) {
                let desired = try await self.coordinator.renew(renewal, member: self.registration.id)
                if desired.restart == true { return true }
                pause = self.apply(desired, registered, lanes, state)
            } catch {
                guard error.code == .unavailable else { throw error }
                if Task.isCancelled { return false }
                self.health.setReady("lease", failing: error.message)
                try await Task.sleep(for: pause)
            }
            try await Task.sleep(until: asked.advanced(by: pause), clock: .continuous)
        }
        return false
    }

    /// - Returns: when the next renewal is due, from when this one was sent.
    private func apply(
        _ desired: DesiredState, _ registered: MemberRegistered, _ lanes: LaneConsumers, _ state: MembershipState
    ) -> Duration {
        let applied = state.appliedVersion
        // A leader of the past may still answer; its versions are below those of the present one.
        guard desired.version >= applied else { return Self.retry }
        lanes.apply(desired.lanes)
        state.applied(desired.version)
        self.health.setReady("lease")
        // A coordinator that does not hold its answers is asked no more often than it wants.
        let interval = Duration.milliseconds(registered.renewMilliseconds)
        return desired.version == applied ? max(Self.shortestInterval, interval) : Self.shortestInterval
    }
}
