import AMQP
import ClusterAPI
import ClusterClient
import Logging
import NIOPosix
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import Worker

@Suite("A worker's membership", .timeLimit(.minutes(1)))
struct WorkerMemberTests {
    /// Counts what it is asked, and answers renewals as the test wants.
    private final class ScriptedCoordinator: WorkerCoordinator {
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

        func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
            let number = self.counts.withLock { counts in
                counts.renewals += 1
                return counts.renewals
            }
            return try self.answer(number)
        }

        func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {}
    }

    /// Gives its one member a new incarnation with each registration, which ends the one before.
    private final class StrictCoordinator: WorkerCoordinator {
        private let last = Mutex(0)

        var registrations: Int { self.last.withLock { $0 } }

        func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
            let incarnation = self.last.withLock { last in
                last += 1
                return last
            }
            return MemberRegistered(
                incarnation: incarnation, leaseMilliseconds: 6000, renewMilliseconds: 50, exchange: "")
        }

        func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
            guard renewal.incarnation == self.registrations else {
                throw Failure(code: .staleIncarnation, message: "incarnation \(renewal.incarnation) is over")
            }
            return DesiredState(version: 10, slots: [], lanes: [])
        }

        func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {}
    }

    private func run(
        _ coordinator: any WorkerCoordinator, _ body: (HealthState) async throws -> Void
    ) async throws {
        let logger = Logger(label: "member", factory: { _ in SwiftLogNoOpLogHandler() })
        // Nobody listens there: no queue is read.
        var broker = AMQPConfiguration(host: "127.0.0.1", user: "u", password: "p")
        broker.port = try quietPort()
        let configuration = broker
        let health = HealthState(required: ["lease"])
        let consumer: @Sendable (String) -> QueueConsumer = { queue in
            QueueConsumer(
                queue: queue, configuration: configuration, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                prefetch: 1, order: .strict, logger: logger
            ) { _, _ in true }
        }
        let member = WorkerMember(
            registration: MemberRegistration(id: "worker-7", kind: .worker, capacity: 1, zone: "z", version: "1"),
            coordinator: coordinator, makeLaneConsumer: { consumer("lane.\($0)") },
            commandConsumer: consumer("commands"),
            health: health, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await member.run() }
            defer { group.cancelAll() }
            try await body(health)
        }
    }

    @Test func `A namesake makes registrations ever rarer, and is told by name`() async throws {
        let coordinator = ScriptedCoordinator { _ throws(CoordinatorClient.Failure) in
            throw CoordinatorClient.Failure(code: .staleIncarnation, message: "incarnation is over")
        }
        let start = ContinuousClock.now
        try await self.run(coordinator) { health in
            try await eventually("four registrations") { coordinator.registrations >= 4 }
            // The second comes at once; then at least 0.5 s and 1 s go by.
            #expect(start.duration(to: .now) >= .milliseconds(1500))
            try await eventually("the reason") {
                health.readiness.failing.contains {
                    $0.contains("worker-7") && $0.contains("FLOTILLA_MEMBER_ID")
                }
            }
        }
    }

    @Test func `Two processes with one member id take turns ever more slowly, and both are told`() async throws {
        let coordinator = StrictCoordinator()
        let start = ContinuousClock.now
        try await self.run(coordinator) { health in
            try await self.run(coordinator) { other in
                try await eventually("seven registrations") { coordinator.registrations >= 7 }
                // The first two of each come at once; then 0.5 s, 0.5 s and 1 s at least, each behind the one before.
                #expect(start.duration(to: .now) >= .seconds(2))
                for health in [health, other] {
                    try await eventually("the reason") {
                        health.readiness.failing.contains { $0.contains("FLOTILLA_MEMBER_ID") }
                    }
                }
            }
        }
    }

    @Test func `A leader of the past that answers at once is not asked in a loop`() async throws {
        let coordinator = ScriptedCoordinator { number throws(CoordinatorClient.Failure) in
            DesiredState(version: number == 1 ? 10 : 5, slots: [], lanes: [])
        }
        let start = ContinuousClock.now
        try await self.run(coordinator) { _ in
            try await eventually("five renewals") { coordinator.renewals >= 5 }
            #expect(start.duration(to: .now) >= .milliseconds(1500))
            #expect(coordinator.registrations == 1)
        }
    }

    @Test func `A coordinator that does not hold its answers is asked no more often than it wants`() async throws {
        let coordinator = ScriptedCoordinator { _ throws(CoordinatorClient.Failure) in
            DesiredState(version: 10, slots: [], lanes: [])
        }
        let start = ContinuousClock.now
        try await self.run(coordinator) { health in
            try await eventually("six renewals") { coordinator.renewals >= 6 }
            // The first answer is new and told back at once.
            #expect(start.duration(to: .now) >= .milliseconds(4 * 200))
            #expect(health.readiness.isHealthy)
        }
    }
}
