import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import Logging
import Runtime
import ServiceLifecycle
import Synchronization

/// Runs a ``CoordinatorCore``: hands it what happens, and does what it says.
///
/// Behind a lock, and not an actor: built for release, calls from the HTTP routes lost their hop to the actor's
/// executor, and two threads were in the core at once (docs/decisions/0013-lock-around-the-core.md).
final class ClusterKeeper: Service {
    private struct State {
        var core: CoordinatorCore
        var requests: [CoordinatorCore.RequestID: CheckedContinuation<CoordinatorCore.Answer, any Error>] = [:]
        var lastRequest = 0
        var differ = ClusterDiffer()
        /// Why this coordinator no longer leads.
        var deposed: String?
        var hasStopped = false
    }

    /// Those of this term.
    let attendances = Attendances()
    private let state: Mutex<State>
    /// What is to be done outside. Its length is bounded by the core: a write, 64 fences, and one entry a request.
    private let effects: AsyncStream<CoordinatorCore.Effect>
    private let effect: AsyncStream<CoordinatorCore.Effect>.Continuation

    private let policy: ClusterPolicy
    private let store: ClusterStore
    private let topology: BrokerTopology
    private let permits: PermitLedger
    private let lease: LeaderLease
    private let feed: ChangeFeed
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
        feed: ChangeFeed,
        logger: Logger
    ) {
        let start = ContinuousClock.now
        self.start = start
        self.policy = policy
        self.state = Mutex(
            State(
                core: CoordinatorCore(
                    policy: policy, leader: leader.holder, leaderEpoch: leader.epoch, loaded: loaded,
                    leadsUntil: start.duration(to: leader.leadsUntil), now: .zero)))
        self.store = store
        self.topology = topology
        self.permits = permits
        self.lease = leader
        self.feed = feed
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
        let (requests, deposed) = self.state.withLock { state in
            state.hasStopped = true
            defer { state.requests = [:] }
            return (Array(state.requests.values), state.deposed)
        }
        for request in requests { request.resume(throwing: Problem(.unavailable, "the coordinator stops")) }
        if let deposed { throw LeaderLease.Lost(description: deposed) }
    }

    private func keepTime() async {
        self.feed.append([
            ClusterChange(
                at: Date(), kind: .leader, target: self.lease.holder, detail: "leads with epoch \(self.lease.epoch)")
        ])
        var ticks = 0
        while !Task.isCancelled {
            self.act { $0.ticked(now: $1, date: Date()) }
            // Seldom: every member is looked at.
            if ticks.isMultiple(of: 5) { self.tellChanges() }
            ticks += 1
            // Cancelled: the loop's condition ends it.
            try? await self.clock.sleep(for: self.policy.tick)
        }
        // Nobody has to wait for what is still on its way.
        self.feed.close()
        self.attendances.end()
    }

    private func tellChanges() {
        let date = Date()
        let changes = self.state.withLock { state in
            var stops: [Snowflake: String] = [:]
            for (application, gate) in state.core.gates {
                stops[application] = gate.halt?.reason ?? (gate.brakeIsOn ? "most of them failed" : nil)
            }
            let slots = state.core.takeSlotNews()
            return state.differ.changes(to: state.core.state, slots: slots, stops: stops, date: date)
        }
        self.feed.append(changes)
    }

    /// Tells the core what happened.
    private func act(_ event: (inout CoordinatorCore, Duration) -> Void) { self.change { event(&$0.core, $1) } }

    /// Hands on what the core wants done afterwards. Nothing waits in here.
    private func change(_ body: (inout State, Duration) -> Void) {
        let leadsUntil = self.start.duration(to: self.lease.leadsUntil)
        let isBrokerReady = self.topology.isReady
        let effects = self.state.withLock { state in
            // Read behind the lock: for the core, time only goes on.
            let now = self.now
            state.core.leads(until: leadsUntil)
            state.core.brokerChanged(isReady: isBrokerReady, now: now)
            body(&state, now)
            let effects = state.core.takeEffects()
            for effect in effects {
                switch effect {
                case .answer(let request, let answer):
                    state.requests.removeValue(forKey: request)?.resume(with: answer)
                case .stepDown(let reason):
                    state.deposed = reason
                    self.effect.finish()
                case .save, .admit, .fence, .takePermit: self.effect.yield(effect)
                case .log: break
                }
            }
            return effects
        }
        for case .log(let level, let message, let facts) in effects { self.log(level, message, facts) }
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
        try await withCheckedThrowingContinuation { continuation in
            self.change { state, now in
                guard !state.hasStopped else {
                    return continuation.resume(throwing: Problem(.unavailable, "the coordinator stops"))
                }
                state.lastRequest += 1
                state.requests[state.lastRequest] = continuation
                event(&state.core, state.lastRequest, now)
            }
        }
    }

    private struct UnexpectedAnswer: Error {}

    /// - Parameter shards: nil keeps the shard count in force, or takes Discord's recommendation for a new application.
    func applicationFound(
        _ application: DiscordApplication, shards: Int?, intents: UInt64, askedAt: ContinuousClock.Instant
    ) {
        let asked = self.start.duration(to: askedAt)
        self.act {
            $0.applicationFound(
                application, shards: shards, intents: intents, askedAt: asked, now: $1, date: Date())
        }
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

    /// The connection of a member's attendance was lost.
    func attendanceBroken(_ id: String, incarnation: Int) {
        self.act { $0.attendanceBroken(member: id, incarnation: incarnation, now: $1) }
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

    func view() -> ClusterView {
        let date = Date()
        return self.state.withLock { $0.core.view(now: self.now, date: date) }
    }
}
