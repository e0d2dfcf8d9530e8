package import ClusterAPI
import Discord
package import Foundation

extension CoordinatorCore {
    /// What somebody asked for that can't be done, and what to do instead.
    struct Refusal: Error {
        let code: Problem.Code
        let detail: String

        init(_ code: Problem.Code = .badRequest, _ detail: String) {
            self.code = code
            self.detail = detail
        }
    }

    /// Does what an operator asks, and writes down who asked for it.
    ///
    /// - Parameter actor: who asks, for the audit log.
    package mutating func operationRequested(
        _ request: RequestID, _ operation: OperatorRequest, by actor: String, now: Duration, date: Date
    ) {
        guard self.mayAnswer(request, now: now) else { return }
        do throws(Refusal) {
            if operation.dryRun == true {
                // On a copy, of which nothing stays: no operation can change anything in a dry run.
                var copy = self
                let answer = try copy.perform(operation, by: actor, now: now, date: date)
                return self.effects.append(.answer(request, .success(.operation(answer))))
            }
            let answer = try self.perform(operation, by: actor, now: now, date: date)
            self.assignSoon()
            self.answerWhenSaved(.other(request, .operation(answer)), now: now)
        } catch {
            self.refuse(request, error.code, error.detail)
        }
    }

    private mutating func perform(
        _ operation: OperatorRequest, by actor: String, now: Duration, date: Date
    ) throws(Refusal) -> OperatorAnswer {
        let name = operation.name.rawValue
        switch operation.name {
        case .move:
            let (slot, member) = (try self.slot(operation), try self.shardMember(operation))
            // Asked again, since the first answer was lost or could not be given.
            if self.state.slots[slot]?.moved?.to == member, self.state.marks[member] == nil {
                let isThere = self.state.slots[slot]?.owner?.member == member
                return OperatorAnswer(message: "slot \(slot) \(isThere ? "has moved" : "moves") to \(member)")
            }
            guard let owner = self.state.slots[slot]?.owner else {
                throw Refusal(.badRequest, "slot \(slot) is nobody's now: pin it to have it at \(member)")
            }
            guard owner.member != member else { throw Refusal(.badRequest, "\(member) runs slot \(slot) already") }
            try self.refuseUnlessOpen(member)
            if self.state.slots[slot]?.releaseDeadline != nil {
                let destination = self.state.slots[slot]?.destination
                guard destination == member else {
                    throw Refusal(
                        .badRequest, "slot \(slot) is being handed over to \(destination ?? "another member") already")
                }
            }
            if let pin = self.state.slots[slot]?.pin, pin != member {
                throw Refusal(.badRequest, "slot \(slot) is pinned to \(pin): unpin it, or pin it to \(member)")
            }
            self.state.move(slot, to: member, now: now)
            self.audit(name, target: "\(slot)", detail: "from \(owner.member) to \(member)", by: actor, date: date)
            return OperatorAnswer(message: "slot \(slot) moves from \(owner.member) to \(member)")
        case .pin:
            let (slot, member) = (try self.slot(operation), try self.shardMember(operation))
            self.state.pin(slot, to: member)
            self.audit(name, target: "\(slot)", detail: "to \(member)", by: actor, date: date)
            return OperatorAnswer(message: "slot \(slot) is pinned to \(member)")
        case .unpin:
            let slot = try self.slot(operation)
            guard let pin = self.state.slots[slot]?.pin else {
                throw Refusal(.badRequest, "slot \(slot) is not pinned")
            }
            self.state.pin(slot, to: nil)
            self.audit(name, target: "\(slot)", detail: "from \(pin)", by: actor, date: date)
            return OperatorAnswer(message: "slot \(slot) is no longer pinned to \(pin)")
        case .cordon, .uncordon:
            let member = try self.member(operation)
            self.state.mark(member, operation.name == .cordon ? .cordoned : nil)
            self.audit(name, target: member, detail: "", by: actor, date: date)
            return OperatorAnswer(
                message: operation.name == .cordon
                    ? "\(member) keeps what it has and gets nothing new" : "\(member) may get slots and lanes again")
        case .drain:
            let member = try self.member(operation)
            let plan = try self.drainPlan(member, isForced: operation.force == true, now: now)
            if operation.dryRun != true {
                self.state.mark(member, .drained)
                self.audit(name, target: member, detail: "\(plan.moves.count) slots", by: actor, date: date)
            }
            let isWorker = self.state.members[member]?.registration.kind == .worker
            let what = isWorker ? "its lanes" : "\(plan.moves.count) slots"
            return OperatorAnswer(
                message: "\(member) hands over \(what) and gets nothing new until it is uncordoned", plan: plan)
        case .rebalance:
            let plan = self.state.withoutHolds.preview(gates: self.gates, now: now)
            if operation.dryRun != true, !plan.moves.isEmpty {
                self.state.rebalance(now: now)
                self.audit(name, target: "fleet", detail: "\(plan.moves.count) moves", by: actor, date: date)
            }
            return OperatorAnswer(
                message: plan.moves.isEmpty ? "nothing has to move" : "\(plan.moves.count) slots move", plan: plan)
        case .reshard: return try self.reshard(operation, by: actor, now: now, date: date)
        case .abortReshard:
            let id = try self.application(operation)
            guard let reshard = self.state.reshards[id] else {
                throw Refusal(.badRequest, "application \(id) is not being resharded")
            }
            guard reshard.canBeAborted else {
                throw Refusal(.badRequest, "the reshard is in phase \(reshard.phase.rawValue): it can't be aborted")
            }
            self.audit(name, target: "\(id)", detail: "in phase \(reshard.phase.rawValue)", by: actor, date: date)
            self.state.rollBack(id, reason: "aborted by \(actor)", now: now)
            return OperatorAnswer(message: "generation \(reshard.to) is given up, \(reshard.from) goes on")
        case .restart:
            guard self.state.restart == nil else {
                throw Refusal(.badRequest, "a rolling restart is on its way already")
            }
            self.state.beginRestart(by: actor, date: date)
            let count = self.state.restart?.waiting.count ?? 0
            self.audit(name, target: "fleet", detail: "\(count) members", by: actor, date: date)
            return OperatorAnswer(message: "\(count) members restart, one after the other")
        case .abortRestart:
            guard self.state.endRestart() else { throw Refusal(.badRequest, "no rolling restart is on its way") }
            self.audit(name, target: "fleet", detail: "", by: actor, date: date)
            return OperatorAnswer(message: "no further member is restarted")
        case .retry:
            let id = try self.application(operation)
            let waiting = self.gates[id]?.reset(now: now) ?? []
            let count = self.state.retry(id, waiting: waiting, now: now)
            self.audit(name, target: "\(id)", detail: "\(count) failed or waiting slots", by: actor, date: date)
            return OperatorAnswer(
                message: "IDENTIFYs are let through again; \(count) failed or waiting slots are tried again")
        }
    }

    // MARK: Resharding

    private mutating func reshard(
        _ operation: OperatorRequest, by actor: String, now: Duration, date: Date
    ) throws(Refusal) -> OperatorAnswer {
        let id = try self.application(operation)
        guard let count = operation.shards, (1...100_000).contains(count) else {
            throw Refusal(.badRequest, "shards: a whole number from 1 to 100000 is expected")
        }
        guard let preview = self.reshardPreview(id, to: count) else {
            throw Refusal(.notFound, "no application \(id) is known")
        }
        if operation.dryRun == true {
            let message =
                preview.problems.isEmpty
                ? "the reshard could begin now" : "the reshard can't begin: \(preview.problems.joined(separator: "; "))"
            return OperatorAnswer(message: message, reshard: preview)
        }
        guard preview.problems.isEmpty else {
            throw Refusal(.badRequest, "the reshard can't begin: \(preview.problems.joined(separator: "; "))")
        }
        let counts = "\(preview.fromShards) to \(count) shards"
        self.audit("reshard", target: "\(id)", detail: "begins: \(counts)", by: actor, date: date)
        self.state.beginReshard(id, to: count, by: actor, now: now, date: date)
        return OperatorAnswer(message: "resharding from \(counts)", reshard: preview)
    }

    func reshardPreview(_ id: Snowflake, to count: Int) -> ReshardPreview? {
        guard let application = self.state.applications[id] else { return nil }
        let budget = self.gates[id]?.budget
        let concurrency = max(1, budget?.maxConcurrency ?? 1)
        let waves = (count + concurrency - 1) / concurrency
        let overlaps = (self.policy.reshard.overlap + .seconds(2)) * 3
        let seconds = PermitSpacing.between(self.policy.identify) * waves + self.policy.reshard.warmUp + overlaps
        let guilds = self.state.slots.values
            .filter { $0.slot.application == id && $0.slot.generation == application.generation }
            .reduce(0) { $0 + $1.guilds }
        var problems: [String] = []
        if let running = self.state.reshards[id] {
            problems.append("a reshard to \(running.toShards) shards is in phase \(running.phase.rawValue)")
        }
        if count == application.numShards { problems.append("there are \(count) shards already") }
        if let budget {
            if budget.free < count {
                problems.append(
                    "it takes \(count) session starts, and \(budget.free) may be used: wait for Discord's reset")
            }
        } else {
            problems.append("the session start limit is not known yet")
        }
        if self.gates[id]?.halt != nil { problems.append("Discord refuses the application's IDENTIFYs") }
        if self.gates[id]?.brakeIsOn == true { problems.append("most IDENTIFYs fail: the storm brake is on") }
        let room = self.state.room
        if room < count { problems.append("it takes room for \(count) more slots, and there is room for \(room)") }
        let isWhole = (0..<application.numShards).allSatisfy {
            let slot = Slot(application: id, generation: application.generation, shard: $0)
            // One that Discord refuses for its count has nothing to hand over: this is how it gets another.
            return self.state.slots[slot].map { $0.observed?.status == .ready || $0.isRefusedForCount } ?? false
        }
        if !isWhole { problems.append("not every shard is ready: both generations have to be up for the switch") }
        if guilds / count > self.policy.reshard.mostGuilds {
            problems.append(
                "\(guilds / count) guilds a shard are too many: Discord allows 2500, and \(self.policy.reshard.mostGuilds) leave room to grow"
            )
        }
        return ReshardPreview(
            application: id, fromShards: application.numShards, toShards: count, identifies: count,
            sessionStartsLeft: budget?.free, seconds: Int(seconds / .seconds(1)),
            guildsPerShard: guilds == 0 ? nil : (guilds + count - 1) / count, problems: problems)
    }

    // MARK: What was meant

    private func application(_ operation: OperatorRequest) throws(Refusal) -> Snowflake {
        let known = self.state.applications.keys.sorted()
        if let id = operation.application {
            guard self.state.applications[id] != nil else {
                throw Refusal(
                    .notFound, "no application \(id) is known; there is \(Self.list(known.map(\.description)))")
            }
            return id
        }
        guard let only = known.first else { throw Refusal(.notFound, "no application is known yet") }
        guard known.count == 1 else {
            throw Refusal(
                .badRequest,
                "application: one of \(Self.list(known.map(\.description))) is expected, as there are several")
        }
        return only
    }

    private func slot(_ operation: OperatorRequest) throws(Refusal) -> Slot {
        let id = try self.application(operation)
        guard let application = self.state.applications[id] else { throw Refusal(.notFound, "no application \(id)") }
        guard let shard = operation.shard else {
            throw Refusal(.badRequest, "shard: a number from 0 to \(application.numShards - 1) is expected")
        }
        let slot = Slot(application: id, generation: operation.generation ?? application.generation, shard: shard)
        guard self.state.slots[slot] != nil else {
            throw Refusal(.notFound, "there is no slot \(slot): shards go from 0 to \(application.numShards - 1)")
        }
        return slot
    }

    private func member(_ operation: OperatorRequest) throws(Refusal) -> String {
        guard let id = operation.member else { throw Refusal(.badRequest, "member: a member's id is expected") }
        guard self.state.members[id] != nil else {
            throw Refusal(
                .notFound, "no member \(id) takes part; there is \(Self.list(self.state.members.keys.sorted()))")
        }
        return id
    }

    private func shardMember(_ operation: OperatorRequest) throws(Refusal) -> String {
        let id = try self.member(operation)
        guard self.state.members[id]?.registration.kind == .shard else {
            throw Refusal(.badRequest, "\(id) is a worker: slots are run by shard members")
        }
        return id
    }

    private func refuseUnlessOpen(_ id: String) throws(Refusal) {
        guard let member = self.state.members[id], member.phase == .alive, self.state.marks[id] == nil else {
            throw Refusal(
                .badRequest,
                "\(id) gets nothing new: it is \(self.state.marks[id]?.rawValue ?? self.state.members[id]?.phase.name ?? "gone")"
            )
        }
        let planned = self.state.planMembers().first { $0.owner == member.owner }
        let coming = self.state.movesToBegin(to: id)
        guard planned.map({ $0.count + coming < $0.capacity }) ?? false else {
            throw Refusal(
                .badRequest, "\(id) has no room: it runs, or is to get, \(member.registration.capacity) slots already")
        }
    }

    private func drainPlan(_ id: String, isForced: Bool, now: Duration) throws(Refusal) -> PlanPreview {
        var after = self.state
        let room = self.state.room(without: id)
        let count = self.state.members[id].map { self.state.held[$0.owner]?.count ?? 0 } ?? 0
        if self.state.members[id]?.registration.kind == .worker, !isForced {
            let lanes = self.state.lanes.count
            let read = self.state.lanesReadable(without: id)
            guard read >= lanes || !self.state.lanes.contains(where: { $0.primary == id }) else {
                throw Refusal(
                    .badRequest,
                    "without \(id) the other workers can read \(read) of \(lanes) lanes: start another worker, or ask with force (ctl: --force)"
                )
            }
        }
        if count > room, !isForced {
            throw Refusal(
                .badRequest,
                "\(id) runs \(count) slots, and the others have room for \(room): start another shard member, or ask with force (ctl: --force)"
            )
        }
        after.mark(id, .drained)
        return after.preview(gates: self.gates, now: now)
    }

    static func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
    }
}
