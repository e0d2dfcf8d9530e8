import ClusterAPI
import CoordinatorCore
import Foundation
import Logging
import Runtime
import ServiceLifecycle

/// Runs a ``CoordinatorCore``: hands it what happens, and does what it says.
actor ClusterKeeper: Service {
    private var core: CoordinatorCore
    private var requests: [CoordinatorCore.RequestID: CheckedContinuation<CoordinatorCore.Answer, any Error>] = [:]
    private var lastRequest = 0
    /// What is to be done outside. Its length is bounded by the core: a write, 64 fences, and one entry a request.
    private let effects: AsyncStream<CoordinatorCore.Effect>
    private let effect: AsyncStream<CoordinatorCore.Effect>.Continuation
    /// Why this coordinator no longer leads.
    private var deposed: String?
    private var hasStopped = false

    private let policy: ClusterPolicy
    private let store: ClusterStore
    private let topology: BrokerTopology
    private let permits: PermitLedger
    private let lease: LeaderLease
    private let logger: Logger
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant

    /// - Parameter loaded: the state that the last leader wrote down.
    init(
        policy: ClusterPolicy,
        loaded: LoadedState,
        store: ClusterStore,
        topology: BrokerTopology,
        permits: PermitLedger,
        leader: LeaderLease,
        logger: Logger
    ) {
        let start = ContinuousClock.now
        self.start = start
        self.policy = policy
        self.core = CoordinatorCore(
            policy: policy, leader: leader.holder, leaderEpoch: leader.epoch, loaded: loaded,
            leadsUntil: start.duration(to: leader.leadsUntil), now: .zero)
        self.store = store
        self.topology = topology
        self.permits = permits
        self.lease = leader
        self.logger = logger
        (self.effects, self.effect) = AsyncStream.makeStream()
    }

    private var now: Duration { self.start.duration(to: self.clock.now) }

    /// - Throws: ``LeaderLease/Lost`` when another coordinator leads.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepTime() }
                for await effect in self.effects { group.addTask { await self.perform(effect) } }
                group.cancelAll()
            }
        }
        self.hasStopped = true
        for (_, request) in self.requests { request.resume(throwing: Problem(.unavailable, "the coordinator stops")) }
        self.requests = [:]
        if let deposed = self.deposed { throw LeaderLease.Lost(description: deposed) }
    }

    private func keepTime() async {
        while !Task.isCancelled {
            self.act { $0.ticked(now: $1, date: Date()) }
            // Cancelled: the loop's condition ends it.
            try? await self.clock.sleep(for: self.policy.tick)
        }
    }

    /// Tells the core what happened, and hands on what it wants done. Nothing waits in here.
    private func act(_ event: (inout CoordinatorCore, Duration) -> Void) {
        let now = self.now
        self.core.leads(until: self.start.duration(to: self.lease.leadsUntil))
        self.core.brokerChanged(isReady: self.topology.isReady, now: now)
        event(&self.core, now)
        for effect in self.core.takeEffects() {
            switch effect {
            case .answer(let request, let answer): self.requests.removeValue(forKey: request)?.resume(with: answer)
            case .log(let level, let message, let facts): self.log(level, message, facts)
            case .stepDown(let reason):
                self.deposed = reason
                self.effect.finish()
            case .save, .admit, .fence, .takePermit: self.effect.yield(effect)
            }
        }
    }

    private func perform(_ effect: CoordinatorCore.Effect) async {
        switch effect {
        case .save(let batch):
            do {
                try await self.store.save(batch)
                self.act { $0.saved(batch.number, now: $1) }
            } catch {
                let isLost = error is ClusterStore.LostLeadership
                self.act { $0.saveFailed(batch.number, isLeadershipLost: isLost, reason: "\(error)", now: $1) }
            }
        case .admit(let owner):
            do {
                try await self.topology.admit(owner)
                self.act { $0.admitted(owner, now: $1) }
            } catch {
                self.act { $0.admitFailed(owner, reason: "\(error)", now: $1) }
            }
        case .fence(let owner):
            do {
                try await self.topology.fence(owner)
                self.act { $0.fenced(owner, now: $1) }
            } catch {
                self.act { $0.fenceFailed(owner, reason: "\(error)", now: $1) }
            }
        case .takePermit(let ticket, let application, let bucket):
            do {
                let wait = try await self.permits.take(bucket: bucket, of: application)
                self.act { $0.permitTaken(ticket, wait: wait, now: $1) }
            } catch {
                let isLost = error is ClusterStore.LostLeadership
                self.act { $0.permitFailed(ticket, isLeadershipLost: isLost, reason: "\(error)", now: $1) }
            }
        case .answer, .log, .stepDown: break
        }
    }

    private func log(_ level: CoordinatorCore.Level, _ message: String, _ facts: [String: String]) {
        let level: Logger.Level =
            switch level {
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
        self.logger.log(level: level, "\(message)", metadata: facts.mapValues { .string($0) })
    }

    // MARK: What is asked

    private func ask(
        _ event: (inout CoordinatorCore, CoordinatorCore.RequestID, Duration) -> Void
    ) async throws -> CoordinatorCore.Answer {
        guard !self.hasStopped else { throw Problem(.unavailable, "the coordinator stops") }
        self.lastRequest += 1
        let request = self.lastRequest
        return try await withCheckedThrowingContinuation { continuation in
            self.requests[request] = continuation
            self.act { event(&$0, request, $1) }
        }
    }

    private struct UnexpectedAnswer: Error {}

    /// - Parameter shards: nil keeps the shard count in force, or takes Discord's recommendation for a new application.
    func applicationFound(
        _ application: DiscordApplication, shards: Int?, intents: UInt64, askedAt: ContinuousClock.Instant
    ) {
        let asked = self.start.duration(to: askedAt)
        self.act { $0.applicationFound(application, shards: shards, intents: intents, askedAt: asked, now: $1) }
    }

    func register(_ registration: MemberRegistration) async throws -> MemberRegistered {
        let answer = try await self.ask { $0.registerRequested($1, registration, now: $2, date: Date()) }
        guard case .registered(let registered) = answer else { throw UnexpectedAnswer() }
        return registered
    }

    /// Answers at once when something new is desired, else holds the answer for as long as the renewal allows.
    func renew(_ id: String, _ renewal: LeaseRenewal) async throws -> DesiredState {
        let answer = try await self.ask { $0.renewRequested($1, member: id, renewal, now: $2, date: Date()) }
        guard case .desired(let desired) = answer else { throw UnexpectedAnswer() }
        return desired
    }

    func leave(_ id: String, _ final: LeaseRenewal) async throws {
        _ = try await self.ask { $0.leaveRequested($1, member: id, final, now: $2, date: Date()) }
    }

    func permit(_ request: PermitRequest) async throws -> PermitAnswer {
        let answer = try await self.ask { $0.permitRequested($1, request, now: $2) }
        guard case .permit(let permit) = answer else { throw UnexpectedAnswer() }
        return permit
    }

    /// - Parameter actor: who asks, for the audit log.
    func operate(_ operation: OperatorRequest, by actor: String) async throws -> OperatorAnswer {
        let answer = try await self.ask { $0.operationRequested($1, operation, by: actor, now: $2, date: Date()) }
        guard case .operation(let done) = answer else { throw UnexpectedAnswer() }
        return done
    }

    func view() -> ClusterView { self.core.view(now: self.now, date: Date()) }
}
