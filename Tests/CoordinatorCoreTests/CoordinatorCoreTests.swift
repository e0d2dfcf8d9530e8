import ClusterAPI
import Foundation
import Testing

@testable import CoordinatorCore

@Suite("Coordinator core")
struct CoordinatorCoreTests {
    private var test = CoreUnderTest()

    /// Members `a` and `b`, four slots with sessions.
    private mutating func fleet() {
        self.test.found()
        self.test.save()
        self.test.join("a")
        self.test.join("b")
        for _ in 0..<6 {
            _ = self.test.renew("a")
            _ = self.test.renew("b")
            self.test.tick()
            self.test.save()
        }
    }

    // MARK: Written down before it is seen

    @Test mutating func `A grant is seen only after it is written down`() {
        self.test.found()
        self.test.save()
        self.test.join("a")
        #expect(self.test.shown("a") == [0, 1, 2, 3])
        self.test.found(shards: 8)
        #expect(self.test.saves.count == 1, "the new generation is being written down")
        #expect(self.test.shown("a") == [0, 1, 2, 3])
        self.test.save()
        #expect(self.test.core.visible["a"]?.slots.allSatisfy { $0.slot.generation == 2 } == true)
    }

    @Test mutating func `One write is on its way at a time, and what happens meanwhile goes with the next`() {
        self.test.found()
        #expect(self.test.saves.count == 1)
        self.test.found(shards: 8)
        self.test.found(shards: 9)
        #expect(self.test.saves.count == 1)
        let first = self.test.saves[0].number
        self.test.act { $0.saved(first, now: $1) }
        #expect(self.test.saves.count == 2 && self.test.saves[1].applications.map(\.numShards) == [9])
    }

    @Test mutating func `What could not be written goes again, with what happened since`() {
        self.test.found()
        self.test.failSave()
        #expect(self.test.saves.isEmpty, "not at once")
        self.test.tick(.milliseconds(600))
        #expect(self.test.saves.count == 1 && self.test.saves[0].slots.count == 4)
    }

    @Test mutating func `Who lost the lead is told so by the store, and does nothing any more`() {
        self.test.found()
        let asked = self.test.ask {
            let registration = MemberRegistration(id: "a", kind: .shard, capacity: 1, zone: "", version: "")
            $0.registerRequested($1, registration, now: $2, date: CoreUnderTest.date)
        }
        self.test.failSave(isLeadershipLost: true)
        #expect(self.test.steppedDown != nil && self.test.problem(asked)?.code == .unavailable)
        self.test.tick()
        #expect(self.test.saves.isEmpty)
    }

    @Test mutating func `Who stood still for longer than its lease does nothing any more`() {
        self.fleet()
        var core = CoordinatorCore(
            policy: ClusterPolicy(), leader: "c", leaderEpoch: 1, loaded: LoadedState(), leadsUntil: .seconds(3),
            now: .zero)
        core.leads(until: .seconds(4))
        core.ticked(now: .seconds(2), date: CoreUnderTest.date)
        #expect(!core.isOver)
        core.ticked(now: .seconds(4), date: CoreUnderTest.date)
        #expect(core.isOver)
    }

    // MARK: Members

    @Test mutating func `A shard gets slots once its exchange is there`() {
        self.test.found()
        self.test.save()
        let registration = MemberRegistration(id: "a", kind: .shard, capacity: 9, zone: "", version: "")
        let asked = self.test.ask { $0.registerRequested($1, registration, now: $2, date: CoreUnderTest.date) }
        self.test.save()
        let owner = ClusterState.Owner(member: "a", incarnation: 1)
        #expect(self.test.admissions == [owner] && self.test.answers[asked] == nil)
        self.test.tick()
        #expect(self.test.granted("a").isEmpty)
        self.test.act { $0.admitted(owner, now: $1) }
        guard case .success(.registered(let registered))? = self.test.answers[asked] else {
            Issue.record("no answer")
            return
        }
        #expect(registered.exchange == "gw.m.a.1" && registered.controlQueue == "gw.c.a.1")
        #expect(self.test.granted("a") == [0, 1, 2, 3])
    }

    @Test mutating func `Without the broker nobody registers`() {
        self.test.act { $0.brokerChanged(isReady: false, now: $1) }
        let registration = MemberRegistration(id: "a", kind: .shard, capacity: 9, zone: "", version: "")
        let asked = self.test.ask { $0.registerRequested($1, registration, now: $2, date: CoreUnderTest.date) }
        #expect(self.test.problem(asked)?.code == .unavailable)
    }

    @Test mutating func `A registration that comes twice ends no life, and one that comes late neither`() {
        self.test.found()
        self.test.save()
        let plain = MemberRegistration(id: "a", kind: .shard, capacity: 9, zone: "", version: "")
        func register(_ attempt: Int, _ process: String) -> Int {
            let asked = self.test.ask {
                $0.registerRequested($1, plain.attempt(attempt, of: process), now: $2, date: CoreUnderTest.date)
            }
            self.test.save()
            for incarnation in 1...3 {
                self.test.act { $0.admitted(.init(member: "a", incarnation: incarnation), now: $1) }
            }
            self.test.save()
            return asked
        }
        func incarnation(_ request: Int) -> Int? {
            guard case .success(.registered(let registered))? = self.test.answers[request] else { return nil }
            return registered.incarnation
        }
        #expect(incarnation(register(1, "p")) == 1)
        #expect(incarnation(register(1, "p")) == 1)
        #expect(incarnation(register(2, "p")) == 2)
        let late = register(1, "p")
        #expect(self.test.problem(late)?.code == .staleIncarnation)
        #expect(incarnation(register(1, "q")) == 3, "another process")
    }

    @Test mutating func `A renewal's answer is held until something is new, or its time is over`() {
        self.fleet()
        let held = self.test.renew("a", wait: 1000)
        #expect(self.test.answers[held] == nil)
        self.test.tick(.milliseconds(500))
        #expect(self.test.answers[held] == nil)
        self.test.tick(.milliseconds(500))
        #expect(self.test.answers[held] != nil)
        let next = [self.test.renew("a", wait: 1000), self.test.renew("b", wait: 1000)]
        #expect(self.test.answers[next[0]] == nil && self.test.answers[next[1]] == nil)
        self.test.join("c")
        let answered = next.filter { self.test.answers[$0] != nil }
        #expect(!answered.isEmpty, "one of them is to give something to the new one")
    }

    @Test mutating func `A newer renewal of the same member takes the place of a held one`() {
        self.fleet()
        let first = self.test.renew("a", wait: 1000)
        let second = self.test.renew("a", wait: 1000)
        #expect(self.test.answers[first] != nil && self.test.answers[second] == nil)
    }

    @Test mutating func `What lets a member forget is answered once it is written down`() throws {
        self.fleet()
        let slot = try #require(self.test.core.state.desired(for: "a").slots.first)
        let gap = SessionGap(session: "x", after: 1, reason: "lost", numShards: 4, atMilliseconds: 1)
        let told = ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .ready, gaps: [gap])
        let asked = self.test.renew("a", slots: [told], wait: 1000)
        #expect(self.test.answers[asked] == nil && self.test.saves.first?.gaps.count == 1)
        self.test.failSave()
        #expect(self.test.problem(asked)?.code == .unavailable)
        self.test.now += .seconds(1)
        let again = self.test.renew("a", slots: [told], wait: 1000)
        #expect(self.test.answers[again] == nil)
        self.test.save()
        #expect(self.test.answers[again] != nil && self.test.problem(again) == nil)
    }

    @Test mutating func `A renewal that was overtaken by a later one is not heard`() throws {
        self.fleet()
        let slot = try #require(self.test.core.state.desired(for: "a").slots.first)
        func tell(_ session: String, _ number: Int) {
            let told = ObservedSlot(
                slot: slot.slot, epoch: slot.epoch, status: .ready,
                session: SessionState(sessionID: session, resumeURL: "r", sequence: 1))
            let renewal = LeaseRenewal(
                incarnation: 1, appliedVersion: 0, waitMilliseconds: 0, slots: [told], number: number)
            _ = self.test.ask { $0.renewRequested($1, member: "a", renewal, now: $2, date: CoreUnderTest.date) }
        }
        tell("new", 9)
        tell("old", 8)
        #expect(self.test.core.state.slots[slot.slot]?.session?.sessionID == "new")
    }

    // MARK: Fences

    @Test mutating func `A life is cut off once its end is written down, and its slots are granted once it is`() {
        self.fleet()
        let owner = ClusterState.Owner(member: "a", incarnation: 1)
        let lost = self.test.granted("a")
        for _ in 0..<30 {
            _ = self.test.renew("b")
            self.test.tick()
            if !self.test.saves.isEmpty, self.test.core.state.fences.contains(owner) { break }
            self.test.save()
        }
        #expect(self.test.fences.isEmpty, "not written down yet")
        #expect(self.test.saves.last?.members.first?.state?.phase == .fencing)
        self.test.save()
        #expect(self.test.fences == [owner])
        #expect(Set(self.test.granted("b")).isDisjoint(with: lost))
        self.test.fenced()
        #expect(self.test.granted("b") == [0, 1, 2, 3])
        #expect(self.test.shown("b").count == 2, "not written down yet")
        self.test.save()
        #expect(self.test.shown("b") == [0, 1, 2, 3])
    }

    @Test(arguments: [true, false])
    mutating func `A life that ends while its exchange is made is cut off after that`(isMade: Bool) {
        func register(_ test: inout CoreUnderTest, _ process: String) -> Int {
            let registration = MemberRegistration(
                id: "a", kind: .shard, capacity: 9, zone: "", version: "", process: process, attempt: 1)
            let asked = test.ask { $0.registerRequested($1, registration, now: $2, date: CoreUnderTest.date) }
            test.save()
            return asked
        }
        let first = ClusterState.Owner(member: "a", incarnation: 1)
        let asked = register(&self.test, "x")
        _ = register(&self.test, "y")
        self.test.tick()
        #expect(self.test.fences.isEmpty, "the broker may do what it is asked for in any order")
        #expect(self.test.admissions == [first, ClusterState.Owner(member: "a", incarnation: 2)])
        self.test.act {
            if isMade { $0.admitted(first, now: $1) } else { $0.admitFailed(first, reason: "too late", now: $1) }
        }
        #expect(self.test.problem(asked) != nil)
        #expect(self.test.fences == [first])
        self.test.fenced()
        self.test.tick()
        #expect(self.test.fences.isEmpty && self.test.core.state.fences.isEmpty)
    }

    @Test mutating func `The broker is asked again, and not while it is away`() {
        self.fleet()
        for _ in 0..<30 {
            _ = self.test.renew("b")
            self.test.tick()
            self.test.save()
        }
        #expect(self.test.fences.count == 1)
        let owner = self.test.fences[0]
        self.test.act { $0.fenceFailed(owner, reason: "away", now: $1) }
        self.test.act { $0.brokerChanged(isReady: false, now: $1) }
        self.test.tick(.seconds(1))
        #expect(self.test.fences.count == 1)
        self.test.act { $0.brokerChanged(isReady: true, now: $1) }
        #expect(self.test.fences.count == 2)
    }

    @Test mutating func `A new leader finishes the fences of the last, and gives nothing to whom it has not heard`() {
        var loaded = LoadedState()
        let registration = MemberRegistration(id: "a", kind: .shard, capacity: 9, zone: "", version: "")
        loaded.members = [
            .init(
                registration: registration, incarnation: 4, startedAt: CoreUnderTest.date, leaseEnds: .zero)
        ]
        loaded.incarnations = ["a": 4]
        loaded.applications = [
            .init(
                id: CoreUnderTest.application, name: "", generation: 1, numShards: 2, intents: 0, gatewayURL: "")
        ]
        var old = ClusterState.SlotState(slot: CoreUnderTest.slot(0), numShards: 2)
        old.owner = .init(member: "a", incarnation: 3)
        old.epoch = 7
        loaded.slots = [old, ClusterState.SlotState(slot: CoreUnderTest.slot(1), numShards: 2)]
        self.test = CoreUnderTest(loaded: loaded, epoch: 9)
        self.test.tick()
        #expect(self.test.fences == [.init(member: "a", incarnation: 3)])
        self.test.fenced()
        self.test.save()
        #expect(self.test.granted("a").isEmpty)
        _ = self.test.renew("a")
        self.test.save()
        #expect(self.test.granted("a") == [0, 1])
        #expect(self.test.core.state.slots[CoreUnderTest.slot(0)]?.epoch == 8)
        #expect(self.test.core.visible["a"].map { $0.version > 9 << 32 } == true)
    }

    @Test mutating func `A new leader gives members that were there the time that their calls take to fail`() {
        var loaded = LoadedState()
        let registration = MemberRegistration(id: "a", kind: .shard, capacity: 9, zone: "", version: "")
        loaded.members = [
            .init(registration: registration, incarnation: 1, startedAt: CoreUnderTest.date, leaseEnds: .zero)
        ]
        loaded.incarnations = ["a": 1]
        self.test = CoreUnderTest(loaded: loaded)
        for _ in 0..<36 { self.test.tick() }
        #expect(self.test.core.state.fences.isEmpty)
        for _ in 0..<5 { self.test.tick() }
        #expect(self.test.core.state.fences.count == 1)
    }

    // MARK: Permits

    private mutating func askPermit(_ shard: Int, epoch: Int64 = 1, _ member: String = "a") -> Int {
        let request = PermitRequest(
            member: member, incarnation: 1, slot: CoreUnderTest.slot(shard), epoch: epoch)
        return self.test.ask { $0.permitRequested($1, request, now: $2) }
    }

    private mutating func single(remaining: Int = 1000, maxConcurrency: Int = 1) {
        self.test.found(remaining: remaining, maxConcurrency: maxConcurrency)
        self.test.save()
        self.test.join("a")
    }

    @Test mutating func `A permit is counted before the ledger is asked, and given once it is written down`() {
        self.single(remaining: 202)
        let first = self.askPermit(0)
        #expect(self.test.permits.count == 1)
        #expect(self.test.core.gates[CoreUnderTest.application]?.budget?.remaining == 201)
        let ticket = self.test.permits[0].ticket
        self.test.act { $0.permitTaken(ticket, wait: nil, now: $1) }
        #expect(self.test.answers[first] == nil)
        #expect(self.test.saves.last?.slots.first?.unknownSince == 1)
        self.test.save()
        guard case .success(.permit(let permit))? = self.test.answers[first] else {
            Issue.record("no permit")
            return
        }
        #expect(permit.validMilliseconds == 500)
    }

    @Test mutating func `A bucket that is in use spares the ledger the question`() {
        self.single()
        _ = self.askPermit(0)
        let ticket = self.test.permits[0].ticket
        self.test.act { $0.permitTaken(ticket, wait: .seconds(3), now: $1) }
        let second = self.askPermit(1)
        #expect(self.test.permits.count == 1)
        guard case .success(.permit(let answer))? = self.test.answers[second] else {
            Issue.record("no answer")
            return
        }
        #expect(answer.validMilliseconds == nil && answer.retryAfterMilliseconds == 3000)
        #expect(self.test.core.gates[CoreUnderTest.application]?.budget?.remaining == 1000)
        // Whoever gave it did so before this leader: how late its IDENTIFY was nobody knows here.
        self.test.now += .seconds(3) + IdentifyPolicy().hold
        _ = self.askPermit(1)
        #expect(self.test.permits.count == 2)
    }

    @Test mutating func `Nobody but the owner of the epoch gets a permit`() {
        self.single()
        for request in [self.askPermit(0, epoch: 2), self.askPermit(0, "b")] {
            #expect(self.test.problem(request)?.code == .staleIncarnation)
        }
    }

    @Test mutating func `The next owner learns that a session may have been that nobody told of`() {
        self.single()
        _ = self.askPermit(0)
        let ticket = self.test.permits[0].ticket
        self.test.act { $0.permitTaken(ticket, wait: nil, now: $1) }
        self.test.save()
        for _ in 0..<40 {
            self.test.tick()
            self.test.save()
        }
        self.test.fenced()
        self.test.save()
        self.test.join("b")
        let grants = self.test.core.state.desired(for: "b").slots
        #expect(grants.map(\.followsUnknownSession) == [true, nil, nil, nil])
        _ = self.test.renew("b")
        #expect(self.test.core.state.slots[CoreUnderTest.slot(0)]?.unknownSince == nil)
    }

    @Test mutating func `So it is when the permit came before the lost session was given up`() {
        self.single()
        _ = self.test.renew("a")
        _ = self.askPermit(0)
        let ticket = self.test.permits[0].ticket
        self.test.act { $0.permitTaken(ticket, wait: nil, now: $1) }
        self.test.save()
        let lost = CoreUnderTest.slot(0)
        _ = self.test.renew("a") { slot in
            slot.slot == lost ? ObservedSlot(slot: lost, epoch: slot.epoch, status: .identifying) : slot
        }
        #expect(self.test.saves.last?.slots.first?.unknownSince == 1)
        self.test.save()
        #expect(self.test.core.state.slots[lost]?.unknownSince == 1)
        _ = self.test.renew("a")
        self.test.save()
        #expect(self.test.core.state.slots[lost]?.unknownSince == nil, "its next session is told")
    }

    // MARK: What stays small

    @Test mutating func `A quiet fleet writes nothing but watermarks, once a second`() {
        self.fleet()
        var writes = 0
        for round in 0..<40 {
            self.test.tick()
            for id in ["a", "b"] {
                _ = self.test.renew(id) { slot in
                    ObservedSlot(
                        slot: slot.slot, epoch: slot.epoch, status: .ready,
                        session: SessionState(
                            sessionID: slot.session?.sessionID ?? "", resumeURL: "r", sequence: Int64(10 + round)))
                }
            }
            writes += self.test.saves.count
            #expect(self.test.saves.allSatisfy { $0.slots.isEmpty && $0.members.isEmpty })
            self.test.save()
        }
        #expect(writes <= 11)
    }
}
