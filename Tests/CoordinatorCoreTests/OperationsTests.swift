import ClusterAPI
import Testing

@testable import CoordinatorCore

@Suite("Operations")
struct OperationsTests {
    private var test = CoreUnderTest()

    private mutating func fleet(_ members: [String], shards: Int) {
        self.test.found(shards: shards, maxConcurrency: 16)
        self.test.save()
        for id in members { self.test.join(id) }
        self.run(members, seconds: 20)
    }

    /// Lets time pass while members run what they are told.
    private mutating func run(_ members: [String], seconds: Int) {
        for _ in 0..<(seconds * 2) {
            for id in members { _ = self.test.renew(id) }
            self.test.tick(.milliseconds(500))
            self.test.save()
            self.test.fenced()
        }
    }

    private func refusal(_ answer: Result<CoordinatorCore.Answer, Problem>?) -> String {
        if case .failure(let problem)? = answer { problem.detail } else { "" }
    }

    // MARK: Moves

    private var owners: [Int: String] {
        var owners: [Int: String] = [:]
        for (slot, state) in self.test.core.state.slots { owners[slot.shard] = state.owner?.member }
        return owners
    }

    @Test mutating func `Moved slots stay, and nothing else moves for it until they may be moved again`() {
        let members = ["a", "b", "c"]
        self.fleet(members, shards: 18)
        let before = self.owners
        var wanted = before
        for shard in before.keys.sorted().filter({ before[$0] == "a" }).prefix(4) {
            #expect(self.test.operate(OperatorRequest(.move, shard: shard, member: "b")).isSuccess)
            wanted[shard] = "b"
            self.run(members, seconds: 3)
        }
        self.run(members, seconds: 500)
        #expect(self.owners == wanted)
        self.run(members, seconds: 200)
        #expect(members.allSatisfy { id in self.owners.values.count { $0 == id } == 6 })
        #expect(self.owners.count { wanted[$0.key] != $0.value } == 4, "as many as it takes")
    }

    @Test mutating func `What was moved is evened out at once when an operator asks for that`() {
        self.fleet(["a", "b"], shards: 8)
        let shard = self.test.granted("a")[0]
        self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        self.run(["a", "b"], seconds: 3)
        #expect(self.test.granted("b").count == 5)
        guard case .success(.operation(let answer))? = self.test.operate(OperatorRequest(.rebalance)) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.plan?.moves.count == 1)
        self.run(["a", "b"], seconds: 30)
        #expect(self.test.granted("a").count == 4 && self.test.granted("b").count == 4)
    }

    /// What a leader that began now would find.
    private func loaded(_ change: (inout ClusterState.SlotState) -> Void = { _ in }) -> LoadedState {
        var loaded = LoadedState()
        let state = self.test.core.state
        loaded.members = state.members.values.sorted { $0.owner < $1.owner }
        loaded.applications = Array(state.applications.values)
        loaded.slots = self.test.written.values.sorted { $0.slot < $1.slot }.map { row in
            var slot = ClusterState.SlotState(slot: row.slot, numShards: row.numShards)
            (slot.epoch, slot.owner, slot.session) = (row.epoch, row.owner, row.session)
            (slot.pin, slot.moved) = (row.pin, row.moved)
            change(&slot)
            return slot
        }
        return loaded
    }

    private mutating func nextLeader(_ loaded: LoadedState) {
        self.test = CoreUnderTest(loaded: loaded, epoch: 2)
        self.test.found(shards: 8)
        self.test.save()
    }

    @Test mutating func `The next leader brings an operator's move to its end, and leaves the slot there`() {
        self.fleet(["a", "b"], shards: 8)
        let shard = self.test.granted("a")[0]
        #expect(self.test.operate(OperatorRequest(.move, shard: shard, member: "b")).isSuccess)
        self.nextLeader(self.loaded())
        // Its owner is heard of first: it keeps the slot until the other may get it.
        self.run(["a"], seconds: 2)
        #expect(self.owners[shard] == "a" && self.test.granted("a").contains(shard))
        self.run(["a", "b"], seconds: 3)
        #expect(self.owners[shard] == "b")
        self.nextLeader(self.loaded())
        self.run(["a", "b"], seconds: 500)
        #expect(self.owners[shard] == "b")
        self.run(["a", "b"], seconds: 200)
        #expect(self.owners.values.count { $0 == "b" } == 4, "evened out when its time is over")
    }

    @Test mutating func `A leader that has not heard of a member yet takes as many moves as it has room for`() {
        self.test.found(shards: 6, maxConcurrency: 16)
        self.test.save()
        self.test.join("a")
        self.test.join("b", capacity: 1)
        self.test.operate(OperatorRequest(.cordon, member: "b"))
        self.run(["a", "b"], seconds: 5)
        let loaded = self.loaded()
        self.test = CoreUnderTest(loaded: loaded, epoch: 2)
        self.test.found(shards: 6)
        self.test.save()
        let room = 1 - self.test.granted("b").count
        let taken = [0, 1, 2].count { self.test.operate(OperatorRequest(.move, shard: $0, member: "b")).isSuccess }
        #expect(taken == room)
    }

    @Test mutating func `A slot that was let go on its way waits for whom it was meant for, but not for long`() {
        self.fleet(["a", "b"], shards: 8)
        let shard = self.test.granted("a")[0]
        self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        let loaded = self.loaded { if $0.slot.shard == shard { $0.owner = nil } }
        for (members, owner) in [(["a", "b"], "b"), (["a"], "a")] {
            self.nextLeader(loaded)
            self.run(["a"], seconds: 1)
            #expect(self.owners[shard] == nil)
            self.run(members, seconds: 5)
            #expect(self.owners[shard] == owner)
        }
    }

    @Test mutating func `The next leader goes on with no move that is over, or that another wish has overtaken`() {
        self.fleet(["a", "b"], shards: 8)
        let before = self.owners
        let shard = self.test.granted("a")[0]
        self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        #expect(self.test.written[CoreUnderTest.slot(shard)]?.moved?.to == "b")
        let over = self.loaded { $0.moved?.until = .zero }
        let pinned = self.loaded { if $0.slot.shard == shard { $0.pin = "a" } }
        var cordoned = self.loaded()
        cordoned.marks["b"] = .cordoned
        var gone = self.loaded()
        gone.members.removeAll { $0.registration.id == "b" }
        for (loaded, members) in [(over, ["a", "b"]), (pinned, ["a", "b"]), (cordoned, ["a", "b"]), (gone, ["a"])] {
            self.nextLeader(loaded)
            self.run(members, seconds: 3)
            #expect(self.owners[shard] == before[shard])
            #expect(self.test.written[CoreUnderTest.slot(shard)].map { $0.moved == nil } == true)
        }
    }

    @Test mutating func `What was evened out is not moved again by the next leader`() {
        self.fleet(["a", "b"], shards: 8)
        let shard = self.test.granted("a")[0]
        self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        self.run(["a", "b"], seconds: 3)
        self.test.operate(OperatorRequest(.rebalance))
        self.run(["a", "b"], seconds: 5)
        #expect(self.test.written.values.allSatisfy { $0.moved == nil })
    }

    @Test mutating func `Moves to a member that is nearly full are taken as far as it has room`() {
        self.test.found(shards: 6, maxConcurrency: 16)
        self.test.save()
        self.test.join("a")
        self.run(["a"], seconds: 3)
        self.test.join("b", capacity: 1)
        #expect(self.test.operate(OperatorRequest(.move, shard: 3, member: "b")).isSuccess)
        #expect(self.refusal(self.test.operate(OperatorRequest(.move, shard: 4, member: "b"))).contains("no room"))
        #expect(self.test.operate(OperatorRequest(.move, shard: 3, member: "b")).isSuccess, "asked again")
        self.run(["a", "b"], seconds: 3)
        #expect(self.test.granted("b") == [3])
        #expect(self.test.operate(OperatorRequest(.move, shard: 3, member: "b")).isSuccess, "and when it is there")
    }

    @Test mutating func `A move that is asked for again is answered once it is written down`() {
        self.fleet(["a", "b"], shards: 8)
        let request = OperatorRequest(.move, shard: self.test.granted("a")[0], member: "b")
        let first = self.test.ask { $0.operationRequested($1, request, by: "op", now: $2, date: CoreUnderTest.date) }
        self.test.failSave()
        #expect(self.test.problem(first)?.code == .unavailable)
        let second = self.test.ask { $0.operationRequested($1, request, by: "op", now: $2, date: CoreUnderTest.date) }
        #expect(self.test.answers[second] == nil)
        self.test.now += .seconds(5)
        self.test.tick()
        let entries = self.test.saves.flatMap(\.audit).count { $0.action == "move" }
        self.test.save()
        #expect(self.test.answers[second].isSuccess && entries == 1)
        #expect(self.test.core.state.slots[CoreUnderTest.slot(request.shard ?? 0)]?.destination == "b")
        let elsewhere = self.test.operate(
            OperatorRequest(.move, shard: request.shard, member: self.owners[request.shard ?? 0] ?? ""))
        #expect(!elsewhere.isSuccess)
    }

    @Test mutating func `The last worker is not drained, and a cordoned one keeps its lanes`() {
        self.fleet(["a"], shards: 2)
        self.test.join("w", .worker)
        self.test.tick()
        self.test.save()
        func read(by id: String) -> Int { self.test.core.state.desired(for: id).lanes.count { $0.role == .primary } }
        let all = read(by: "w")
        #expect(all > 0)
        #expect(self.refusal(self.test.operate(OperatorRequest(.drain, member: "w"))).contains("another worker"))
        #expect(self.refusal(self.test.operate(OperatorRequest(.pin, shard: 0, member: "w"))).contains("is a worker"))
        #expect(self.test.operate(OperatorRequest(.cordon, member: "w")).isSuccess)
        #expect(read(by: "w") == all)
        self.test.join("x", .worker)
        self.test.save()
        #expect(self.test.operate(OperatorRequest(.drain, member: "w")).isSuccess)
        #expect(read(by: "w") == 0 && read(by: "x") == all)
    }

    @Test mutating func `A slot that had to leave where it was put counts where it is`() {
        self.fleet(["a", "b", "c"], shards: 12)
        for shard in self.test.granted("a").prefix(2) {
            self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        }
        self.run(["a", "b", "c"], seconds: 5)
        #expect(self.test.granted("b").count == 6)
        self.run(["a", "c"], seconds: 20)
        #expect(self.test.granted("a").count == 6 && self.test.granted("c").count == 6)
    }

    @Test mutating func `A pinned slot is not moved elsewhere`() {
        self.fleet(["a", "b"], shards: 4)
        let shard = self.test.granted("a")[0]
        self.test.operate(OperatorRequest(.pin, shard: shard, member: "a"))
        let answer = self.test.operate(OperatorRequest(.move, shard: shard, member: "b"))
        #expect(self.refusal(answer).contains("pinned to a: unpin it"))
        self.test.operate(OperatorRequest(.unpin, shard: shard))
        #expect(self.test.operate(OperatorRequest(.move, shard: shard, member: "b")).isSuccess)
    }

    // MARK: Retry

    private func epoch(_ shard: Int) -> Int64 { self.test.core.state.slots[CoreUnderTest.slot(shard)]?.epoch ?? 0 }

    private mutating func askPermit(_ shard: Int) -> PermitAnswer? {
        let request = PermitRequest(
            member: "a", incarnation: 1, slot: CoreUnderTest.slot(shard), epoch: self.epoch(shard))
        let asked = self.test.ask { $0.permitRequested($1, request, now: $2) }
        if case .success(.permit(let answer))? = self.test.answers[asked] { return answer }
        return nil
    }

    @Test mutating func `A retry lets slots ask at once that were told to wait while the application was halted`() {
        self.test.found(shards: 3, maxConcurrency: 16)
        self.test.save()
        self.test.join("a")
        func told(_ slot: ObservedSlot) -> ObservedSlot? {
            switch slot.slot.shard {
            case 0:
                ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .failed, reason: "4004", closeCode: 4004)
            case 1: ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .connecting)
            default: slot
            }
        }
        _ = self.test.renew("a", told)
        self.test.tick()
        self.test.save()
        #expect(self.askPermit(1)?.retryAfterMilliseconds == 30_000)
        let before = (0..<3).map(self.epoch)
        #expect(self.test.operate(OperatorRequest(.retry)).isSuccess)
        // It lets go of what it was not granted any more, and is granted it anew.
        for _ in 0..<3 {
            _ = self.test.renew("a") { slot in
                slot.slot.shard == 2 ? slot : ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .connecting)
            }
            self.test.tick()
            self.test.save()
        }
        #expect((0..<3).map(self.epoch) == [before[0] + 1, before[1] + 1, before[2]], "one that is ready goes on")
        #expect(self.askPermit(1) == nil)
        #expect(self.test.permits.map(\.bucket) == [1], "the ledger is asked")
    }

    @Test mutating func `A retry takes nothing from a cordoned member that waits`() throws {
        self.fleet(["a", "b"], shards: 2)
        func halted(_ slot: ObservedSlot) -> ObservedSlot {
            slot.slot.shard == 0
                ? ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .failed, reason: "4004", closeCode: 4004)
                : ObservedSlot(slot: slot.slot, epoch: slot.epoch, status: .connecting)
        }
        for member in ["a", "b"] { _ = self.test.renew(member, halted) }
        self.test.tick()
        self.test.save()
        let waits = CoreUnderTest.slot(1)
        let owner = try #require(self.test.core.state.slots[waits]?.owner)
        let request = PermitRequest(
            member: owner.member, incarnation: owner.incarnation, slot: waits, epoch: self.epoch(1))
        _ = self.test.ask { $0.permitRequested($1, request, now: $2) }
        #expect(self.test.operate(OperatorRequest(.cordon, member: owner.member)).isSuccess)
        #expect(self.test.operate(OperatorRequest(.retry)).isSuccess)
        #expect(self.test.core.state.slots[waits]?.releaseDeadline == nil)
        #expect(self.test.core.state.slots[waits]?.owner == owner)
    }
}

extension Result<CoordinatorCore.Answer, Problem>? {
    fileprivate var isSuccess: Bool { if case .success? = self { true } else { false } }
}
