import ClusterAPI
import Discord
import Foundation
import Testing

@testable import CoordinatorCore

@Suite("Cluster state")
struct ClusterStateTests {
    private let application = Snowflake(rawValue: 7)
    private let date = Date(timeIntervalSince1970: 1_700_000_000)
    private var state = ClusterState(policy: ClusterPolicy(), firstVersion: 0)

    init() {
        self.state.applicationFound(
            self.application, name: "bot", numShards: nil, recommendedShards: 4, intents: 1, gatewayURL: "ws://gateway")
    }

    private func slot(_ shard: Int, generation: Int = 1) -> Slot {
        Slot(application: self.application, generation: generation, shard: shard)
    }

    private func registration(_ id: String, _ kind: MemberKind = .shard) -> MemberRegistration {
        MemberRegistration(id: id, kind: kind, capacity: 100, zone: "z", version: "1")
    }

    private func renewal(_ incarnation: Int, _ slots: [ObservedSlot] = [], draining: Bool = false) -> LeaseRenewal {
        LeaseRenewal(incarnation: incarnation, appliedVersion: 0, waitMilliseconds: 0, slots: slots, draining: draining)
    }

    /// Member `a` runs all slots, and their sessions are up.
    private mutating func runAll() throws {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let ready = (0..<4).map { ObservedSlot(slot: self.slot($0), epoch: 1, status: .ready) }
        try self.state.leaseRenewed("a", self.renewal(1, ready), now: .zero, date: self.date)
    }

    private func shards(_ id: String, _ state: ClusterState) -> [Int] { state.desired(for: id).slots.map(\.slot.shard) }

    @Test mutating func `All slots go to the only member, each with a first epoch`() {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let desired = self.state.desired(for: "a")
        #expect(desired.slots.map(\.slot.shard) == [0, 1, 2, 3])
        #expect(desired.slots.allSatisfy { $0.epoch == 1 && $0.numShards == 4 && $0.session == nil })
    }

    @Test mutating func `A silent member's slots are granted elsewhere only after the fence`() {
        let lost = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let later = self.state.policy.lease
        _ = self.state.memberRegistered(self.registration("b"), now: later - .seconds(1), date: self.date)
        self.state.timePassed(now: later)
        self.state.assign(now: later)
        #expect(self.state.fences == [lost])
        #expect(self.shards("b", self.state).isEmpty)

        self.state.fenced(lost)
        self.state.assign(now: later)
        #expect(self.shards("b", self.state) == [0, 1, 2, 3])
        #expect(self.state.desired(for: "b").slots.allSatisfy { $0.epoch == 2 })
        #expect(self.state.members["a"] == nil)
    }

    @Test mutating func `A member whose attendance was broken off is lost, unless it is heard of`() throws {
        try self.runAll()
        let isDoubted = self.state.doubt("a", incarnation: 1, now: .seconds(1))
        #expect(isDoubted)
        try self.state.leaseRenewed("a", self.renewal(1), now: .seconds(1), date: self.date)
        self.state.timePassed(now: .seconds(3))
        #expect(self.state.fences.isEmpty, "it was heard of")

        let isLastDoubted = self.state.doubt("a", incarnation: 1, now: .seconds(3))
        #expect(isLastDoubted)
        self.state.timePassed(now: .seconds(3) + self.state.policy.doubt - .milliseconds(1))
        #expect(self.state.fences.isEmpty)
        self.state.timePassed(now: .seconds(3) + self.state.policy.doubt)
        #expect(self.state.fences.map(\.member) == ["a"])
    }

    @Test mutating func `An attendance of another life, or of a member that leaves, raises no doubt`() throws {
        try self.runAll()
        let ofAnother = self.state.doubt("a", incarnation: 2, now: .zero)
        let ofNobody = self.state.doubt("b", incarnation: 1, now: .zero)
        #expect(!ofAnother && !ofNobody)
        try self.state.leaseRenewed("a", self.renewal(1, draining: true), now: .zero, date: self.date)
        let ofLeaving = self.state.doubt("a", incarnation: 1, now: .zero)
        #expect(!ofLeaving)
    }

    @Test mutating func `When many attendances break at once, leases count`() throws {
        for id in 0..<8 {
            _ = self.state.memberRegistered(self.registration("m\(id)"), now: .zero, date: self.date)
            try self.state.leaseRenewed("m\(id)", self.renewal(1), now: .zero, date: self.date)
        }
        for id in 0..<3 { _ = self.state.doubt("m\(id)", incarnation: 1, now: .zero) }
        self.state.timePassed(now: .seconds(2))
        #expect(self.state.fences.isEmpty, "three of eight is the network's fault")
        try self.state.leaseRenewed("m0", self.renewal(1), now: .seconds(2), date: self.date)
        self.state.timePassed(now: .seconds(2))
        #expect(self.state.fences.map(\.member).sorted() == ["m1", "m2"], "two of eight are gone")
    }

    @Test mutating func `The next owner gets the session and the watermark that were told last`() throws {
        let lost = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let session = SessionState(sessionID: "s", resumeURL: "ws://resume", sequence: 41)
        let seen = ObservedSlot(slot: self.slot(0), epoch: 1, status: .ready, session: session, guilds: 12)
        try self.state.leaseRenewed("a", self.renewal(1, [seen]), now: .seconds(1), date: self.date)
        let late = ObservedSlot(
            slot: self.slot(0), epoch: 1, status: .ready,
            session: .init(sessionID: "s", resumeURL: "ws://resume", sequence: 12))
        try self.state.leaseRenewed("a", self.renewal(1, [late]), now: .seconds(2), date: self.date)
        self.state.timePassed(now: .seconds(60))
        self.state.fenced(lost)
        _ = self.state.memberRegistered(self.registration("b"), now: .seconds(60), date: self.date)
        self.state.assign(now: .seconds(60))
        #expect(self.state.desired(for: "b").slots.first?.session == session)
        #expect(self.state.desired(for: "b").slots.first?.guilds == 12)
    }

    @Test mutating func `A cache that falls behind, or has caught up, is written down with the session`() throws {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        var writes: [Bool] = []
        for (isBehind, sequence) in [(nil, 1), (true, 1), (true, 2), (nil, 2)] as [(Bool?, Int64)] {
            _ = self.state.takeChanges()
            let session = SessionState(sessionID: "s", resumeURL: "u", sequence: sequence, cacheIsBehind: isBehind)
            let seen = ObservedSlot(slot: self.slot(0), epoch: 1, status: .ready, session: session)
            try self.state.leaseRenewed("a", self.renewal(1, [seen]), now: .zero, date: self.date)
            #expect(self.state.slots[self.slot(0)]?.session == session)
            writes.append(self.state.takeChanges().contains(.slot(self.slot(0))))
        }
        // A watermark alone does not write the whole row.
        #expect(writes == [true, true, false, true])
    }

    @Test mutating func `A gap is written down once, and the view keeps the last hundred`() throws {
        try self.runAll()
        _ = self.state.takeChanges()
        func gap(_ number: Int) -> SessionGap {
            SessionGap(session: "s\(number)", after: 7, reason: "invalid_session", numShards: 4, atMilliseconds: 1_000)
        }
        let told = ObservedSlot(slot: self.slot(2), epoch: 1, status: .ready, gaps: [gap(0), gap(1)])
        try self.state.leaseRenewed("a", self.renewal(1, [told]), now: .zero, date: self.date)
        let expected = [0, 1].map { ClusterState.GapState(slot: self.slot(2), gap: gap($0), member: "a") }
        #expect(self.state.takeChanges().isSuperset(of: expected.map { .gap($0) }))
        try self.state.leaseRenewed("a", self.renewal(1, [told]), now: .zero, date: self.date)
        #expect(self.state.takeChanges().isEmpty)
        #expect(self.state.gaps == expected)
        let more = ObservedSlot(slot: self.slot(1), epoch: 1, status: .ready, gaps: (2..<150).map { gap($0) })
        try self.state.leaseRenewed("a", self.renewal(1, [more]), now: .zero, date: self.date)
        let view = self.state.view(leader: "l", now: .zero, date: self.date)
        #expect(view.gaps?.count == 100)
        #expect(view.gaps?.last == .init(slot: self.slot(1), gap: gap(149), member: "a"))
        #expect(view.gaps?.last?.at == Date(timeIntervalSince1970: 1))
    }

    @Test mutating func `A report of an old epoch or of another's slot changes nothing`() throws {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let session = SessionState(sessionID: "s", resumeURL: "u", sequence: 1)
        let stale = ObservedSlot(slot: self.slot(0), epoch: 0, status: .released, session: session)
        try self.state.leaseRenewed("a", self.renewal(1, [stale]), now: .zero, date: self.date)
        #expect(self.state.slots[self.slot(0)]?.session == nil)
        #expect(self.shards("a", self.state) == [0, 1, 2, 3])
    }

    @Test mutating func `A new life of a member does not get the old life's slots before the fence`() {
        let first = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let second = self.state.memberRegistered(self.registration("a"), now: .seconds(1), date: self.date)
        self.state.assign(now: .seconds(1))
        #expect(second.incarnation == first.incarnation + 1)
        #expect(self.shards("a", self.state).isEmpty)
        self.state.fenced(first)
        self.state.assign(now: .seconds(1))
        #expect(self.shards("a", self.state) == [0, 1, 2, 3])
    }

    @Test mutating func `A renewal of an incarnation that is over is refused`() {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        #expect(throws: ClusterState.StaleIncarnation.self) {
            try self.state.leaseRenewed("a", self.renewal(1), now: .zero, date: self.date)
        }
        #expect(throws: ClusterState.StaleIncarnation.self) {
            try self.state.leaseRenewed("nobody", self.renewal(1), now: .zero, date: self.date)
        }
    }

    @Test mutating func `A slot moves only after its owner said that it let go`() throws {
        try self.runAll()
        _ = self.state.memberRegistered(self.registration("b"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.shards("a", self.state) == [0, 1])
        #expect(self.shards("b", self.state).isEmpty)

        let session = SessionState(sessionID: "s", resumeURL: "u", sequence: 9)
        let released = ObservedSlot(slot: self.slot(3), epoch: 1, status: .released, session: session)
        try self.state.leaseRenewed("a", self.renewal(1, [released]), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.shards("b", self.state) == [3])
        #expect(self.state.desired(for: "b").slots.first?.session == session)
        #expect(self.state.desired(for: "b").slots.first?.epoch == 2)
    }

    @Test mutating func `An owner that does not hand over in time is fenced`() throws {
        try self.runAll()
        let slow = ClusterState.Owner(member: "a", incarnation: 1)
        _ = self.state.memberRegistered(self.registration("b"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        let later = self.state.policy.handOver
        for id in ["a", "b"] { self.state.members[id]?.leaseEnds = later + .seconds(6) }
        self.state.timePassed(now: later - .seconds(1))
        #expect(self.state.fences.isEmpty)
        self.state.timePassed(now: later)
        #expect(self.state.fences == [slow])
    }

    @Test mutating func `A slot whose session is not up yet is not moved for the sake of balance`() {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        _ = self.state.memberRegistered(self.registration("b"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.shards("a", self.state) == [0, 1, 2, 3])
    }

    @Test mutating func `Time in which the coordinator stood still is nobody's silence`() {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.clockJumped(by: .seconds(20))
        self.state.timePassed(now: .seconds(20))
        #expect(self.state.fences.isEmpty)
        self.state.timePassed(now: .seconds(26))
        #expect(self.state.fences.count == 1)
    }

    @Test mutating func `A drained member is left with nothing`() throws {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        _ = self.state.memberRegistered(self.registration("b"), now: .zero, date: self.date)
        try self.state.leaseRenewed("a", self.renewal(1, draining: true), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.shards("a", self.state).isEmpty)
        let released = (0..<4).map { ObservedSlot(slot: self.slot($0), epoch: 1, status: .released) }
        try self.state.leaseRenewed("a", self.renewal(1, released, draining: true), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.shards("b", self.state) == [0, 1, 2, 3])
    }

    private mutating func found(shards: Int?, recommended: Int) {
        self.state.applicationFound(
            self.application, name: "bot", numShards: shards, recommendedShards: recommended, intents: 1,
            gatewayURL: "ws://gateway")
    }

    @Test mutating func `Another recommendation changes nothing`() {
        _ = self.state.takeChanges()
        self.found(shards: nil, recommended: 9)
        #expect(self.state.applications[self.application]?.numShards == 4)
        #expect(self.state.takeChanges().isEmpty)
    }

    @Test mutating func `Another shard count starts the next generation and the one before is let go`() {
        _ = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        self.found(shards: 2, recommended: 4)
        self.state.assign(now: .zero)
        #expect(
            self.state.desired(for: "a").slots.map(\.slot) == [
                self.slot(0, generation: 2), self.slot(1, generation: 2),
            ])
        self.found(shards: nil, recommended: 4)
        #expect(self.state.applications[self.application]?.generation == 2)
    }

    @Test mutating func `Desired state keeps its version while it is the same, and grows with each change`() throws {
        try self.runAll()
        let first = self.state.desired(for: "a").version
        self.state.assign(now: .seconds(1))
        #expect(self.state.desired(for: "a").version == first)
        _ = self.state.memberRegistered(self.registration("b"), now: .zero, date: self.date)
        self.state.assign(now: .seconds(1))
        #expect(self.state.desired(for: "a").version > first)
    }

    @Test mutating func `Lanes are granted to workers and leave with them`() {
        _ = self.state.memberRegistered(self.registration("w", .worker), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.state.desired(for: "w").lanes.count == 32)
        #expect(self.state.desired(for: "w").slots.isEmpty)
        self.state.timePassed(now: .seconds(60))
        self.state.assign(now: .seconds(60))
        #expect(self.state.lanes.allSatisfy { $0.primary == nil })
    }

    @Test mutating func `Changes name every member and slot that has to be written down`() {
        _ = self.state.takeChanges()
        let owner = self.state.memberRegistered(self.registration("a"), now: .zero, date: self.date)
        self.state.assign(now: .zero)
        #expect(self.state.takeChanges() == Set([.member("a")] + (0..<4).map { .slot(self.slot($0)) }))
        #expect(self.state.takeChanges().isEmpty)
        self.state.timePassed(now: .seconds(60))
        self.state.fenced(owner)
        #expect(self.state.takeChanges() == Set([.member("a")] + (0..<4).map { .slot(self.slot($0)) }))
    }
}
