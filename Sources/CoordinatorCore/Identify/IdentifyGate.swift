package import ClusterAPI
import Discord

/// Who may IDENTIFY an application's slots, and when. Buckets themselves are kept in PostgreSQL; what is known of them
/// here only spares it questions.
package struct IdentifyGate: Sendable {
    /// A close code that forbids every IDENTIFY of the application: a wrong token, wrong intents.
    package struct Halt: Sendable, Equatable {
        package let slot: Slot
        package let code: UInt16
        package let reason: String
        let since: Duration
        /// One process that began after the halt may have been given the right token: it tries, and no one else.
        var triedAt: Duration?
        var tries = 0
    }

    enum Decision: Sendable, Equatable {
        /// To be asked for in the ledger; counted already.
        case take(bucket: Int)
        case wait(Duration, reason: String)
    }

    /// The last permit of a bucket.
    private struct BucketUse: Sendable {
        /// Who got it; nil: only the ledger knows.
        var slot: Slot?
        /// The ledger gives no other one before.
        var freeAt: Duration
        /// Nor does the gate, as long as nobody told what became of it.
        var heldUntil: Duration

        /// - Returns: how long the slot has to wait; nil: the bucket is free for it.
        func wait(for slot: Slot, now: Duration) -> Duration? {
            if self.freeAt > now { return self.freeAt - now }
            // Who asks again sent none, or has heard of it.
            guard self.slot != slot, self.heldUntil > now else { return nil }
            return min(self.heldUntil - now, .milliseconds(500))
        }
    }

    let policy: IdentifyPolicy
    package private(set) var budget: SessionStartBudget?
    package private(set) var halt: Halt?
    private var backoff: IdentifyBackoff
    private var brake: StormBrake
    private var buckets: [Int: BucketUse] = [:]
    /// When permits were given that Discord's count may not show yet.
    private var recentPermits: [Duration] = []
    /// Permits that the ledger was asked for.
    private var pending = 0
    /// The epochs whose failure was heard: a slot tells it again and again.
    private var knownFailures: [Slot: Int64] = [:]
    /// Who was told to wait until then for something that ``reset(now:)`` ends.
    private var stopped: [Slot: Duration] = [:]

    /// - Parameter recentPermits: that an earlier leader gave, and that Discord may not have counted yet.
    init(policy: IdentifyPolicy, recentPermits: Int = 0, now: Duration = .zero) {
        self.policy = policy
        self.backoff = IdentifyBackoff(policy: policy)
        self.brake = StormBrake(policy: policy)
        self.recentPermits = Array(repeating: now, count: recentPermits)
    }

    package var brakePausedUntil: Duration? { self.brake.pausedUntil }
    package var brakeIsOn: Bool { self.brake.isOn }
    package func failures(of slot: Slot) -> Int { self.backoff.failures(of: slot) }

    // MARK: What Discord says

    /// - Parameter askedAt: an IDENTIFY that was permitted since, or shortly before, may not be counted in `remaining`.
    mutating func budgetTold(
        total: Int, remaining: Int, maxConcurrency: Int, resetsAfter: Duration, askedAt: Duration, now: Duration
    ) {
        self.recentPermits.removeAll { $0 < askedAt - self.policy.way }
        self.budget = SessionStartBudget(
            total: total, remaining: remaining - self.recentPermits.count - self.pending,
            maxConcurrency: maxConcurrency, resetsAt: now + resetsAfter, reserve: self.policy.reserve)
    }

    // MARK: Permits

    /// - Parameter isNewProcess: the asking process began after the halt, if there is one.
    mutating func decide(_ slot: Slot, beganAt: Duration, now: Duration) -> Decision? {
        self.budget?.resetIfDue(now: now)
        guard let budget = self.budget else { return nil }
        if let halt = self.halt {
            // 30 s, doubled with each process that was refused as well.
            let pause = Duration.seconds(30) * (1 << min(halt.tries, 6))
            let isProbe = beganAt > halt.since && halt.triedAt.map { now - $0 >= pause } ?? true
            if !isProbe {
                return self.stop(
                    slot, for: .seconds(30), "shard \(halt.slot.shard) was refused: \(halt.reason)", now: now)
            }
        }
        if let wait = self.brake.wait(now: now) {
            return self.stop(slot, for: wait, "most IDENTIFYs of the last minutes failed: all of them pause", now: now)
        }
        if let wait = self.backoff.wait(slot, now: now) {
            let failures = self.backoff.failures(of: slot) + 1
            return self.stop(
                slot, for: wait, "the last \(failures) IDENTIFYs of this shard came to nothing", now: now)
        }
        self.stopped[slot] = nil
        if case .reserveReached(let wait) = budget.decide(now: now) {
            return .wait(
                min(self.policy.longestWait, wait),
                reason: "\(budget.remaining) of \(budget.total) session starts are left, and that is the reserve")
        }
        let bucket = slot.shard % budget.maxConcurrency
        if let wait = self.buckets[bucket]?.wait(for: slot, now: now) {
            return .wait(wait, reason: "identify bucket \(bucket) is in use")
        }
        // Counted before the wait, so that what is left is never promised twice.
        self.budget?.identified()
        self.pending += 1
        self.brake.asked(now: now)
        return .take(bucket: bucket)
    }

    private mutating func stop(_ slot: Slot, for wait: Duration, _ reason: String, now: Duration) -> Decision {
        // Members add up to a tenth, so that they don't all come at once.
        self.stopped[slot] = now + wait * 1.1
        return .wait(wait, reason: reason)
    }

    /// False where the bucket is known to be in use, or the budget is not known yet.
    func bucketIsFree(_ slot: Slot, now: Duration) -> Bool {
        guard let budget = self.budget else { return false }
        return self.buckets[slot.shard % budget.maxConcurrency]?.wait(for: slot, now: now) == nil
    }

    /// The ledger gave the permit.
    /// - Returns: whether the brake has gone on.
    mutating func permitted(_ slot: Slot, bucket: Int, now: Duration) -> Bool {
        self.pending -= 1
        self.recentPermits.append(now)
        let freeAt = now + PermitSpacing.between(self.policy)
        self.buckets[bucket] = BucketUse(slot: slot, freeAt: freeAt, heldUntil: freeAt + PermitSpacing.hold)
        if self.halt != nil {
            self.halt?.triedAt = now
            self.halt?.tries += 1
        }
        return self.backoff.permitted(slot, now: now) == .failed ? self.brake.failed(now: now) : false
    }

    /// The ledger gave none.
    /// - Parameter wait: how long the bucket is in use; nil where nothing is known of it.
    mutating func notPermitted(bucket: Int, wait: Duration?, now: Duration) {
        self.pending -= 1
        self.budget?.notIdentified()
        self.brake.notPermitted()
        if let wait { self.buckets[bucket] = BucketUse(slot: nil, freeAt: now + wait, heldUntil: now + wait) }
    }

    // MARK: What became of them

    /// Whether what a slot says of itself matters here. Asked of each slot each second, and seldom so.
    func awaits(_ slot: ObservedSlot) -> Bool {
        switch slot.status {
        case .ready: self.backoff.awaits(slot.slot)
        case .failed: self.knownFailures[slot.slot] != slot.epoch
        default: false
        }
    }

    mutating func observed(_ slot: ObservedSlot, now: Duration) {
        if slot.status == .ready {
            guard self.backoff.isUp(slot.slot, now: now) else { return }
            self.answerHeard(slot.slot, now: now)
            self.brake.succeeded(now: now)
            // Whoever got through had what the others lack.
            if self.halt?.triedAt != nil { self.halt = nil }
        } else if slot.status == .failed, let code = slot.closeCode, self.knownFailures[slot.slot] != slot.epoch {
            self.knownFailures[slot.slot] = slot.epoch
            guard self.halt == nil, GatewayCloseCode(rawValue: code).concernsWholeApplication else { return }
            self.halt = Halt(slot: slot.slot, code: code, reason: slot.reason ?? "close code \(code)", since: now)
        }
    }

    /// Discord has answered the slot's IDENTIFY, so it arrived before now, however long it was on its way.
    private mutating func answerHeard(_ slot: Slot, now: Duration) {
        guard let (bucket, use) = self.buckets.first(where: { $0.value.slot == slot }) else { return }
        self.buckets[bucket]?.heldUntil = min(use.heldUntil, now + PermitSpacing.spacing)
    }

    /// An operator has mended what was wrong.
    /// - Returns: the slots that were told to wait, and would wait on.
    mutating func reset(now: Duration) -> Set<Slot> {
        self.halt = nil
        self.brake.reset()
        self.backoff.reset()
        defer { self.stopped = [:] }
        return Set(self.stopped.lazy.filter { $0.value > now }.map(\.key))
    }

    mutating func forget(_ slot: Slot) {
        self.backoff.forget(slot)
        self.knownFailures[slot] = nil
        self.stopped[slot] = nil
    }
}
