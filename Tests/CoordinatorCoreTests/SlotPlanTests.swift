import ClusterAPI
import Discord
import Testing

@testable import CoordinatorCore

@Suite("Slot plan")
struct SlotPlanTests {
    private func slot(_ shard: Int) -> Slot { Slot(application: .init(rawValue: 1), generation: 1, shard: shard) }

    private func owner(_ name: String) -> ClusterState.Owner { .init(member: name, incarnation: 1) }

    private func member(_ name: String, capacity: Int = 100, draining: Bool = false) -> SlotPlan.Member {
        .init(owner: self.owner(name), capacity: capacity, isDraining: draining)
    }

    private func slots(_ owners: [String?], moving: Set<Int> = []) -> [SlotPlan.Slot] {
        owners.enumerated().map { .init(slot: self.slot($0), owner: $1.map(self.owner), isMoving: moving.contains($0)) }
    }

    @Test func `Free slots are spread evenly over the members`() {
        let moves = SlotPlan.moves(
            slots: self.slots([nil, nil, nil, nil]), members: [self.member("a"), self.member("b")], mostMoves: 4)
        #expect(
            moves == [
                .grant(self.slot(0), to: self.owner("a")), .grant(self.slot(1), to: self.owner("b")),
                .grant(self.slot(2), to: self.owner("a")), .grant(self.slot(3), to: self.owner("b")),
            ])
    }

    @Test func `Nothing moves while the spread is even`() {
        let moves = SlotPlan.moves(
            slots: self.slots(["a", "b", "a"]), members: [self.member("a"), self.member("b")], mostMoves: 4)
        #expect(moves.isEmpty)
    }

    @Test func `A new member gets slots by hand-over and only as many as evenness needs`() {
        let moves = SlotPlan.moves(
            slots: self.slots(["a", "a", "a", "a"]), members: [self.member("a"), self.member("b")], mostMoves: 4)
        #expect(
            moves == [
                .release(self.slot(3), from: self.owner("a"), for: "b"),
                .release(self.slot(2), from: self.owner("a"), for: "b"),
            ])
    }

    @Test func `Slots on the move count against the bound`() {
        let slots = self.slots(["a", "a", "a", "a", "a", "a"], moving: [5])
        let moves = SlotPlan.moves(slots: slots, members: [self.member("a"), self.member("b")], mostMoves: 2)
        #expect(moves == [.release(self.slot(4), from: self.owner("a"), for: "b")])
    }

    @Test func `Capacity is never passed`() {
        let moves = SlotPlan.moves(
            slots: self.slots([nil, nil, nil]), members: [self.member("a", capacity: 2)], mostMoves: 4)
        #expect(moves.count == 2)
    }

    @Test func `A draining member gives all it has when somebody else is there`() {
        let slots = self.slots(["a", "a", nil])
        let moves = SlotPlan.moves(
            slots: slots, members: [self.member("a", draining: true), self.member("b")], mostMoves: 4)
        #expect(
            moves == [
                .grant(self.slot(2), to: self.owner("b")), .release(self.slot(0), from: self.owner("a")),
                .release(self.slot(1), from: self.owner("a")),
            ])
        #expect(
            SlotPlan.moves(slots: self.slots(["a"]), members: [self.member("a", draining: true)], mostMoves: 4).isEmpty)
    }
}
