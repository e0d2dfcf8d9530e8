import ClusterAPI
import Foundation
import TestSupport

/// Runs exercises on a fleet, one at a time, and keeps what was measured.
struct Course: Sendable {
    /// How long a fleet may take to be whole after an exercise.
    private static let patience: Duration = .seconds(120)

    let fleet: LoadedFleet
    let absence: Duration
    private(set) var log: LedgerLog
    private(set) var results: [ExerciseResult] = []
    /// Milliseconds, by what was measured.
    private(set) var samples: [String: [Double]] = [:]
    private var turn = 0
    private var shards: Int

    init(fleet: LoadedFleet, absence: Duration) {
        self.fleet = fleet
        self.absence = absence
        self.log = LedgerLog(path: fleet.plan.ledger)
        self.shards = fleet.plan.shards
    }

    private static var now: Double { Date().timeIntervalSince1970 * 1000 }

    mutating func run(_ exercise: Exercise) async throws -> ExerciseResult {
        try self.log.readOn()
        _ = self.log.takeResumes()
        let identifies = self.log.history.identifies.count
        let start = ContinuousClock.now
        self.turn += 1
        var expected = 0...0
        switch exercise {
        case .move: try await self.move()
        case .killShard: try await self.killShard()
        case .freezeShard: try await self.freezeShard()
        case .killLeader: try await self.killLeader()
        case .freezeLeader: try await self.freezeLeader()
        case .killStandby: try await self.killStandby()
        case .freezeStandby: try await self.freezeStandby()
        case .loseCoordinators: try await self.loseCoordinators()
        case .freezeCoordinators: try await self.freezeCoordinators()
        case .killDatabase: try await self.killDatabase()
        case .drain: try await self.drain()
        case .addMember: try await self.addMember()
        case .rollingRestart: try await self.rollingRestart()
        case .reshard:
            expected = self.shards * 2...self.shards * 2
            try await self.reshard()
        case .abortReshard:
            expected = 0...self.shards * 2
            try await self.abortReshard()
        }
        try await self.fleet.waitUntilReady(within: Self.patience)
        try self.log.readOn()
        let result = ExerciseResult(
            exercise: exercise, seconds: (ContinuousClock.now - start) / .seconds(1),
            identifies: self.log.history.identifies.count - identifies, expectedIdentifies: expected,
            resumes: self.seen.count + self.log.takeResumes().count)
        self.seen = []
        self.results.append(result)
        return result
    }

    // MARK: What is seen

    /// RESUMEs of the exercise that were looked at so far.
    private var seen: [LedgerLog.Resume] = []

    /// Waits until each of the shards was RESUMED after `since`.
    /// - Returns: when each was at first, in milliseconds after `since`.
    private mutating func resumed(_ shards: Set<Int>, since: Double) async throws -> [Double] {
        var first: [Int: Double] = [:]
        let clock = ContinuousClock()
        let deadline = clock.now + Self.patience
        while true {
            try self.log.readOn()
            let new = self.log.takeResumes()
            self.seen += new
            for resume in new where Double(resume.at) >= since && shards.contains(resume.shard) {
                if first[resume.shard] == nil { first[resume.shard] = Double(resume.at) - since }
            }
            if first.count == shards.count { return first.sorted { $0.key < $1.key }.map(\.value) }
            guard clock.now < deadline else {
                let missing = shards.subtracting(first.keys).sorted()
                throw HarnessError("shards \(missing) were not RESUMED within \(Self.patience)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private mutating func note(_ name: String, _ samples: [Double]) {
        self.samples[name, default: []] += samples
    }

    /// The leader's: a standby doesn't know how the slots are.
    private func view() async throws -> ClusterView {
        var view: ClusterView?
        try await eventually(within: Self.patience, "the leader's answer") {
            view = await self.fleet.view()
            return view.map { $0.standby == nil } ?? false
        }
        guard let view else { throw HarnessError("no coordinator leads") }
        return view
    }

    private func leader() async throws -> Int {
        var leader: Int?
        try await eventually(within: .seconds(30), "a leader") {
            leader = await self.fleet.fleetOperator.leader()
            return leader != nil
        }
        guard let leader else { throw HarnessError("no coordinator leads") }
        return leader
    }

    /// A slot that can be moved, and where to.
    private func candidate() async throws -> OperatorRequest {
        var view = try await self.view()
        // A new leader hears of them with their members' next renewals.
        try await eventually(within: Self.patience, "a slot that is ready") {
            view = try await self.view()
            return view.slots.contains { $0.status == .ready }
        }
        let alive = view.members.filter { $0.kind == .shard && $0.state == "alive" && $0.mark == nil }
        let slots = view.slots.filter { $0.status == .ready }
        guard !slots.isEmpty else { throw HarnessError("no slot is ready") }
        let slot = slots[self.turn * 7 % slots.count]
        guard let member = alive.first(where: { $0.id != slot.member && $0.slots < $0.capacity }) else {
            throw HarnessError("no member has room for another slot")
        }
        return OperatorRequest(
            .move, application: slot.application, shard: slot.shard, generation: slot.generation, member: member.id)
    }

    /// Has a slot moved. What a new leader evens out may have sent it on its way before: it RESUMEs elsewhere just so,
    /// unless that leader is lost meanwhile; so it is asked for until it is taken, or the slot is there.
    private func order(
        _ move: OperatorRequest, except coordinator: Int? = nil, within limit: Duration = .seconds(30)
    ) async throws {
        let fleetOperator = coordinator.map { self.fleet.fleetOperator.except($0) } ?? self.fleet.fleetOperator
        let deadline = ContinuousClock.now + limit
        while true {
            do {
                _ = try await fleetOperator.operate(move, within: deadline - .now)
                return
            } catch let refusal as HarnessError {
                if "\(refusal)".contains("runs slot") { return }
                let isOnItsWay = ["is being handed over", "is nobody's now"].contains { "\(refusal)".contains($0) }
                guard isOnItsWay, ContinuousClock.now < deadline else { throw refusal }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func whole(_ condition: @escaping (ClusterView) -> Bool, _ what: String) async throws {
        try await eventually(within: .seconds(180), what) {
            guard let view = await self.fleet.view(), condition(view) else { return false }
            return await self.fleet.unreadiness() == nil
        }
    }

    private var victim: FleetProcess { self.fleet.shards[self.turn % self.fleet.shards.count] }

    /// Seen twice with every slot ready: one that is on its way may be elsewhere before anything is done to the
    /// process.
    private func shards(of process: FleetProcess) async throws -> Set<Int> {
        var shards: Set<Int>?
        try await eventually(within: Self.patience, "the slots of \(process.name) at rest") {
            let slots = try await self.view().slots
            let last = shards
            shards = nil
            guard slots.allSatisfy({ $0.status == .ready }) else { return false }
            shards = Set(slots.filter { $0.member == process.name }.map(\.shard))
            return shards == last
        }
        return shards ?? []
    }

    // MARK: Exercises

    private mutating func move() async throws {
        for _ in 0..<4 {
            let request = try await self.candidate()
            let start = Self.now
            try await self.order(request)
            _ = try await self.resumed([request.shard ?? 0], since: start)
            self.note("move: asked to RESUMED", [Self.now - start])
            self.note("move: pause of the shard's events", self.seen.last?.pause.map { [Double($0)] } ?? [])
            try await self.fleet.waitUntilReady(within: Self.patience)
            self.turn += 1
        }
    }

    private mutating func killShard() async throws {
        let victim = self.victim
        let shards = try await self.shards(of: victim)
        let start = Self.now
        guard victim.kill() else { throw HarnessError("\(victim.name) doesn't run") }
        self.note("shard killed: to RESUMED elsewhere", try await self.resumed(shards, since: start))
        try victim.start()
    }

    private mutating func freezeShard() async throws {
        let victim = self.victim
        let absence = self.absence
        let shards = try await self.shards(of: victim)
        let life = try await self.incarnation(of: victim)
        let start = Self.now
        let thaw = Task { try await victim.freeze(for: absence) }
        self.note("shard frozen: to RESUMED elsewhere", try await self.resumed(shards, since: start))
        try await thaw.value
        let thawed = Self.now
        // It finds its sockets ended and its sessions elsewhere, where they have to stay.
        try await self.whole(
            { view in view.members.contains { $0.id == victim.name && $0.incarnation > life && $0.state == "alive" } },
            "\(victim.name) back in a new life")
        try self.log.readOn()
        let new = self.log.takeResumes()
        self.seen += new
        if let taken = new.first(where: { Double($0.at) >= thawed && $0.pause == nil }) {
            throw HarnessError("the session of shard \(taken.shard) was taken from a process that had it connected")
        }
    }

    private func incarnation(of process: FleetProcess) async throws -> Int {
        guard let member = try await self.view().members.first(where: { $0.id == process.name }) else {
            throw HarnessError("\(process.name) is no member")
        }
        return member.incarnation
    }

    private mutating func killLeader() async throws {
        let leader = self.fleet.coordinators[try await self.leader()]
        let request = try await self.candidate()
        // One that this leader takes and need not have brought to its end: the next one does.
        self.turn += 1
        let promised = try await self.candidate()
        let start = Self.now
        if promised.shard != request.shard { try await self.order(promised) }
        guard leader.kill() else { throw HarnessError("\(leader.name) doesn't run") }
        try await self.order(request)
        self.note("leader killed: to the next one's grant", [Self.now - start])
        _ = try await self.resumed([request.shard ?? 0, promised.shard ?? 0], since: start)
        try leader.start()
    }

    private mutating func freezeLeader() async throws {
        let index = try await self.leader()
        let leader = self.fleet.coordinators[index]
        let absence = self.absence
        let request = try await self.candidate()
        let start = Self.now
        let thaw = Task { try await leader.freeze(for: absence) }
        try await self.order(request, except: index)
        self.note("leader frozen: to the next one's grant", [Self.now - start])
        _ = try await self.resumed([request.shard ?? 0], since: start)
        try await thaw.value
    }

    private func standby() async throws -> FleetProcess {
        let leader = try await self.leader()
        guard let standby = self.fleet.coordinators.indices.first(where: { $0 != leader }) else {
            throw HarnessError("there is no standby")
        }
        return self.fleet.coordinators[standby]
    }

    private mutating func killStandby() async throws {
        let standby = try await self.standby()
        guard standby.kill() else { throw HarnessError("\(standby.name) doesn't run") }
        // The leader does its work alone.
        try await self.move()
        try standby.start()
    }

    private mutating func freezeStandby() async throws {
        let standby = try await self.standby()
        let leader = try await self.leader()
        let absence = self.absence
        let thaw = Task { try await standby.freeze(for: absence) }
        // The leader does its work alone, and nothing of it waits for the standby.
        try await self.move()
        try await thaw.value
        let found = try await self.leader()
        guard found == leader else {
            throw HarnessError("coordinator \(found) leads in place of \(leader), which nothing was done to")
        }
    }

    /// A slot that is between two members stays there without a coordinator.
    private func atRest() async throws { _ = try await self.shards(of: self.victim) }

    private mutating func loseCoordinators() async throws {
        try await self.atRest()
        for coordinator in self.fleet.coordinators { _ = coordinator.kill() }
        try await self.events { try await Task.sleep(for: self.absence) }
        let start = Self.now
        for coordinator in self.fleet.coordinators { try coordinator.start() }
        _ = try await self.leader()
        self.note("coordinators back: to a leader", [Self.now - start])
    }

    private mutating func freezeCoordinators() async throws {
        let (coordinators, absence) = (self.fleet.coordinators, self.absence)
        try await self.atRest()
        try await self.events {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for coordinator in coordinators { tasks.addTask { try await coordinator.freeze(for: absence) } }
                try await tasks.waitForAll()
            }
        }
        let start = Self.now
        // One that leads, and says so because it may: it grants.
        try await self.order(try await self.candidate())
        self.note("coordinators awake: to the next grant", [Self.now - start])
    }

    /// Shards and workers do their work meanwhile.
    private func events(during absence: () async throws -> Void) async throws {
        let before = self.fleet.recorder.eventCount
        try await absence()
        let came = self.fleet.recorder.eventCount - before
        guard came > 0 else { throw HarnessError("no event came while there was no coordinator") }
    }

    private mutating func killDatabase() async throws {
        let request = try await self.candidate()
        let start = Self.now
        try self.fleet.stores.killDatabase()
        try await self.order(request, within: .seconds(60))
        self.note("PostgreSQL killed: to the next grant", [Self.now - start])
        _ = try await self.resumed([request.shard ?? 0], since: start)
    }

    private mutating func drain() async throws {
        let victim = self.victim
        let shards = try await self.shards(of: victim)
        let start = Self.now
        _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.drain, member: victim.name))
        _ = try await self.resumed(shards, since: start)
        self.note("drain: whole process", [Self.now - start])
        let moved = self.seen.filter { shards.contains($0.shard) }
        self.note("drain: pause of a shard's events", moved.compactMap { $0.pause.map(Double.init) })
        try await self.whole(
            { $0.members.first { $0.id == victim.name }?.slots == 0 }, "nothing left at \(victim.name)")
        _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.uncordon, member: victim.name))
        try await self.spread(to: victim.name)
    }

    private mutating func addMember() async throws {
        guard let spare = self.fleet.spareShards.first(where: { !$0.isRunning }) else {
            throw HarnessError("no spare shard process is left")
        }
        try spare.start()
        try await self.whole({ $0.members.contains { $0.id == spare.name && $0.state == "alive" } }, "\(spare.name) up")
        try await self.spread(to: spare.name)
    }

    /// Rebalances until a member has its share, rounded down, less one.
    private func spread(to member: String) async throws {
        _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.rebalance))
        try await self.whole(
            { view in
                let members = view.members.count { $0.kind == .shard && $0.state == "alive" && $0.mark == nil }
                let share = view.slots.count / max(members, 1)
                return view.members.first { $0.id == member }?.slots ?? 0 >= max(share - 1, 1)
            }, "a share of the slots at \(member)")
    }

    private mutating func rollingRestart() async throws {
        let before = Dictionary(
            try await self.view().members.filter { $0.state == "alive" }.map { ($0.id, $0.incarnation) }
        ) { $1 }
        _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.restart))
        try await self.whole(
            { view in
                view.restart == nil
                    && before.allSatisfy { id, incarnation in
                        view.members.contains { $0.id == id && $0.incarnation > incarnation && $0.state == "alive" }
                    }
            }, "every member back in a new life")
        let leader = try await self.leader()
        let coordinators = self.fleet.coordinators
        // The standbys first: leadership moves once.
        for process in coordinators.indices.filter({ $0 != leader }).map({ coordinators[$0] }) + [coordinators[leader]]
        {
            try await process.stop()
            try process.start()
            _ = try await self.leader()
        }
    }

    private mutating func reshard() async throws {
        let start = Self.now
        try await self.beginReshard()
        let count = self.shards * 2
        self.fleet.expect(shards: count)
        try await self.whole(
            { $0.applications.allSatisfy { $0.numShards == count && $0.reshard == nil } }, "\(count) shards in force")
        self.note("reshard: whole", [Self.now - start])
        self.shards = count
    }

    private mutating func abortReshard() async throws {
        try await self.beginReshard()
        // Far enough that something is to be undone.
        try await eventually(within: .seconds(60), "a new session up") {
            await self.fleet.view()?.applications.first?.reshard.map { $0.ready > 0 } ?? false
        }
        _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.abortReshard))
        let count = self.shards
        try await self.whole(
            { $0.applications.allSatisfy { $0.numShards == count && $0.reshard == nil } }, "\(count) shards again")
    }

    /// As soon as the coordinator lets it begin. A slot that the plan moves just after the preview makes it refuse.
    private func beginReshard() async throws {
        let preview = OperatorRequest(.reshard, shards: self.shards * 2, dryRun: true)
        var problems: [String] = []
        do {
            try await eventually(within: .seconds(60), "a reshard that begins") {
                problems = try await self.fleet.fleetOperator.operate(preview).reshard?.problems ?? ["no preview"]
                guard problems.isEmpty else { return false }
                do {
                    _ = try await self.fleet.fleetOperator.operate(OperatorRequest(.reshard, shards: self.shards * 2))
                    return true
                } catch let refusal as HarnessError where "\(refusal)".contains("not every shard is ready") {
                    problems = ["\(refusal)"]
                    return false
                }
            }
        } catch {
            throw HarnessError("\(error): \(problems.joined(separator: "; "))")
        }
    }
}
