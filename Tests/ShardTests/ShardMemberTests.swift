import ClusterAPI
import ClusterClient
import Logging
import Runtime
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Shard

@Suite("A shard process' membership", .timeLimit(.minutes(1)))
struct ShardMemberTests {
    /// Counts what it is asked, and answers renewals as the test wants.
    private final class CountingCoordinator: MemberCoordinator {
        private let answer: @Sendable (_ renewal: Int) throws(Failure) -> DesiredState
        private let counts = Mutex((registrations: 0, renewals: 0))

        init(_ answer: @escaping @Sendable (_ renewal: Int) throws(Failure) -> DesiredState) { self.answer = answer }

        var registrations: Int { self.counts.withLock { $0.registrations } }
        var renewals: Int { self.counts.withLock { $0.renewals } }

        func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
            let incarnation = self.counts.withLock { counts in
                counts.registrations += 1
                return counts.registrations
            }
            return MemberRegistered(
                incarnation: incarnation, leaseMilliseconds: 6000, renewMilliseconds: 200, exchange: "")
        }

        func attend(_ attendance: Attendance, member: String) async throws(Failure) {
            // Until the member no longer attends.
            try? await Task.sleep(for: .seconds(3600))
        }

        func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
            let number = self.counts.withLock { counts in
                counts.renewals += 1
                return counts.renewals
            }
            return try self.answer(number)
        }

        func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {}

        func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer {
            PermitAnswer(validMilliseconds: nil, retryAfterMilliseconds: 60_000, reason: "not here")
        }
    }

    private func run(_ coordinator: CountingCoordinator, _ body: (HealthState) async throws -> Void) async throws {
        var settings = ShardSettings(
            SettingsReader(
                SettingsSource(environment: [
                    "FLOTILLA_COORDINATOR_URL": "http://127.0.0.1:1", "FLOTILLA_MEMBER_TOKEN": "m",
                    "FLOTILLA_MEMBER_ID": "shard-7", "FLOTILLA_DISCORD_TOKEN": "token",
                    "FLOTILLA_SHARD_EVENT_LOOPS": "1", "FLOTILLA_AMQP_URL": "amqp://a:b@127.0.0.1/",
                ])), processID: 1, version: "test")
        settings.discardEvents()
        let health = HealthState(required: [])
        let shard = makeShard(
            settings, coordinator: coordinator, health: health, metrics: MetricRegistry(),
            logger: Logger(label: "member", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await shard.run() }
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(health))
            } catch {
                outcome = .failure(error)
            }
            await shard.triggerGracefulShutdown()
            try await group.waitForAll()
            try outcome.get()
        }
    }

    @Test func `A namesake makes registrations ever rarer, and is told by name`() async throws {
        let coordinator = CountingCoordinator { _ throws(CoordinatorClient.Failure) in
            throw CoordinatorClient.Failure(code: .staleIncarnation, message: "incarnation is over")
        }
        let start = ContinuousClock.now
        try await self.run(coordinator) { health in
            try await eventually("four registrations") { coordinator.registrations >= 4 }
            // The second comes at once; then at least 0.5 s and 1 s go by.
            #expect(start.duration(to: .now) >= .milliseconds(1500))
            try await eventually("the reason") {
                health.readiness.failing.contains {
                    $0.contains("shard-7") && $0.contains("FLOTILLA_MEMBER_ID")
                }
            }
        }
    }

    @Test func `A leader of the past that answers at once is not asked in a loop`() async throws {
        let coordinator = CountingCoordinator { number throws(CoordinatorClient.Failure) in
            DesiredState(version: number == 1 ? 10 : 5, slots: [], lanes: [])
        }
        let start = ContinuousClock.now
        try await self.run(coordinator) { _ in
            try await eventually("five renewals") { coordinator.renewals >= 5 }
            #expect(start.duration(to: .now) >= .milliseconds(1500))
            #expect(coordinator.registrations == 1)
        }
    }
}
