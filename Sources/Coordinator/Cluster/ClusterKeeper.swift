import ClusterAPI
import Discord
import Foundation
import Logging
import Runtime
import ServiceLifecycle

/// Holds the cluster's state, writes its changes down, and only then lets members see them.
actor ClusterKeeper: Service {
    /// How often leases and hand-overs are looked at.
    private static let tick: Duration = .milliseconds(250)

    private var state: ClusterState
    /// What members may see: written down already.
    private var visible: [String: DesiredState] = [:]
    private var unsaved: Set<ClusterState.Change> = []
    private var budgets: [Snowflake: SessionStartBudget] = [:]
    private let waiters = DesiredStateWaiters()
    private let gate = SerialGate()

    private let store: ClusterStore
    private let topology: BrokerTopology
    private let permits: PermitLedger
    private let leader: String
    private let logger: Logger
    private let clock = ContinuousClock()
    private let start = ContinuousClock.now

    /// - Parameter loaded: the state that the last leader wrote down. Its members keep what they have if they renew in
    ///   time.
    init(
        policy: ClusterPolicy,
        loaded: ClusterStore.Loaded,
        store: ClusterStore,
        topology: BrokerTopology,
        permits: PermitLedger,
        leader: LeaderLease,
        logger: Logger
    ) {
        // Versions of this leader are above those of every earlier one.
        var state = ClusterState(policy: policy, firstVersion: Int(leader.epoch) << 32)
        state.incarnations = loaded.incarnations
        for member in loaded.members { state.members[member.registration.id] = member }
        for slot in loaded.slots { state.slots[slot.slot] = slot }
        for application in loaded.applications { state.applications[application.id] = application }
        for (lane, assigned) in loaded.lanes where state.lanes.indices.contains(lane) { state.lanes[lane] = assigned }
        state.fences = Set(loaded.members.filter { $0.phase == .fencing }.map(\.owner))
        // An owner whose member started a new life before the old one was cut off.
        for owner in Set(loaded.slots.compactMap(\.owner)) where state.members[owner.member]?.owner != owner {
            state.fences.insert(owner)
        }
        self.state = state
        self.store = store
        self.topology = topology
        self.permits = permits
        self.leader = leader.holder
        self.logger = logger
    }

    private var now: Duration { self.start.duration(to: self.clock.now) }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.keepTime() }
        self.waiters.wakeAll()
    }

    private func keepTime() async {
        var last = self.now
        while !Task.isCancelled {
            do {
                self.waiters.wakeExpired()
                // Time that this process did not live through is nobody's silence.
                let slept = self.now - last - Self.tick
                if slept > .seconds(1) { self.state.clockJumped(by: slept) }
                last = self.now
                self.state.timePassed(now: self.now)
                // Whoever no longer leads finds out here, and must not fence.
                try await self.commit()
                await self.fenceWhatIsOver()
                self.state.assign(now: self.now)
                try await self.commit()
                try await self.clock.sleep(for: Self.tick)
            } catch is CancellationError {
                return
            } catch {
                self.logger.warning("can't write the cluster's state", metadata: ["error": "\(error)"])
                // The next round tries again; cancellation ends the loop.
                try? await self.clock.sleep(for: .seconds(1))
            }
        }
    }

    private func fenceWhatIsOver() async {
        guard self.topology.isReady else { return }
        for owner in await self.topology.fence(self.state.fences) { self.state.fenced(owner) }
    }

    /// Writes down what changed and makes it visible. What could not be written stays for the next time.
    private func commit() async throws {
        await self.gate.enter()
        let changes = self.unsaved.union(self.state.takeChanges())
        self.unsaved = []
        var members: [ClusterStore.MemberRow] = []
        var slots: [ClusterState.SlotState] = []
        var lanes: [Int: ClusterState.LaneState] = [:]
        var applications: [ClusterState.ApplicationState] = []
        for change in changes {
            switch change {
            case .member(let id): members.append(.init(id: id, state: self.state.members[id]))
            case .slot(let slot): self.state.slots[slot].map { slots.append($0) }
            case .lane(let lane): lanes[lane] = self.state.lanes[lane]
            case .application(let id): self.state.applications[id].map { applications.append($0) }
            }
        }
        let desired = self.state.members.keys.map { ($0, self.state.desired(for: $0)) }
        do {
            if !changes.isEmpty {
                try await self.store.save(members: members, slots: slots, applications: applications, lanes: lanes)
            }
            self.visible = Dictionary(uniqueKeysWithValues: desired)
            self.waiters.wake(self.visible)
            await self.gate.leave()
        } catch {
            self.unsaved.formUnion(changes)
            await self.gate.leave()
            throw error
        }
    }

    // MARK: What is asked

    /// - Parameter shards: nil keeps the shard count in force, or takes Discord's recommendation for a new application.
    func applicationFound(_ application: DiscordApplication, shards: Int?, intents: UInt64) async throws {
        self.state.applicationFound(
            application.id, name: application.name, numShards: shards, recommendedShards: application.recommendedShards,
            intents: intents, gatewayURL: application.gatewayURL)
        self.budgets[application.id] = SessionStartBudget(
            total: application.sessionStartTotal, remaining: application.sessionStartRemaining,
            maxConcurrency: application.maxConcurrency, resetsAt: self.now + application.sessionStartResetsAfter)
        try await self.commit()
    }

    func register(_ registration: MemberRegistration) async throws -> MemberRegistered {
        guard self.topology.isReady else { throw Problem(.unavailable, "the broker can't be reached") }
        let owner = self.state.memberRegistered(registration, now: self.now, date: Date())
        // The incarnation is spent once it is written: the broker's exchange of this name was never anybody else's.
        try await self.commit()
        let exchange = MemberRegistered.exchange(member: owner.member, incarnation: owner.incarnation)
        if registration.kind == .shard { try await self.topology.admit(exchange: exchange) }
        guard self.state.members[owner.member]?.owner == owner else {
            // Another registration of this id came meanwhile. Its fence may have gone before the exchange was there.
            if registration.kind == .shard { self.state.fences.insert(owner) }
            throw Problem(.staleIncarnation, "another process registered as \(owner.member)")
        }
        self.logger.info(
            "member registered",
            metadata: [
                "member.id": "\(owner.member)", "member.kind": "\(registration.kind.rawValue)",
                "member.incarnation": "\(owner.incarnation)",
            ])
        return MemberRegistered(
            incarnation: owner.incarnation,
            leaseMilliseconds: Int(self.state.policy.lease / .milliseconds(1)),
            renewMilliseconds: Int(self.state.policy.renew / .milliseconds(1)),
            exchange: exchange)
    }

    /// Answers at once when something new is desired, else holds the answer for as long as the renewal allows.
    func renew(_ id: String, _ renewal: LeaseRenewal) async throws -> DesiredState {
        do {
            try self.state.leaseRenewed(id, renewal, now: self.now, date: Date())
        } catch {
            throw Problem(
                .staleIncarnation, "incarnation \(renewal.incarnation) of member \(id) is over: register again")
        }
        if let visible = self.visible[id], visible.version != renewal.appliedVersion { return visible }
        let wait = min(Duration.milliseconds(max(0, renewal.waitMilliseconds)), self.state.policy.renew)
        await self.waiters.wait(member: id, version: renewal.appliedVersion, until: self.clock.now.advanced(by: wait))
        guard self.state.members[id]?.incarnation == renewal.incarnation else {
            throw Problem(.staleIncarnation, "member \(id) has lost its lease: register again")
        }
        // A leader that has just begun has written nothing down yet.
        guard let visible = self.visible[id] else { throw Problem(.unavailable, "nothing can be granted yet") }
        return visible
    }

    func leave(_ id: String, _ final: LeaseRenewal) async throws {
        self.state.memberLeft(id, final, date: Date())
        await self.fenceWhatIsOver()
        self.state.assign(now: self.now)
        try await self.commit()
        self.logger.info("member left", metadata: ["member.id": "\(id)"])
    }

    func permit(_ request: PermitRequest) async throws -> PermitAnswer {
        guard let slot = self.state.slots[request.slot], slot.epoch == request.epoch,
            slot.owner == .init(member: request.member, incarnation: request.incarnation)
        else { throw Problem(.staleIncarnation, "slot \(request.slot) is not granted to member \(request.member)") }
        guard let budget = self.budgets[request.slot.application] else {
            throw Problem(.unavailable, "the application's session start limit is not known yet")
        }
        if let obstacle = self.state.obstacle(to: request.slot.application) {
            return PermitAnswer(
                validMilliseconds: nil, retryAfterMilliseconds: 30_000,
                reason: "shard \(obstacle.slot.shard) was refused: \(obstacle.observed?.reason ?? "")")
        }
        if case .reserveReached(let wait) = budget.decide(now: self.now) {
            return PermitAnswer(
                validMilliseconds: nil, retryAfterMilliseconds: min(60_000, Int(wait / .milliseconds(1))),
                reason: "\(budget.remaining) of \(budget.total) session starts are left, and that is the reserve")
        }
        let bucket = request.slot.shard % budget.maxConcurrency
        // Counted before the wait, so that what is left is never promised twice.
        self.budgets[request.slot.application]?.identified()
        let wait: Duration?
        do {
            wait = try await self.permits.take(bucket: bucket, of: request.slot.application)
        } catch {
            self.budgets[request.slot.application]?.notIdentified()
            throw error
        }
        if let wait {
            self.budgets[request.slot.application]?.notIdentified()
            return PermitAnswer(
                validMilliseconds: nil, retryAfterMilliseconds: Int(wait / .milliseconds(1)),
                reason: "identify bucket \(bucket) is in use")
        }
        return PermitAnswer(
            validMilliseconds: Int(PermitLedger.validity / .milliseconds(1)), retryAfterMilliseconds: nil, reason: nil)
    }

    func view() -> ClusterView { self.state.view(leader: self.leader, now: self.now, date: Date()) }
}
