import ClusterAPI
import Testing

@testable import OperatorConsole

@Suite("How far an operation is")
struct OperationWatchTests {
    // MARK: Moves

    private func move() -> MoveWatch {
        MoveWatch(Fixture.slot(0), to: "b", before: Fixture.cluster([Fixture.view(0, on: "a", epoch: 4)]))
    }

    @Test func `A move is done when the slot is ready with its new owner`() {
        var watch = self.move()
        for slot in [
            Fixture.view(0, on: "a", epoch: 4), Fixture.view(0, on: "a", .handingOver, epoch: 4),
            Fixture.view(0, on: nil, .released, epoch: 4), Fixture.view(0, on: "b", .starting, epoch: 5),
            Fixture.view(0, on: "b", .resuming, epoch: 5),
        ] { #expect(watch.observe(Fixture.cluster([slot])).isRunning) }
        #expect(watch.observe(Fixture.cluster([Fixture.view(0, on: "b", epoch: 5)])).isDone)
    }

    @Test(arguments: ["a", "c"])
    func `A slot that comes up elsewhere has not moved as asked`(owner: String) {
        var watch = self.move()
        #expect(watch.observe(Fixture.cluster([Fixture.view(0, on: owner, .resuming, epoch: 5)])).isRunning)
        let end = watch.observe(Fixture.cluster([Fixture.view(0, on: owner, epoch: 5)]))
        #expect(end.failure?.contains("went to \(owner) instead") == true)
    }

    @Test func `A slot that fails, or goes with its generation, ends the wait`() {
        var watch = self.move()
        let failed = Fixture.view(0, on: "b", .failed, epoch: 5, reason: "4004 Authentication failed")
        #expect(watch.observe(Fixture.cluster([failed])).failure?.contains("4004") == true)
        #expect(watch.observe(Fixture.cluster([])).failure?.contains("gone") == true)
    }

    // MARK: Drains

    private let two = [Fixture.view(0, on: "a"), Fixture.view(1, on: "a"), Fixture.view(2, on: "b")]
    private let drained = [Fixture.member("a", mark: "drained"), Fixture.member("b")]

    @Test func `A drain is done when all is ready elsewhere and no lane is left`() {
        var watch = DrainWatch("a", before: Fixture.cluster(self.two))
        let members = self.drained
        #expect(watch.observe(Fixture.cluster(self.two, members: members)).words.contains("0 of 2 slots"))
        let half = [Fixture.view(0, on: "b", .resuming), Fixture.view(1, on: "a", .handingOver)]
        #expect(watch.observe(Fixture.cluster(half, members: members)).isRunning)
        let moved = [Fixture.view(0, on: "b"), Fixture.view(1, on: "b")]
        let lane = ClusterView.Lane(lane: 0, primary: "x", standby: "a")
        #expect(watch.observe(Fixture.cluster(moved, members: members, lanes: [lane])).isRunning)
        #expect(watch.observe(Fixture.cluster(moved, members: members)).isDone)
        // Also when the process has ended by then.
        #expect(watch.observe(Fixture.cluster(moved, members: [])).isDone)
    }

    @Test func `A slot that nobody runs is not handed over`() {
        var watch = DrainWatch("a", before: Fixture.cluster(self.two))
        let view = Fixture.cluster(
            [Fixture.view(0, on: nil, .released), Fixture.view(1, on: "b")], members: self.drained)
        #expect(watch.observe(view).isRunning)
    }

    @Test func `What failed before the drain may fail after it`() {
        var watch = DrainWatch("a", before: Fixture.cluster([Fixture.view(0, on: "a", .failed)]))
        #expect(watch.observe(Fixture.cluster([Fixture.view(0, on: "b", .failed)], members: self.drained)).isDone)
        var other = DrainWatch("a", before: Fixture.cluster([Fixture.view(0, on: "a")]))
        let end = other.observe(
            Fixture.cluster([Fixture.view(0, on: "b", .failed, reason: "4014")], members: self.drained))
        #expect(end.failure?.contains("4014") == true)
    }

    @Test func `Somebody who takes the mark away ends the drain`() {
        var watch = DrainWatch("a", before: Fixture.cluster(self.two))
        // Not marked yet: a view from before.
        #expect(watch.observe(Fixture.cluster(self.two, members: [Fixture.member("a")])).isRunning)
        #expect(watch.observe(Fixture.cluster(self.two, members: self.drained)).isRunning)
        #expect(watch.observe(Fixture.cluster(self.two, members: [Fixture.member("a")])).failure != nil)
    }

    @Test func `What arrives in the meantime has to leave as well`() {
        var watch = DrainWatch("a", before: Fixture.cluster([Fixture.view(0, on: "a")]))
        let late = [Fixture.view(0, on: "b"), Fixture.view(1, on: "a", .resuming)]
        #expect(watch.observe(Fixture.cluster(late, members: self.drained)).words.contains("1 of 2"))
    }

    @Test func `An empty member is drained at once`() {
        var watch = DrainWatch("a", before: Fixture.cluster([]))
        #expect(watch.observe(Fixture.cluster([], members: self.drained)).isDone)
    }

    // MARK: Rebalancing

    private func rebalance() -> RebalanceWatch {
        let plan = PlanPreview(
            moves: [
                .init(slot: Fixture.slot(0), from: "a", to: "b"), .init(slot: Fixture.slot(1), from: "a", to: "b"),
                .init(slot: Fixture.slot(2), from: "a", to: nil),
            ], members: [], resumes: 2, identifies: 0, sessionStartsLeft: nil, notes: [])
        return RebalanceWatch(plan, before: Fixture.cluster((0..<3).map { Fixture.view($0, on: "a") }))
    }

    @Test func `A rebalance is done when each move is`() {
        var watch = self.rebalance()
        let half = [Fixture.view(0, on: "b", epoch: 2), Fixture.view(1, on: "a", .handingOver)]
        #expect(watch.observe(Fixture.cluster(half)).words.contains("1 of 2"))
        // Another owner than planned is as good.
        #expect(
            watch.observe(Fixture.cluster([Fixture.view(0, on: "b", epoch: 2), Fixture.view(1, on: "c", epoch: 2)]))
                .isDone)
    }

    @Test func `Moves that never begin are given up`() {
        var watch = self.rebalance()
        let rest = [Fixture.view(0, on: "b", epoch: 2), Fixture.view(1, on: "a")]
        #expect(watch.observe(Fixture.cluster(rest)).isRunning)
        #expect(watch.observe(Fixture.cluster(rest, after: 14)).isRunning)
        // One on its way begins the time anew.
        let moving = [Fixture.view(0, on: "b", epoch: 2), Fixture.view(1, on: "a", .handingOver)]
        #expect(watch.observe(Fixture.cluster(moving, after: 15)).isRunning)
        #expect(watch.observe(Fixture.cluster(rest, after: 16)).isRunning)
        #expect(watch.observe(Fixture.cluster(rest, after: 31)).isDone)
    }

    @Test func `A slot that fails where it went fails the rebalance`() {
        var watch = self.rebalance()
        let slots = [Fixture.view(0, on: "b", epoch: 2), Fixture.view(1, on: "b", .failed, epoch: 2, reason: "4004")]
        #expect(watch.observe(Fixture.cluster(slots)).failure?.contains("4004") == true)
    }

    @Test func `An empty plan is done`() {
        var watch = RebalanceWatch(
            PlanPreview(moves: [], members: [], resumes: 0, identifies: 0, sessionStartsLeft: nil, notes: []),
            before: Fixture.cluster())
        #expect(watch.observe(Fixture.cluster()).isDone)
    }

    // MARK: Resharding

    @Test func `A reshard is done when the new count is in force and the old sessions are closed`() {
        var watch = ReshardWatch(Fixture.application, to: 8)
        #expect(watch.observe(Fixture.cluster()).isRunning)
        for reshard in [
            Fixture.reshard("identifying", ready: 3), Fixture.reshard("switching", ready: 8, joined: 8, left: 1),
        ] { #expect(watch.observe(Fixture.cluster(reshard: reshard)).isRunning) }
        let closing = Fixture.cluster(numShards: 8, generation: 2, reshard: Fixture.reshard("closing"))
        #expect(watch.observe(closing).isRunning)
        #expect(watch.observe(Fixture.cluster(numShards: 8, generation: 2)).isDone)
    }

    @Test func `A reshard that is rolled back tells why`() {
        var watch = ReshardWatch(Fixture.application, to: 8)
        _ = watch.observe(Fixture.cluster(reshard: Fixture.reshard("identifying", ready: 3)))
        let cleaning = Fixture.reshard("cleaning", reason: "shard 5 of 8 was refused: 4004")
        #expect(watch.observe(Fixture.cluster(reshard: cleaning)).isRunning)
        let end = watch.observe(Fixture.cluster())
        #expect(end.failure?.contains("rolled back to 4 shards: shard 5 of 8 was refused: 4004") == true)
    }

    @Test func `A reshard that came and went unseen is not waited for without end`() {
        var watch = ReshardWatch(Fixture.application, to: 8)
        #expect(watch.observe(Fixture.cluster()).isRunning)
        #expect(watch.observe(Fixture.cluster(after: 9)).isRunning)
        #expect(watch.observe(Fixture.cluster(after: 10)).failure != nil)
    }

    @Test func `An abort is done when the old count is alone again`() {
        var watch = ReshardWatch(Fixture.application, to: 8, isAbort: true)
        #expect(watch.observe(Fixture.cluster(reshard: Fixture.reshard("rollingBack", reason: "aborted"))).isRunning)
        #expect(watch.observe(Fixture.cluster()).isDone)
        #expect(watch.observe(Fixture.cluster(numShards: 8, generation: 2)).failure?.contains("too late") == true)
    }

    // MARK: Restarts

    private let fleet = [Fixture.member("a", incarnation: 3), Fixture.member("w", .worker, incarnation: 1)]

    private func restarting(
        _ current: String?, waiting: [String], done: Int, _ members: [ClusterView.Member]
    ) -> ClusterView {
        Fixture.cluster(
            members: members,
            restart: .init(
                requestedBy: "ops", startedAt: Fixture.start, current: current, waiting: waiting, done: done))
    }

    @Test func `A restart is done when every member is in another life`() {
        var watch = RestartWatch(before: Fixture.cluster(members: self.fleet))
        #expect(watch.observe(Fixture.cluster(members: self.fleet)).isRunning)
        let first = watch.observe(self.restarting("w", waiting: ["a"], done: 0, self.fleet))
        #expect(first.words == "0 of 2 members back, now w")
        let half = [Fixture.member("a", incarnation: 3), Fixture.member("w", .worker, incarnation: 2)]
        #expect(watch.observe(self.restarting("a", waiting: [], done: 1, half)).words.contains("1 of 2"))
        let all = [Fixture.member("a", incarnation: 4), Fixture.member("w", .worker, incarnation: 2)]
        #expect(watch.observe(Fixture.cluster(members: all)).isDone)
    }

    @Test func `A restart that stops before its end names whom it left out`() {
        var watch = RestartWatch(before: Fixture.cluster(members: self.fleet))
        _ = watch.observe(self.restarting("w", waiting: ["a"], done: 0, self.fleet))
        let half = [Fixture.member("a", incarnation: 3), Fixture.member("w", .worker, incarnation: 2)]
        #expect(watch.observe(Fixture.cluster(members: half)).failure?.contains(": a ") == true)
    }

    @Test func `A restart that is never seen is not waited for without end`() {
        var watch = RestartWatch(before: Fixture.cluster(members: self.fleet))
        #expect(watch.observe(Fixture.cluster(members: self.fleet)).isRunning)
        #expect(watch.observe(Fixture.cluster(members: self.fleet, after: 10)).failure != nil)
    }
}
