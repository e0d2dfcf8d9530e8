import Testing

@testable import CoordinatorCore

@Suite("Lane plan")
struct LanePlanTests {
    private func workers(_ names: String...) -> [LanePlan.Worker] { names.map { .init(id: $0, capacity: 1000) } }

    private let empty = Array(repeating: ClusterState.LaneState(), count: 8)

    @Test func `Every lane has a primary and another worker as standby`() {
        let lanes = LanePlan.lanes(current: self.empty, workers: self.workers("a", "b"))
        #expect(lanes.allSatisfy { $0.primary != nil && $0.standby != nil && $0.primary != $0.standby })
        #expect(lanes.count { $0.primary == "a" } == 4)
    }

    @Test func `One worker alone reads all lanes and none has a standby`() {
        let lanes = LanePlan.lanes(current: self.empty, workers: self.workers("a"))
        #expect(lanes.allSatisfy { $0 == .init(primary: "a", standby: nil) })
    }

    @Test func `Without workers no lane is read`() {
        #expect(LanePlan.lanes(current: self.empty, workers: []) == self.empty)
    }

    @Test func `A plan is stable`() {
        let once = LanePlan.lanes(current: self.empty, workers: self.workers("a", "b", "c"))
        #expect(LanePlan.lanes(current: once, workers: self.workers("a", "b", "c")) == once)
    }

    @Test func `A lost primary's lanes go to their standbys first`() {
        let before = LanePlan.lanes(current: self.empty, workers: self.workers("a", "b"))
        let after = LanePlan.lanes(current: before, workers: self.workers("b"))
        #expect(after.allSatisfy { $0.primary == "b" })
    }

    @Test func `A cordoned worker keeps its lanes and gets none`() {
        let before = LanePlan.lanes(current: self.empty, workers: self.workers("a", "b"))
        var cordoned = self.workers("a", "b")
        cordoned[0].isClosed = true
        #expect(LanePlan.lanes(current: before, workers: cordoned) == before)
        let alone = LanePlan.lanes(current: before, workers: [cordoned[0]])
        #expect(zip(before, alone).allSatisfy { $1.primary == ($0.primary == "a" ? "a" : nil) })
        let joined = LanePlan.lanes(current: before, workers: cordoned + self.workers("c"))
        #expect(joined.count { $0.primary == "a" } == 4 && joined.count { $0.primary == "c" } == 2)
        // One that waits in the queue of a primary that is gone would be given the lane by the broker.
        let waiting = before.map { ClusterState.LaneState(primary: $0.primary == "a" ? "c" : "b", standby: "a") }
        let after = LanePlan.lanes(current: waiting, workers: cordoned)
        #expect(zip(waiting, after).allSatisfy { $1 == .init(primary: "b", standby: $0.primary == "b" ? "a" : nil) })
        let nobody = LanePlan.lanes(current: waiting, workers: [cordoned[0]])
        #expect(nobody.allSatisfy { $0 == .init(primary: nil, standby: "a") })
        let new = LanePlan.lanes(current: self.empty, workers: cordoned)
        #expect(new.allSatisfy { $0.primary == "b" && $0.standby == nil })
    }

    @Test func `A new worker takes its share and no lane moves without need`() {
        let before = LanePlan.lanes(current: self.empty, workers: self.workers("a", "b"))
        let after = LanePlan.lanes(current: before, workers: self.workers("a", "b", "c"))
        let moved = zip(before, after).count { $0.primary != $1.primary }
        #expect(after.count { $0.primary == "c" } == 2)
        #expect(moved == 2)
    }
}
