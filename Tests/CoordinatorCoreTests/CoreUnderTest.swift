import ClusterAPI
import Discord
import Foundation
import Testing

@testable import CoordinatorCore

/// A core with a clock, a store and a broker that a test plays by hand.
struct CoreUnderTest {
    static let application = Snowflake(rawValue: 7)
    static let date = Date(timeIntervalSince1970: 1_700_000_000)

    var core: CoordinatorCore
    var now: Duration = .zero
    private(set) var saves: [StateBatch] = []
    private(set) var fences: [CoordinatorCore.Owner] = []
    private(set) var admissions: [CoordinatorCore.Owner] = []
    private(set) var permits: [(ticket: Int, bucket: Int)] = []
    private(set) var answers: [Int: Result<CoordinatorCore.Answer, Problem>] = [:]
    private(set) var steppedDown: String?
    /// What the store has of slots.
    private(set) var written: [Slot: ClusterState.SlotState] = [:]
    private var requests = 0
    /// Who runs which slot, with which status, as one knows it who looks only at slots with news.
    private var known: [Slot: String] = [:]

    init(loaded: LoadedState = LoadedState(), epoch: Int64 = 1, policy: ClusterPolicy = ClusterPolicy()) {
        self.core = CoordinatorCore(
            policy: policy, leader: "c", leaderEpoch: epoch, loaded: loaded, leadsUntil: .seconds(3600), now: .zero)
        for slot in loaded.slots { self.written[slot.slot] = slot }
        self.core.brokerChanged(isReady: true, now: .zero)
        self.drain()
    }

    static func slot(_ shard: Int, generation: Int = 1) -> Slot {
        Slot(application: self.application, generation: generation, shard: shard)
    }

    private mutating func lookAtNews() {
        func fact(_ state: ClusterState.SlotState?) -> String? {
            guard let state, self.core.state.isActive(state.slot) else { return nil }
            return "\(state.owner?.member ?? "nobody"), \(state.observed?.status.rawValue ?? "not heard of")"
        }
        let news = self.core.takeSlotNews()
        for slot in news { self.known[slot] = fact(self.core.state.slots[slot]) }
        #expect(self.known == self.core.state.slots.compactMapValues(fact), "a slot is different without news")
    }

    mutating func drain() {
        self.lookAtNews()
        for effect in self.core.takeEffects() {
            switch effect {
            case .save(let batch): self.saves.append(batch)
            case .fence(let owner): self.fences.append(owner)
            case .admit(let owner): self.admissions.append(owner)
            case .takePermit(let ticket, _, let bucket): self.permits.append((ticket, bucket))
            case .answer(let request, let answer): self.answers[request] = answer
            case .stepDown(let reason): self.steppedDown = reason
            case .log: break
            }
        }
    }

    /// Runs the core, and keeps what it wants.
    mutating func act(_ body: (inout CoordinatorCore, Duration) -> Void) {
        body(&self.core, self.now)
        self.drain()
    }

    /// Sends a request; its answer is kept under the number returned.
    mutating func ask(_ body: (inout CoordinatorCore, Int, Duration) -> Void) -> Int {
        self.requests += 1
        let request = self.requests
        self.act { body(&$0, request, $1) }
        return request
    }

    /// Has an operator ask for something, and what it changes written down.
    @discardableResult
    mutating func operate(_ request: OperatorRequest) -> Result<CoordinatorCore.Answer, Problem>? {
        let asked = self.ask { $0.operationRequested($1, request, by: "op", now: $2, date: Self.date) }
        self.save()
        return self.answers[asked]
    }

    mutating func tick(_ step: Duration = .milliseconds(250)) {
        self.now += step
        self.act { $0.ticked(now: $1, date: Self.date) }
    }

    /// The store says yes to the write that is on its way, and to those that follow.
    mutating func save() {
        var done = 0
        while done < self.saves.count {
            let batch = self.saves[done]
            done += 1
            for slot in batch.slots { self.written[slot.slot] = slot }
            for slot in batch.droppedSlots { self.written[slot] = nil }
            self.act { $0.saved(batch.number, now: $1) }
        }
        self.saves = []
    }

    mutating func failSave(isLeadershipLost: Bool = false) {
        let saves = self.saves
        self.saves = []
        for batch in saves {
            self.act { $0.saveFailed(batch.number, isLeadershipLost: isLeadershipLost, reason: "away", now: $1) }
        }
    }

    mutating func fenced() {
        let fences = self.fences
        self.fences = []
        for owner in fences { self.act { $0.fenced(owner, now: $1) } }
    }

    mutating func found(
        shards: Int? = 4, recommended: Int = 4, remaining: Int = 1000, maxConcurrency: Int = 1, askedAt: Duration? = nil
    ) {
        let application = DiscordApplication(
            id: Self.application, name: "bot", gatewayURL: "wss://g", recommendedShards: recommended,
            sessionStartTotal: 1000,
            sessionStartRemaining: remaining, sessionStartResetsAfter: .seconds(80_000),
            maxConcurrency: maxConcurrency)
        let asked = askedAt ?? self.now
        self.act {
            $0.applicationFound(
                application, shards: shards, intents: 1, askedAt: asked, now: $1, date: Self.date)
        }
    }

    /// Registers a member, and lets store and broker say yes.
    mutating func join(_ id: String, _ kind: MemberKind = .shard, capacity: Int = 100, zone: String = "z") {
        let registration = MemberRegistration(id: id, kind: kind, capacity: capacity, zone: zone, version: "1")
        _ = self.ask { $0.registerRequested($1, registration, now: $2, date: Self.date) }
        self.save()
        let admissions = self.admissions
        self.admissions = []
        for owner in admissions { self.act { $0.admitted(owner, now: $1) } }
        self.save()
    }

    /// Renews as a member does that runs what it is granted, with every session up.
    mutating func renew(
        _ id: String, wait: Int = 0, _ change: (ObservedSlot) -> ObservedSlot? = { $0 }, draining: Bool = false
    ) -> Int {
        let granted = self.core.state.desired(for: id)
        let slots = granted.slots.compactMap { grant in
            change(
                ObservedSlot(
                    slot: grant.slot, epoch: grant.epoch, status: .ready,
                    session: SessionState(
                        sessionID: "s\(grant.slot.generation).\(grant.slot.shard)", resumeURL: "r", sequence: 5),
                    guilds: 100, acknowledgedMilliseconds: 0))
        }
        // What it has and is not to run any more, it has let go of.
        let held = self.core.state.members[id].map { self.core.state.held[$0.owner] ?? [] } ?? []
        let over = held.subtracting(granted.slots.map(\.slot)).sorted().map { slot in
            ObservedSlot(
                slot: slot, epoch: self.core.state.slots[slot]?.epoch ?? 0, status: .released,
                session: self.core.state.slots[slot]?.session)
        }
        return self.renew(id, slots: slots + over, wait: wait, draining: draining)
    }

    mutating func renew(_ id: String, slots: [ObservedSlot], wait: Int = 0, draining: Bool = false) -> Int {
        let incarnation = self.core.state.members[id]?.incarnation ?? 1
        let renewal = LeaseRenewal(
            incarnation: incarnation, appliedVersion: self.core.state.version(of: id), waitMilliseconds: wait,
            slots: slots, draining: draining)
        return self.ask { $0.renewRequested($1, member: id, renewal, now: $2, date: Self.date) }
    }

    func granted(_ id: String) -> [Int] { self.core.state.desired(for: id).slots.map(\.slot.shard) }

    func shown(_ id: String) -> [Int] { self.core.visible[id]?.slots.map(\.slot.shard) ?? [] }

    func problem(_ request: Int) -> Problem? {
        if case .failure(let problem)? = self.answers[request] { problem } else { nil }
    }
}
