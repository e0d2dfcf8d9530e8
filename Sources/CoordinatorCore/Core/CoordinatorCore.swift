package import ClusterAPI
package import Discord
package import Foundation

/// What a coordinator that leads does, as a value: events come in, effects go out. It knows no socket, no database, no
/// task and no clock, so that a simulation runs exactly what production runs.
///
/// It keeps this order: what changes is written down (with a check that this coordinator still leads) before anyone may
/// see it; a life's end is written down before it is cut off at the broker; a slot is granted anew only after its owner
/// let go or was cut off; a permit is counted before the ledger is asked for it. One write is on its way at a time, and
/// all that happens meanwhile goes with the next.
package struct CoordinatorCore: Sendable {
    package typealias Owner = ClusterState.Owner
    /// The shell's name for a request that waits for its answer.
    package typealias RequestID = Int

    package enum Answer: Sendable, Equatable {
        case registered(MemberRegistered)
        case desired(DesiredState)
        case left
        case permit(PermitAnswer)
        case operation(OperatorAnswer)
    }

    package enum Level: Sendable, Equatable { case info, notice, warning, error }

    package enum Effect: Sendable {
        /// Write this down, if this coordinator still leads. Answered by `saved` or `saveFailed`; never two at once.
        case save(StateBatch)
        /// Make the exchange of this life. Answered by `admitted` or `admitFailed`.
        case admit(Owner)
        /// Delete the exchange of this life. Answered by `fenced` or `fenceFailed`.
        case fence(Owner)
        /// Ask the ledger for a bucket. Answered by `permitTaken` or `permitFailed`.
        case takePermit(ticket: Int, application: Snowflake, bucket: Int)
        case answer(RequestID, Result<Answer, Problem>)
        case log(Level, String, [String: String])
        /// This coordinator does not lead any more: nothing else comes after it.
        case stepDown(String)
    }

    /// An answer that has to wait until what it rests on is written down.
    enum Waiting: Sendable {
        case renewal(RequestID, member: String, incarnation: Int)
        case registration(RequestID, Owner, MemberKind)
        case other(RequestID, Answer)

        var request: RequestID {
            switch self {
            case .renewal(let request, _, _), .registration(let request, _, _), .other(let request, _): request
            }
        }
    }

    struct HeldRenewal: Sendable {
        let request: RequestID
        let incarnation: Int
        let version: Int
        let deadline: Duration
    }

    /// A write that is on its way.
    struct Write: Sendable {
        let number: Int
        let changes: Set<ClusterState.Change>
        let watermarks: [Slot]
        let touched: Set<String>
        let desired: [String: DesiredState]
        let answers: [Waiting]
        /// Lives whose end is in it.
        let ends: Set<Owner>
    }

    struct AskedPermit: Sendable {
        let request: RequestID
        let slot: Slot
        let epoch: Int64
        let bucket: Int
    }

    package let leader: String
    package internal(set) var state: ClusterState
    package internal(set) var gates: [Snowflake: IdentifyGate] = [:]
    var policy: ClusterPolicy { self.state.policy }

    var effects: [Effect] = []
    /// Until when nobody else may lead.
    private var leadsUntil: Duration
    package private(set) var isOver = false
    var brokerIsReady = false
    private var lastTick: Duration

    // Writing down.
    var write: Write?
    var waiting: [Waiting] = []
    private var writes = 0
    private var writeAgainAt: Duration?
    private var watermarksWrittenAt: Duration
    private var assignIsDue = true

    // What members may see, and who waits for a change of it.
    var visible: [String: DesiredState] = [:]
    var held: [String: HeldRenewal] = [:]

    // Cutting off. Lives whose end is written down; those that the broker was asked for; when it is asked again.
    private var ended: Set<Owner> = []
    private var fencing: Set<Owner> = []
    private var fenceAgainAt: [Owner: Duration] = [:]
    var admitting: [Owner: RequestID] = [:]

    // Permits.
    var asked: [Int: AskedPermit] = [:]
    var tickets = 0

    /// - Parameters:
    ///   - loaded: what the last leader wrote down, read after this one began to lead.
    ///   - leadsUntil: until when nobody else may lead, on the clock of `now`.
    package init(
        policy: ClusterPolicy, leader: String, leaderEpoch: Int64, loaded: LoadedState, leadsUntil: Duration,
        now: Duration
    ) {
        self.leader = leader
        // Versions of this leader are above those of every earlier one.
        self.state = ClusterState(policy: policy, firstVersion: Int(leaderEpoch) << 32, loaded: loaded, now: now)
        self.leadsUntil = leadsUntil
        self.lastTick = now
        self.watermarksWrittenAt = now
        // These were told to be over by whoever wrote them down.
        self.ended = self.state.fences
        for (application, permits) in loaded.recentPermits {
            self.gates[application] = IdentifyGate(policy: policy.identify, recentPermits: permits, now: now)
        }
        for id in self.state.members.keys { self.visible[id] = self.state.desired(for: id) }
        _ = self.state.takeTouched()
    }

    package mutating func takeEffects() -> [Effect] {
        defer { self.effects.removeAll(keepingCapacity: true) }
        return self.effects
    }

    package var hasEffects: Bool { !self.effects.isEmpty }

    // MARK: Time and leadership

    /// The lease was renewed.
    package mutating func leads(until: Duration) { self.leadsUntil = max(self.leadsUntil, until) }

    /// To be called each ``ClusterPolicy/tick``.
    package mutating func ticked(now: Duration, date: Date) {
        guard self.mayAct(now: now) else { return }
        // Time that this process did not live through is nobody's silence.
        let slept = now - self.lastTick - self.policy.tick
        if slept > .seconds(1) { self.state.clockJumped(by: slept) }
        if slept > .milliseconds(200) { self.state.postponeDoubts(by: slept) }
        self.lastTick = now
        let lost = self.state.fences
        self.state.timePassed(now: now)
        for owner in self.state.fences.subtracting(lost).sorted() {
            self.log(
                .warning, "a member is lost", ["member.id": owner.member, "member.incarnation": "\(owner.incarnation)"])
        }
        for reshard in self.state.advanceReshards(now: now, date: date) { self.reshardEnded(reshard, date: date) }
        if let end = self.state.advanceRestart(now: now) {
            self.audit("restart", target: "fleet", detail: end, by: nil, date: date)
        }
        self.answerHeld(now: now)
        self.assignIsDue = true
        self.flush(now: now)
        self.cutOff(now: now)
    }

    /// Whether this coordinator may still act. One that stood still for too long finds out here.
    mutating func mayAct(now: Duration) -> Bool {
        if self.isOver { return false }
        if now < self.leadsUntil { return true }
        self.stepDown("the leader's lease could not be renewed in time")
        return false
    }

    mutating func stepDown(_ reason: String) {
        guard !self.isOver else { return }
        self.isOver = true
        let requests =
            self.waiting.map(\.request) + (self.write?.answers.map(\.request) ?? []) + self.held.values.map(\.request)
            + self.admitting.values + self.asked.values.map(\.request)
        for request in requests.sorted() { self.refuse(request, .unavailable, "this coordinator no longer leads") }
        (self.waiting, self.held, self.admitting, self.asked, self.write) = ([], [:], [:], [:], nil)
        self.effects.append(.stepDown(reason))
    }

    /// Can the broker be asked for anything now?
    package mutating func brokerChanged(isReady: Bool, now: Duration) {
        guard self.brokerIsReady != isReady else { return }
        self.brokerIsReady = isReady
        guard isReady, self.mayAct(now: now) else { return }
        self.fenceAgainAt = [:]
        self.cutOff(now: now)
    }

    // MARK: Writing down

    /// Something may be assigned now.
    mutating func assignSoon() { self.assignIsDue = true }

    /// Answers once all that has happened until now is written down; at once if it is.
    mutating func answerWhenSaved(_ answer: Waiting, now: Duration) {
        self.waiting.append(answer)
        self.flush(now: now)
    }

    private var endsToWrite: Set<Owner> { self.state.fences.subtracting(self.ended) }

    /// Starts to write down what has changed, unless a write is on its way.
    mutating func flush(now: Duration) {
        guard self.write == nil, !self.isOver else { return }
        if let again = self.writeAgainAt {
            guard again <= now else { return }
            self.writeAgainAt = nil
        }
        if self.assignIsDue {
            self.assignIsDue = false
            self.state.assign(now: now)
        }
        let ends = self.endsToWrite
        let watermarksAreDue =
            !self.state.movedWatermarks.isEmpty && now - self.watermarksWrittenAt >= self.policy.watermarkInterval
        guard !self.state.changes.isEmpty || self.state.touchedAnything() || !ends.isEmpty || watermarksAreDue else {
            let answers = self.waiting
            self.waiting = []
            for answer in answers { self.give(answer, now: now) }
            return
        }
        self.writes += 1
        let changes = self.state.takeChanges()
        let touched = self.state.takeTouched()
        let watermarks = self.state.takeMovedWatermarks(most: Self.mostWatermarks)
        self.watermarksWrittenAt = now
        var desired: [String: DesiredState] = [:]
        for id in touched where self.state.members[id] != nil { desired[id] = self.state.desired(for: id) }
        self.write = Write(
            number: self.writes, changes: changes, watermarks: watermarks, touched: touched, desired: desired,
            answers: self.waiting, ends: ends)
        self.waiting = []
        self.effects.append(.save(self.batch(changes, watermarks, now: now)))
    }

    private static let mostWatermarks = 2_000

    private mutating func batch(
        _ changes: Set<ClusterState.Change>, _ watermarks: [Slot], now: Duration
    ) -> StateBatch {
        var batch = StateBatch()
        batch.number = self.writes
        for change in changes {
            switch change {
            case .member(let id):
                batch.members.append(.init(id: id, state: self.state.members[id], mark: self.state.marks[id]))
            case .slot(let slot):
                if var state = self.state.slots[slot] {
                    // The next leader's clock is another.
                    state.moved?.until -= now
                    batch.slots.append(state)
                } else {
                    batch.droppedSlots.append(slot)
                    self.gates[slot.application]?.forget(slot)
                }
            case .lane(let lane): batch.lanes[lane] = self.state.lanes[lane]
            case .application(let id): self.state.applications[id].map { batch.applications.append($0) }
            case .gap(let gap): batch.gaps.append(gap)
            case .reshard(let id): batch.reshards[id] = .some(self.state.reshards[id])
            case .restart: batch.restart = .some(self.state.restart)
            case .audit(let entry): batch.audit.append(entry)
            }
        }
        for slot in watermarks where !changes.contains(.slot(slot)) {
            guard let state = self.state.slots[slot], let session = state.session else { continue }
            batch.watermarks.append(.init(slot: slot, epoch: state.epoch, session: session))
        }
        // The order of a set is anything, and the batch's should be always the same.
        batch.members.sort { $0.id < $1.id }
        batch.slots.sort { $0.slot < $1.slot }
        batch.droppedSlots.sort()
        batch.applications.sort { $0.id < $1.id }
        batch.gaps.sort {
            ($0.gap.atMilliseconds, $0.slot, $0.gap.session) < ($1.gap.atMilliseconds, $1.slot, $1.gap.session)
        }
        batch.audit.sort { ($0.at, $0.action, $0.target, $0.detail) < ($1.at, $1.action, $1.target, $1.detail) }
        return batch
    }

    package mutating func saved(_ number: Int, now: Duration) {
        guard let write = self.write, write.number == number, self.mayAct(now: now) else { return }
        self.write = nil
        for id in write.touched { self.visible[id] = write.desired[id] }
        self.ended.formUnion(write.ends)
        for answer in write.answers { self.give(answer, now: now) }
        for id in write.touched.sorted() { self.wake(id) }
        self.flush(now: now)
        self.cutOff(now: now)
    }

    /// - Parameter isLeadershipLost: another leader has begun; nothing was written.
    package mutating func saveFailed(_ number: Int, isLeadershipLost: Bool, reason: String, now: Duration) {
        guard let write = self.write, write.number == number, self.mayAct(now: now) else { return }
        if isLeadershipLost { return self.stepDown("another coordinator leads") }
        self.write = nil
        self.log(.warning, "can't write the cluster's state", ["error": reason])
        // What could not be written stays for the next time.
        self.state.putBack(changes: write.changes, watermarks: write.watermarks, touched: write.touched)
        for answer in write.answers {
            self.refuse(answer.request, .unavailable, "the cluster's state can't be written: ask again")
        }
        self.writeAgainAt = now + self.policy.retry
    }

    private mutating func give(_ answer: Waiting, now: Duration) {
        switch answer {
        case .other(let request, let answer): self.effects.append(.answer(request, .success(answer)))
        case .renewal(let request, let member, let incarnation):
            self.answerRenewal(request, member: member, incarnation: incarnation)
        case .registration(let request, let owner, .worker):
            self.effects.append(.answer(request, .success(.registered(self.registered(owner, .worker)))))
        case .registration(let request, let owner, .shard):
            // The incarnation is spent: the broker's exchange of this name was never anybody else's.
            self.admitting[owner] = request
            self.effects.append(.admit(owner))
        }
    }

    // MARK: Cutting off

    /// Asks the broker for every life whose end is written down.
    mutating func cutOff(now: Duration) {
        guard self.brokerIsReady, !self.isOver, !self.ended.isEmpty else { return }
        for owner in self.ended.subtracting(self.fencing).sorted() where self.fencing.count < self.policy.mostFences {
            // What is still being made might come to be after the fence. Such a life has nothing that others wait for.
            guard self.admitting[owner] == nil else { continue }
            if let again = self.fenceAgainAt[owner], again > now { continue }
            self.fencing.insert(owner)
            self.effects.append(.fence(owner))
        }
    }

    /// The broker has deleted the exchange, or had none of this name.
    package mutating func fenced(_ owner: Owner, now: Duration) {
        guard self.fencing.remove(owner) != nil, self.mayAct(now: now) else { return }
        self.ended.remove(owner)
        self.fenceAgainAt[owner] = nil
        self.state.fenced(owner)
        self.log(.notice, "fenced", ["member.id": owner.member, "member.incarnation": "\(owner.incarnation)"])
        self.assignSoon()
        self.flush(now: now)
        self.cutOff(now: now)
    }

    package mutating func fenceFailed(_ owner: Owner, reason: String, now: Duration) {
        guard self.fencing.remove(owner) != nil, self.mayAct(now: now) else { return }
        self.log(
            .warning, "can't fence",
            ["member.id": owner.member, "member.incarnation": "\(owner.incarnation)", "error": reason])
        self.fenceAgainAt[owner] = now + self.policy.retry
    }

    // MARK: Answers and notes

    mutating func refuse(_ request: RequestID, _ code: Problem.Code, _ detail: String) {
        self.effects.append(.answer(request, .failure(Problem(code, detail))))
    }

    mutating func log(_ level: Level, _ message: String, _ facts: [String: String] = [:]) {
        self.effects.append(.log(level, message, facts))
    }

    /// - Parameter actor: nil: the coordinator itself.
    mutating func audit(_ action: String, target: String, detail: String, by actor: String?, date: Date) {
        let entry = AuditEntry(
            at: date, actor: actor ?? "coordinator", action: action, target: target, detail: detail)
        self.state.change(.audit(entry))
        self.log(
            .notice, "audit",
            ["audit.action": action, "audit.target": target, "audit.detail": detail, "audit.actor": entry.actor])
    }

    private mutating func reshardEnded(_ reshard: Reshard, date: Date) {
        let counts = "\(reshard.fromShards) to \(reshard.toShards) shards"
        let detail = reshard.phase == .closing ? "done: \(counts)" : "rolled back, \(counts): \(reshard.reason ?? "")"
        self.audit("reshard", target: "\(reshard.application)", detail: detail, by: nil, date: date)
    }

    /// Slots that may be run by another member, or with another status, than when this was asked last.
    package mutating func takeSlotNews() -> Set<Slot> { self.state.takeSlotNews() }

    package func view(now: Duration, date: Date) -> ClusterView {
        self.state.view(leader: self.leader, gates: self.gates, now: now, date: date)
    }
}
