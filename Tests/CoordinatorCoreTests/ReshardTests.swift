import ClusterAPI
import Testing

@testable import CoordinatorCore

@Suite("Reshard")
struct ReshardTests {
    private var test: CoreUnderTest

    init() {
        var policy = ClusterPolicy()
        policy.lanes = 8
        self.test = CoreUnderTest(policy: policy)
        self.test.found(shards: 2, maxConcurrency: 16)
        self.test.save()
        self.test.join("a")
        self.run(seconds: 2)
    }

    /// Lets time pass while `a` runs what it is told, unless `change` says otherwise of a slot.
    private mutating func run(seconds: Int, _ change: (ObservedSlot) -> ObservedSlot? = { $0 }) {
        for _ in 0..<(seconds * 4) { self.step(change) }
    }

    private mutating func step(_ change: (ObservedSlot) -> ObservedSlot? = { $0 }) {
        _ = self.test.renew("a", change)
        self.test.tick()
        self.test.save()
    }

    private var reshard: Reshard? { self.test.core.state.reshards[CoreUnderTest.application] }
    private var generation: Int? { self.test.core.state.applications[CoreUnderTest.application]?.generation }

    private func lanes(_ generation: Int) -> [Int]? {
        let publishing = self.test.core.state.desired(for: "a").publishing
        return publishing?.first { $0.generation == generation }?.lanes
    }

    @Test mutating func `The new generation is muted, takes lane by lane, and then the old one is closed`() throws {
        #expect(self.lanes(1) == nil, "without a reshard all is published")
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        #expect(self.reshard?.phase == .identifying && self.generation == 1)
        #expect(self.lanes(1) == Array(0..<8) && self.lanes(2) == [])
        #expect(self.test.core.state.desired(for: "a").slots.count == 6)
        var seen: [[Int]] = []
        for _ in 0..<400 where self.generation == 1 {
            self.step()
            guard let old = self.lanes(1), let new = self.lanes(2) else { break }
            #expect(Set(old + new) == Set(0..<8), "every lane is published")
            if seen.last != [old.count, new.count] { seen.append([old.count, new.count]) }
        }
        #expect(seen == [[8, 0], [8, 1], [7, 1], [7, 2], [6, 2], [6, 8], [0, 8]])
        #expect(self.generation == 2)
        self.run(seconds: 3)
        #expect(self.reshard == nil)
        #expect(self.test.core.state.slots.keys.allSatisfy { $0.generation == 2 })
        #expect(self.lanes(2) == nil && self.test.core.state.desired(for: "a").slots.count == 4)
        self.test.found(shards: 2)
        #expect(self.generation == 2, "the count in the settings no longer counts")
    }

    private var advice: [String]? {
        self.test.core.view(now: self.test.now, date: CoreUnderTest.date).applications.first?.advice
    }

    private static func refused(_ slot: ObservedSlot) -> ObservedSlot? {
        guard slot.slot == CoreUnderTest.slot(1) else { return slot }
        return ObservedSlot(
            slot: slot.slot, epoch: slot.epoch, status: .failed, session: slot.session, reason: "sharding required",
            closeCode: 4011)
    }

    @Test mutating func `What calls for another shard count is told`() {
        self.test.found(shards: 2, recommended: 2, maxConcurrency: 16)
        #expect(self.advice == nil)
        self.test.found(shards: 2, recommended: 3, maxConcurrency: 16)
        #expect(self.advice?.contains { $0.contains("recommends 3") } == true)
        self.test.found(shards: 2, recommended: 2, maxConcurrency: 16)
        self.run(seconds: 1, Self.refused)
        #expect(self.advice?.contains { $0.contains("4011") } == true)
        self.run(seconds: 1) { slot in
            ObservedSlot(
                slot: slot.slot, epoch: slot.epoch, status: .ready, session: slot.session, guilds: 2_400,
                acknowledgedMilliseconds: 0)
        }
        #expect(self.advice?.contains { $0.contains("2400 guilds") } == true)
    }

    @Test mutating func `A shard that Discord refuses for its count does not stand against another count`() throws {
        self.run(seconds: 2, Self.refused)
        #expect(self.test.operate(OperatorRequest(.reshard, shards: 4)).isSuccess)
        for _ in 0..<400 where self.reshard?.left == 0 { self.step(Self.refused) }
        // It comes back in the middle, and does not publish the first lanes any more.
        self.run(seconds: 100)
        #expect(self.generation == 2 && self.reshard == nil)
        let gap = try #require(self.test.core.state.gaps.first)
        #expect(gap.slot == CoreUnderTest.slot(1) && gap.gap.session == "s1.1")
    }

    @Test mutating func `A count in the settings that the session starts don't suffice for changes nothing`() {
        self.test.found(shards: 4, remaining: 40)
        #expect(self.generation == 1, "40 of 1000 are the reserve")
        self.test.found(shards: 4, remaining: 400)
        #expect(self.generation == 2)
        #expect(self.test.saves.flatMap(\.audit).contains { $0.action == "generation" })
    }

    @Test mutating func `A shard in force that waits for its bucket comes before one of the new generation`() throws {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        self.run(seconds: 1)
        let lost = CoreUnderTest.slot(0)
        let isWaiting: (ObservedSlot) -> ObservedSlot? = { slot in
            slot.slot == lost ? ObservedSlot(slot: lost, epoch: slot.epoch, status: .waitingForPermit) : slot
        }
        self.run(seconds: 1, isWaiting)
        for slot in [CoreUnderTest.slot(0, generation: 2), CoreUnderTest.slot(1, generation: 2), lost] {
            let epoch = try #require(self.test.core.state.slots[slot]?.epoch)
            let request = PermitRequest(member: "a", incarnation: 1, slot: slot, epoch: epoch)
            _ = self.test.ask { $0.permitRequested($1, request, now: $2) }
        }
        #expect(self.test.permits.map(\.bucket) == [1, 0], "the new generation's shard 0 was told to wait")
    }

    @Test mutating func `No lane is switched while a session is not up, or has not told how far it is`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        self.run(seconds: 60) { slot in
            slot.slot == CoreUnderTest.slot(3, generation: 2)
                ? ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .identifying) : slot
        }
        #expect(self.reshard?.phase == .identifying)
        self.run(seconds: 30) { slot in
            ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .ready, session: slot.session)
        }
        #expect(self.reshard?.joined == 1 && self.reshard?.left == 0, "both publish, none falls silent")
    }

    @Test mutating func `The old generation is not caught up by what may have been told long before it was heard`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        while self.reshard?.joined != 1 { self.step() }
        /// The old generation's sessions have settled what was dispatched until so long after the new one joined.
        func settle(until: Duration, _ test: inout Self) {
            guard let applied = test.test.core.state.reshardProgress[CoreUnderTest.application]?.appliedSince else {
                return test.step()
            }
            let age = Int((test.test.now - applied - until) / .milliseconds(1))
            test.step { slot in
                guard slot.slot.generation == 1 else { return slot }
                return ObservedSlot(
                    slot: slot.slot, epoch: slot.epoch, status: .ready, session: slot.session, guilds: 100,
                    acknowledgedMilliseconds: max(0, age))
            }
        }
        for _ in 0..<80 { settle(until: .milliseconds(3400), &self) }
        #expect(self.reshard?.joined == 1 && self.reshard?.left == 0)
        for _ in 0..<4 { settle(until: .milliseconds(3600), &self) }
        #expect(self.reshard?.left == 1)
    }

    @Test mutating func `The old generation has to catch up with a session that the new one began meanwhile`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        while self.reshard?.joined != 1 { self.step() }
        let caughtUp = self.test.now + .seconds(5)
        func told(_ slot: ObservedSlot, isNew: Bool, now: Duration) -> ObservedSlot {
            var session = slot.session
            if slot.slot == CoreUnderTest.slot(0, generation: 2), isNew {
                session = SessionState(sessionID: "later", resumeURL: "wss://gateway.test", sequence: 1)
            }
            let isOld = slot.slot.generation == 1
            return ObservedSlot(
                slot: slot.slot, epoch: slot.epoch, status: .ready, session: session, guilds: 100,
                acknowledgedMilliseconds: isOld ? max(0, Int((now - caughtUp) / .milliseconds(1))) : 0)
        }
        for step in 0..<120 {
            let now = self.test.now
            self.step { told($0, isNew: step >= 30, now: now) }
        }
        #expect(self.reshard?.joined == 1 && self.reshard?.left == 0)
        self.run(seconds: 5) { slot in
            let session = told(slot, isNew: true, now: .zero).session
            return ObservedSlot(
                slot: slot.slot, epoch: slot.epoch, status: .ready, session: session, guilds: 100,
                acknowledgedMilliseconds: 0)
        }
        #expect(self.reshard?.left ?? 8 > 0)
    }

    @Test mutating func `A shard that Discord refuses rolls it back, and a start that takes too long`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        self.run(seconds: 1) { slot in
            slot.slot == CoreUnderTest.slot(3, generation: 2)
                ? ObservedSlot(
                    slot: slot.slot, epoch: slot.epoch, status: .failed, reason: "closed with 4010", closeCode: 4010)
                : slot
        }
        #expect(self.reshard.map { $0.phase == .cleaning } ?? true)
        self.run(seconds: 3)
        #expect(self.reshard == nil && self.generation == 1)
        #expect(self.test.core.state.slots.count == 2)
    }

    @Test mutating func `One that can't go on is rolled back, lane by lane, and the old generation publishes again`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        while self.reshard?.left != 1 { self.step() }
        self.run(seconds: 125) { slot in
            slot.slot == CoreUnderTest.slot(0, generation: 2)
                ? ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .connecting) : slot
        }
        #expect(self.reshard?.phase == .rollingBack && self.lanes(1) == Array(0..<8))
        self.run(seconds: 20)
        #expect(self.reshard == nil && self.generation == 1 && self.lanes(1) == nil)
        #expect(self.test.core.state.gaps.isEmpty)
    }

    @Test mutating func `A rollback that has to leave something behind says so`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        while self.reshard?.left != 1 { self.step() }
        self.test.operate(OperatorRequest(.abortReshard))
        self.run(seconds: 140) { slot in
            slot.slot.generation == 2
                ? ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .connecting, session: slot.session) : slot
        }
        #expect(
            self.reshard == nil && self.test.core.state.gaps.map(\.gap.reason) == Array(repeating: "reshard", count: 4))
    }

    @Test mutating func `It can be aborted until it is committed`() {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        self.run(seconds: 1)
        #expect(self.test.operate(OperatorRequest(.abortReshard)).isSuccess)
        self.run(seconds: 3)
        #expect(self.reshard == nil && self.generation == 1)
        #expect(!self.test.operate(OperatorRequest(.abortReshard)).isSuccess)
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        #expect(self.reshard?.to == 3, "a generation's number is never used again")
    }

    @Test mutating func `The next leader goes on where the last one was`() throws {
        self.test.operate(OperatorRequest(.reshard, shards: 4))
        while self.reshard?.left != 1 { self.step() }
        var loaded = LoadedState()
        let state = self.test.core.state
        loaded.members = Array(state.members.values)
        loaded.incarnations = ["a": 1]
        loaded.slots = Array(state.slots.values)
        loaded.applications = Array(state.applications.values)
        loaded.latestGenerations = [CoreUnderTest.application: 2]
        loaded.reshards = state.reshards
        self.test = CoreUnderTest(loaded: loaded, epoch: 2, policy: state.policy)
        self.test.found(shards: 2, maxConcurrency: 16)
        #expect(self.reshard?.left == 1 && self.lanes(1) == Array(1..<8) && self.lanes(2) == [0])
        self.run(seconds: 70)
        #expect(self.generation == 2)
    }

    @Test mutating func `What stands against it is told, all of it`() throws {
        self.test.found(shards: 2, remaining: 202, maxConcurrency: 16)
        let asked = self.test.operate(OperatorRequest(.reshard, shards: 200, dryRun: true))
        guard case .success(.operation(let answer))? = asked, let preview = answer.reshard else {
            Issue.record("no preview: \(String(describing: asked))")
            return
        }
        #expect(preview.identifies == 200 && preview.sessionStartsLeft == 2 && preview.problems.count == 2)
        #expect(preview.problems.contains { $0.contains("session starts") })
        #expect(preview.problems.contains { $0.contains("room for 98") })
        #expect(!self.test.operate(OperatorRequest(.reshard, shards: 200)).isSuccess)
        #expect(!self.test.operate(OperatorRequest(.reshard, shards: 2)).isSuccess, "there are two already")
        #expect(!self.test.operate(OperatorRequest(.reshard)).isSuccess)
    }
}

extension Result<CoordinatorCore.Answer, Problem>? {
    fileprivate var isSuccess: Bool { if case .success? = self { true } else { false } }
}
