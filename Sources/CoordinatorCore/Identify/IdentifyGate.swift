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

    /// Who got a bucket's last permit.
    private struct Holder: Sendable, Equatable {
        let slot: Slot
        let epoch: Int64
    }

    /// The last permit of a bucket.
    private struct BucketUse: Sendable {
        /// nil: an earlier leader gave it, and only the ledger knows.
        var holder: Holder?
        /// The ledger gives no other one before.
        var freeAt: Duration
        /// Nor does the gate, as long as nobody told what became of it.
        var heldUntil: Duration
    }

    /// The ledger answers within milliseconds.
    private static let askAgain: Duration = .milliseconds(100)
    /// How often somebody may look whether a bucket is still held.
    private static let lookAgain: Duration = .milliseconds(500)

    let policy: IdentifyPolicy
    package private(set) var budget: SessionStartBudget?
    package private(set) var halt: Halt?
    private var backoff: IdentifyBackoff
    private var brake: StormBrake
    private var buckets: [Int: BucketUse] = [:]
    /// The ledger is being asked for these.
    private var askedBuckets: Set<Int> = []
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

    /// - Parameter beganAt: when the asking process began: one that did so after a halt may try.
    mutating func decide(_ slot: Slot, epoch: Int64, beganAt: Duration, now: Duration) -> Decision? {
        // Who asks again has heard of its IDENTIFY, or sent none.
        self.answerHeard(Holder(slot: slot, epoch: epoch), now: now)
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
        if let wait = self.wait(for: bucket, now: now) {
            return .wait(wait, reason: "identify bucket \(bucket) is in use")
        }
        // Counted before the wait, so that what is left is never promised twice.
        self.budget?.identified()
        self.pending += 1
        self.askedBuckets.insert(bucket)
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
        return self.wait(for: slot.shard % budget.maxConcurrency, now: now) == nil
    }

    /// - Returns: nil: the bucket is free.
    private func wait(for bucket: Int, now: Duration) -> Duration? {
        if self.askedBuckets.contains(bucket) { return Self.askAgain }
        guard let use = self.buckets[bucket] else { return nil }
        if use.freeAt > now { return use.freeAt - now }
        return use.heldUntil > now ? min(use.heldUntil - now, Self.lookAgain) : nil
    }

    /// The ledger gave the permit.
    /// - Returns: whether the brake has gone on.
    mutating func permitted(_ slot: Slot, epoch: Int64, bucket: Int, now: Duration) -> Bool {
        self.pending -= 1
        self.askedBuckets.remove(bucket)
        self.recentPermits.append(now)
        let freeAt = now + PermitSpacing.between(self.policy)
        self.buckets[bucket] = BucketUse(
            holder: Holder(slot: slot, epoch: epoch), freeAt: freeAt, heldUntil: freeAt + self.policy.hold)
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
        self.askedBuckets.remove(bucket)
        guard let wait else { return }
        let freeAt = now + wait
        if let use = self.buckets[bucket], use.heldUntil > now {
            self.buckets[bucket]?.freeAt = freeAt
            self.buckets[bucket]?.heldUntil = max(freeAt, use.heldUntil)
        } else {
            self.buckets[bucket] = BucketUse(freeAt: freeAt, heldUntil: freeAt + self.policy.hold)
        }
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
            self.answerHeard(Holder(slot: slot.slot, epoch: slot.epoch), now: now)
            self.brake.succeeded(now: now)
            // Whoever got through had what the others lack.
            if self.halt?.triedAt != nil { self.halt = nil }
        } else if slot.status == .failed, let code = slot.closeCode, self.knownFailures[slot.slot] != slot.epoch {
            self.knownFailures[slot.slot] = slot.epoch
            self.answerHeard(Holder(slot: slot.slot, epoch: slot.epoch), now: now)
            guard self.halt == nil, GatewayCloseCode(rawValue: code).concernsWholeApplication else { return }
            self.halt = Halt(slot: slot.slot, code: code, reason: slot.reason ?? "close code \(code)", since: now)
        }
    }

    /// Discord has answered the holder's IDENTIFY, so it arrived before now, however long it was on its way.
    private mutating func answerHeard(_ holder: Holder, now: Duration) {
        guard let budget = self.budget else { return }
        let bucket = holder.slot.shard % budget.maxConcurrency
        guard let use = self.buckets[bucket], use.holder == holder else { return }
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
