import ClusterAPI
import Discord
import Testing

@testable import CoordinatorCore

@Suite("Slot plan: capacity, zones, buckets, load, pins")
struct SlotPlanSpreadTests {
    private typealias Owner = ClusterState.Owner

    private func slot(_ shard: Int) -> Slot { Slot(application: .init(rawValue: 1), generation: 1, shard: shard) }

    private func owner(_ name: String) -> Owner { .init(member: name, incarnation: 1) }

    private func member(
        _ name: String, capacity: Int = 100, zone: String = "z", closed: Bool = false
    )
        -> SlotPlan.Member
    {
        .init(owner: self.owner(name), capacity: capacity, zone: zone, isDraining: false, isClosed: closed)
    }

    private func free(_ count: Int, buckets: Int = 1) -> [SlotPlan.Slot] {
        (0..<count).map { .init(slot: self.slot($0), owner: nil, isMoving: false, bucket: $0 % buckets) }
    }

    private func held(_ owners: [String], loads: [Double] = [], pins: [Int: String] = [:]) -> [SlotPlan.Slot] {
        owners.enumerated().map { shard, name in
            .init(
                slot: self.slot(shard), owner: self.owner(name), isMoving: false,
                load: loads.isEmpty ? 0 : loads[shard], pin: pins[shard])
        }
    }

    /// Who has what once every grant is taken.
    private func placed(_ moves: [SlotPlan.Move]) -> [String: [Int]] {
        var placed: [String: [Int]] = [:]
        for case .grant(let slot, let owner) in moves { placed[owner.member, default: []].append(slot.shard) }
        return placed
    }

    private func plan(
        _ slots: [SlotPlan.Slot], _ members: [SlotPlan.Member], most: Int = 100, balancesLoad: Bool = false,
        moved: [(from: String, to: String)] = []
    ) -> [SlotPlan.Move] {
        let byOwner = Dictionary(grouping: slots.filter { $0.owner != nil }) { $0.owner }
        let members = members.map { member in
            var member = member
            member.count = byOwner[member.owner]?.count ?? 0
            member.load = (byOwner[member.owner] ?? []).reduce(0) { $0 + $1.load }
            member.movedAway = moved.count { $0.from == member.owner.member }
            member.movedHere = moved.count { $0.to == member.owner.member }
            return member
        }
        return SlotPlan.moves(
            free: slots.filter { $0.owner == nil },
            strays: slots.filter { $0.owner != nil && $0.pin != nil && $0.pin != $0.owner?.member },
            members: members, moving: 0, bounds: .init(mostMoves: most, balancesLoad: balancesLoad)
        ) { byOwner[$0] ?? [] }
    }

    @Test func `Members fill as their capacity is`() {
        let placed = self.placed(self.plan(self.free(30), [self.member("big", capacity: 200), self.member("small")]))
        #expect(placed["big"]?.count == 20 && placed["small"]?.count == 10)
    }

    @Test func `Zones fill evenly, also the first slots`() {
        let members = [
            self.member("a1", zone: "a"), self.member("a2", zone: "a"), self.member("b1", zone: "b"),
            self.member("b2", zone: "b"),
        ]
        let placed = self.placed(self.plan(self.free(2), members))
        #expect(Set(placed.keys) == ["a1", "b1"])
    }

    @Test func `Slots of one bucket go to different members`() {
        let members = (0..<4).map { self.member("m\($0)") }
        let placed = self.placed(self.plan(self.free(16, buckets: 4), members))
        for shards in placed.values { #expect(Set(shards.map { $0 % 4 }).count == 4, "\(shards)") }
    }

    @Test func `Free slots make good a bucket that a member lacks`() {
        var slots = self.free(2, buckets: 2)
        // `a` has bucket 0 already, `b` bucket 1.
        slots += [
            .init(slot: self.slot(10), owner: self.owner("a"), isMoving: false, bucket: 0),
            .init(slot: self.slot(11), owner: self.owner("b"), isMoving: false, bucket: 1),
        ]
        let placed = self.placed(self.plan(slots, [self.member("a"), self.member("b")]))
        #expect(placed == ["a": [1], "b": [0]])
    }

    @Test func `A cordoned member keeps what it has and gets nothing`() {
        let slots = self.held(["a", "a"]) + [.init(slot: self.slot(9), owner: nil, isMoving: false)]
        let moves = self.plan(slots, [self.member("a"), self.member("b", closed: true)])
        #expect(moves == [.grant(self.slot(9), to: self.owner("a"))])
    }

    @Test func `A pinned slot goes home, is not moved away, and goes anywhere while its member is away`() {
        let away = self.plan(self.held(["a", "b"], pins: [0: "b"]), [self.member("a"), self.member("b")])
        #expect(away.first == .release(self.slot(0), from: self.owner("a"), for: "b"))
        let home = self.plan(
            self.held(["a", "a", "a"], pins: [0: "a", 1: "a", 2: "a"]), [self.member("a"), self.member("b")])
        #expect(home.isEmpty)
        let free = SlotPlan.Slot(slot: self.slot(0), owner: nil, isMoving: false, pin: "gone")
        #expect(self.placed(self.plan([free], [self.member("a")])) == ["a": [0]])
        let back = SlotPlan.Slot(slot: self.slot(0), owner: nil, isMoving: false, pin: "b")
        #expect(self.placed(self.plan([back] + self.held(["b"]), [self.member("a"), self.member("b")])) == ["b": [0]])
    }

    @Test func `A slot that was taken for somebody goes there`() {
        let slot = SlotPlan.Slot(slot: self.slot(5), owner: nil, isMoving: false, destination: "b")
        let moves = self.plan([slot] + self.held(["b", "b"]), [self.member("a"), self.member("b")], most: 0)
        #expect(self.placed(moves) == ["b": [5]])
    }

    @Test func `A draining member gives no more than others have room for`() {
        var draining = self.member("a")
        draining = .init(owner: draining.owner, capacity: 100, isDraining: true)
        let moves = self.plan(self.held(["a", "a", "a"]), [draining, self.member("b", capacity: 2)])
        #expect(moves.count == 2)
    }

    @Test func `A busy member trades a busy slot for a quiet one`() {
        let slots = self.held(["a", "a", "b", "b"], loads: [100, 90, 5, 1])
        let moves = self.plan(slots, [self.member("a"), self.member("b")], balancesLoad: true)
        #expect(
            moves == [
                .release(self.slot(1), from: self.owner("a"), for: "b"),
                .release(self.slot(3), from: self.owner("b"), for: "a"),
            ])
    }

    @Test(arguments: [[10.0, 11, 9, 10], [1, 9, 1, 1], [100, 100, 100, 90]])
    func `Nothing is traded where it helps little`(loads: [Double]) {
        let slots = self.held(["a", "a", "b", "b"], loads: loads)
        #expect(self.plan(slots, [self.member("a"), self.member("b")], balancesLoad: true).isEmpty)
    }

    // MARK: What an operator moved

    @Test func `What an operator moved is not made good for, neither in slots nor in load`() {
        let members = [self.member("a"), self.member("b"), self.member("c")]
        let slots = self.held(["b", "b", "b", "a", "b", "b", "c", "c", "c"], loads: Array(repeating: 50, count: 9))
        let moved = [(from: "a", to: "b"), (from: "a", to: "b")]
        #expect(self.plan(slots, members, balancesLoad: true, moved: moved).isEmpty)
        #expect(self.plan(slots, members).count == 2, "later it is, and with no more moves than it takes")
    }

    @Test func `A move that makes an uneven fleet more even counts as one of those that it takes`() {
        let members = [self.member("a"), self.member("b")]
        // 12 and 8 it was.
        let slots = self.held(Array(repeating: "a", count: 11) + Array(repeating: "b", count: 9))
        #expect(self.plan(slots, members, moved: [(from: "a", to: "b")]).count == 1)
        let even = self.held(Array(repeating: "a", count: 10) + Array(repeating: "b", count: 10))
        #expect(self.plan(even, members, moved: [(from: "a", to: "b"), (from: "a", to: "b")]).isEmpty)
    }

    @Test func `A new member gets its part also from where an operator moved slots to`() {
        let members = ["a", "b", "c", "d"].map { self.member($0) }
        var owners = Array(repeating: "a", count: 6) + Array(repeating: "b", count: 14)
        owners += Array(repeating: "c", count: 10)
        let moved = Array(repeating: (from: "a", to: "b"), count: 4)
        let moves = self.plan(self.held(owners), members, moved: moved)
        var given: [String: Int] = [:]
        for case .release(_, let from, let to) in moves {
            #expect(to == "d")
            given[from.member, default: 0] += 1
        }
        #expect(moves.count == 7 && given["b"] ?? 0 >= 2)
    }

    @Test func `Random fleets come to rest, wherever operators moved slots`() {
        var random = SeededNumbers(state: 7)
        for round in 0..<40 {
            let members = (0..<(2 + random.below(7))).map { self.member("m\($0)", capacity: 20 + random.below(3) * 20) }
            var owners = (0..<(10 + random.below(30))).map { _ in members[random.below(members.count)].owner.member }
            let moved = (0..<random.below(8)).map { _ in
                (
                    from: members[random.below(members.count)].owner.member,
                    to: members[random.below(members.count)].owner.member
                )
            }
            var passes = 0
            while passes < 50 {
                let moves = self.plan(self.held(owners), members, moved: moved)
                guard !moves.isEmpty else { break }
                passes += 1
                for case .release(let slot, _, let destination?) in moves { owners[slot.shard] = destination }
            }
            #expect(passes < 4, "round \(round)")
        }
    }

    @Test func `Evenness is reached with the fewest moves, and then nothing moves any more`() {
        let members = (0..<7).map { self.member("m\($0)", capacity: $0 < 3 ? 300 : 100) }
        var owners = (0..<200).map { _ in "m0" }
        let moves = self.plan(self.held(owners), members, most: 1000)
        // 300 of 1300 are m0's part: 46 of 200 stay.
        #expect((153...155).contains(moves.count), "\(moves.count)")
        for case .release(let slot, _, let destination?) in moves { owners[slot.shard] = destination }
        #expect(self.plan(self.held(owners), members, most: 1000).isEmpty)
    }

    @Test func `Random fleets end even, within capacity, and at rest`() {
        var random = SeededNumbers(state: 42)
        for round in 0..<40 {
            let members = (0..<(2 + random.below(9))).map {
                self.member("m\($0)", capacity: 20 + random.below(4) * 20, zone: ["a", "b", "c"][random.below(3)])
            }
            let room = members.reduce(0) { $0 + $1.capacity }
            var owners = (0..<min(room, 1 + random.below(200))).map { _ in
                members[random.below(members.count)].owner.member
            }
            // Nobody begins with more than it may have.
            for member in members {
                let its = owners.indices.filter { owners[$0] == member.owner.member }
                for index in its.dropFirst(member.capacity) {
                    owners[index] =
                        members.first { other in
                            owners.count { $0 == other.owner.member } < other.capacity
                        }?.owner.member ?? ""
                }
            }
            let moves = self.plan(self.held(owners), members, most: 10_000)
            #expect(Set(moves.map(\.slot)).count == moves.count, "no slot moves twice, round \(round)")
            for case .release(let slot, _, let destination?) in moves { owners[slot.shard] = destination }
            for member in members {
                let count = owners.count { $0 == member.owner.member }
                let part = Double(owners.count) * Double(member.capacity) / Double(room)
                #expect(
                    abs(Double(count) - part) < 2 && count <= member.capacity, "round \(round): \(count) of \(part)")
            }
            #expect(self.plan(self.held(owners), members, most: 10_000).isEmpty, "round \(round)")
        }
    }

    @Test func `The loss of one of 500 members places its 40 slots and touches no other`() {
        let members = (0..<499).map { self.member("m\($0)", capacity: 60) }
        var slots: [SlotPlan.Slot] = []
        for shard in 0..<20_000 {
            let number = shard % 500
            slots.append(
                .init(
                    slot: self.slot(shard), owner: number == 499 ? nil : self.owner("m\(number)"), isMoving: false,
                    bucket: shard % 16))
        }
        let moves = self.plan(slots, members)
        #expect(moves.count == 40 && self.placed(moves).values.allSatisfy { $0.count == 1 })
    }
}

private struct SeededNumbers {
    var state: UInt64

    mutating func below(_ count: Int) -> Int {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(self.state >> 33) % count
    }
}
