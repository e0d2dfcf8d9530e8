import ClusterAPI
import Discord
import Testing

@testable import CoordinatorCore

@Suite("Identify gate")
struct IdentifyGateTests {
    private static let policy = IdentifyPolicy()
    private var gate = IdentifyGate(policy: Self.policy)
    private var now: Duration = .seconds(1000)

    init() { self.tell(remaining: 1000) }

    private mutating func tell(remaining: Int, askedAt: Duration? = nil) {
        self.gate.budgetTold(
            total: 1000, remaining: remaining, maxConcurrency: 16, resetsAfter: .seconds(40_000),
            askedAt: askedAt ?? self.now, now: self.now)
    }

    private func slot(_ shard: Int) -> Slot { Slot(application: .init(rawValue: 1), generation: 1, shard: shard) }

    private func observed(_ shard: Int, _ status: SlotStatus, epoch: Int64 = 1, code: UInt16? = nil) -> ObservedSlot {
        ObservedSlot(slot: self.slot(shard), epoch: epoch, status: status, reason: "because", closeCode: code)
    }

    /// - Returns: how long to wait; nil: may go on, and did.
    @discardableResult
    private mutating func identify(_ shard: Int, epoch: Int64 = 1, beganAt: Duration = .zero) -> Duration? {
        switch self.gate.decide(self.slot(shard), epoch: epoch, beganAt: beganAt, now: self.now) {
        case .take(let bucket):
            _ = self.gate.permitted(self.slot(shard), epoch: epoch, bucket: bucket, now: self.now)
            return nil
        case .wait(let wait, _): return wait
        case nil: return .zero
        }
    }

    private mutating func up(_ shard: Int) { self.gate.observed(self.observed(shard, .ready), now: self.now) }

    @Test func `Before Discord was asked nobody may`() {
        var gate = IdentifyGate(policy: Self.policy)
        #expect(gate.decide(self.slot(0), epoch: 1, beganAt: .zero, now: .zero) == nil)
    }

    @Test mutating func `A bucket is kept a little longer while nobody knows whether its IDENTIFY arrived`() {
        let spacing = PermitSpacing.between(Self.policy)
        self.identify(0)
        #expect(self.identify(16) == spacing)
        self.now += spacing
        #expect(self.identify(16) == .milliseconds(500))
        self.now += Self.policy.hold - .milliseconds(100)
        #expect(self.identify(16) == .milliseconds(100))
        self.now += .milliseconds(100)
        #expect(self.identify(16) == nil, "a process that died does not keep its bucket")
    }

    @Test mutating func `An IDENTIFY that was late on its way keeps its bucket for five seconds from its READY`() {
        let spacing = PermitSpacing.between(Self.policy)
        self.identify(0)
        self.now += .seconds(2)
        self.up(0)
        self.now += spacing - .seconds(2)
        #expect(self.identify(16) == .milliseconds(500))
        self.now += .seconds(7) - spacing
        #expect(self.identify(16) == nil)
    }

    @Test mutating func `A READY that is heard at once costs the bucket nothing`() {
        self.identify(0)
        self.now += .seconds(1)
        self.up(0)
        self.now += PermitSpacing.between(Self.policy) - .seconds(1)
        #expect(self.identify(16) == nil)
    }

    @Test mutating func `Who asks again has heard of its IDENTIFY, or sent none`() {
        let spacing = PermitSpacing.between(Self.policy)
        self.identify(0)
        self.now += .seconds(1)
        #expect(self.identify(0) == spacing - .seconds(1))
        self.now += spacing - .seconds(1)
        #expect(self.identify(16) == nil, "nobody is kept waiting for its sake")
    }

    @Test mutating func `The next owner of a slot has heard nothing of the IDENTIFY before`() {
        self.identify(0)
        self.now += PermitSpacing.between(Self.policy)
        #expect(self.identify(0, epoch: 2) == .milliseconds(500))
    }

    @Test mutating func `One asks the ledger for a bucket at a time`() {
        let spacing = PermitSpacing.between(Self.policy)
        guard case .take(let bucket) = self.gate.decide(self.slot(0), epoch: 1, beganAt: .zero, now: self.now) else {
            Issue.record("a free bucket is not given")
            return
        }
        #expect(self.identify(16) == .milliseconds(100))
        #expect(!self.gate.bucketIsFree(self.slot(16), now: self.now))
        self.gate.notPermitted(bucket: bucket, wait: nil, now: self.now)
        #expect(self.identify(16) == nil)
        #expect(self.identify(0) == spacing)
    }

    @Test mutating func `What an earlier leader permitted is held as well`() {
        guard case .take(let bucket) = self.gate.decide(self.slot(0), epoch: 1, beganAt: .zero, now: self.now) else {
            Issue.record("a free bucket is not given")
            return
        }
        self.gate.notPermitted(bucket: bucket, wait: .seconds(3), now: self.now)
        #expect(self.identify(0) == .seconds(3))
        self.now += .seconds(3)
        #expect(self.identify(0) == .milliseconds(500))
        self.now += Self.policy.hold
        #expect(self.identify(0) == nil)
    }

    @Test mutating func `A slot whose IDENTIFYs come to nothing waits longer each time`() {
        var waits: [Int64] = []
        for _ in 0..<5 {
            self.identify(0)
            self.now += .seconds(9)
            switch self.gate.decide(self.slot(0), epoch: 1, beganAt: .zero, now: self.now) {
            case .wait(let wait, _):
                waits.append((wait + .seconds(9)).components.seconds)
                self.now += wait
            case .take(let bucket):
                waits.append(0)
                self.gate.notPermitted(bucket: bucket, wait: nil, now: self.now)
            case nil: waits.append(-1)
            }
        }
        #expect(waits == [0, 0, 10, 20, 40])
        self.identify(0)
        self.up(0)
        self.now += .seconds(61)
        #expect(self.identify(0) == nil, "a session that was up for a while is no failure")
        self.now += .seconds(9)
        #expect(self.identify(0) == nil)
    }

    @Test mutating func `While most fail all pause; then one tries for all`() {
        for shard in 0..<8 {
            self.identify(shard)
            self.now += .seconds(1)
        }
        self.now += .seconds(8)
        for shard in 0..<8 where !self.gate.brakeIsOn {
            self.identify(shard)
            self.now += .milliseconds(100)
        }
        #expect(self.gate.brakeIsOn)
        let pause = self.identify(9) ?? .zero
        #expect(pause > .seconds(50) && pause <= .seconds(60))
        self.now += pause
        #expect(self.identify(9) == nil)
        #expect(self.identify(10) != nil, "one at a time")
        self.up(9)
        #expect(!self.gate.brakeIsOn)
        self.now += .seconds(1)
        #expect(self.identify(10) == nil)
    }

    @Test mutating func `When the one that tries fails too, the pause doubles`() {
        var brake = StormBrake(policy: Self.policy)
        for second in 0..<8 { _ = brake.failed(now: .seconds(second)) }
        #expect(brake.wait(now: .seconds(7)) == .seconds(60))
        #expect(brake.wait(now: .seconds(67)) == nil)
        brake.asked(now: .seconds(67))
        #expect(brake.wait(now: .seconds(80)) == .seconds(17), "its outcome is waited for")
        #expect(brake.wait(now: .seconds(97)) == .seconds(120), "none came")
        #expect(brake.wait(now: .seconds(217)) == nil)
        brake.asked(now: .seconds(217))
        #expect(brake.wait(now: .seconds(247)) == .seconds(240))
    }

    @Test mutating func `One that failed before is let through, and its success ends the pause`() {
        // Each slot's first IDENTIFY came to nothing, which shows when it asks again.
        for shard in 0..<8 { #expect(self.identify(shard) == nil) }
        self.now += .seconds(10)
        for shard in 0..<8 { #expect(self.identify(shard) == nil) }
        #expect(self.gate.brakeIsOn)
        self.now += .seconds(60)
        #expect(self.identify(3) == nil)
        #expect(self.identify(4) != nil, "one at a time")
        self.up(3)
        #expect(!self.gate.brakeIsOn)
        #expect(self.identify(4) == nil)
    }

    @Test mutating func `While the ledger is asked for the one that tries nobody else is let through`() {
        for shard in 0..<8 { #expect(self.identify(shard) == nil) }
        self.now += .seconds(10)
        for shard in 0..<8 { #expect(self.identify(shard) == nil) }
        self.now += .seconds(60)
        let other = self.slot(4)
        guard case .take(let bucket) = self.gate.decide(self.slot(3), epoch: 1, beganAt: .zero, now: self.now) else {
            Issue.record("nobody is let through")
            return
        }
        guard case .wait = self.gate.decide(other, epoch: 1, beganAt: .zero, now: self.now) else {
            Issue.record("two are let through")
            return
        }
        self.gate.notPermitted(bucket: bucket, wait: nil, now: self.now)
        guard case .take = self.gate.decide(other, epoch: 1, beganAt: .zero, now: self.now) else {
            Issue.record("the ledger said no, and nobody else may try")
            return
        }
    }

    @Test mutating func `A few failures among many successes stop nobody`() {
        var brake = StormBrake(policy: Self.policy)
        for second in 0..<40 {
            if second % 4 == 0 {
                _ = brake.failed(now: .seconds(second))
            } else {
                brake.succeeded(now: .seconds(second))
            }
        }
        #expect(!brake.isOn)
    }

    @Test(arguments: [(4004, true), (4013, true), (4014, true), (4010, false), (4011, false)])
    mutating func `A close code that concerns the token stops every IDENTIFY of its application`(
        code: UInt16, stops: Bool
    ) {
        self.gate.observed(self.observed(2, .failed, code: code), now: self.now)
        #expect((self.gate.halt?.slot.shard == 2) == stops)
        #expect((self.identify(0) != nil) == stops)
    }

    @Test mutating func `After a halt a process that began later tries, one at a time; its success ends it`() {
        self.gate.observed(self.observed(2, .failed, code: 4004), now: self.now)
        self.now += .seconds(10)
        #expect(self.identify(0) != nil)
        #expect(self.identify(0, beganAt: self.now - .seconds(1)) == nil)
        #expect(self.identify(1, beganAt: self.now - .seconds(1)) != nil)
        self.up(0)
        #expect(self.gate.halt == nil)
        #expect(self.identify(1) == nil)
    }

    @Test mutating func `A refusal that is told again does not undo what an operator mended`() {
        self.gate.observed(self.observed(2, .failed, code: 4014), now: self.now)
        _ = self.gate.reset(now: self.now)
        self.gate.observed(self.observed(2, .failed, code: 4014), now: self.now)
        #expect(self.gate.halt == nil)
        self.gate.observed(self.observed(2, .failed, epoch: 2, code: 4014), now: self.now)
        #expect(self.gate.halt != nil)
    }

    @Test mutating func `An operator's retry ends every wait for a failure, and tells who still waits`() {
        for _ in 0..<5 {
            self.identify(0)
            self.now += .seconds(60)
        }
        self.gate.observed(self.observed(2, .failed, code: 4014), now: self.now)
        #expect(self.identify(1) == .seconds(30))
        self.now += .seconds(34)
        #expect(self.identify(3) == .seconds(30))
        #expect(self.gate.reset(now: self.now) == [self.slot(3)], "shard 1 asks again by itself")
        #expect(self.identify(0) == nil && self.identify(1) == nil && self.identify(3) == nil)
        #expect(self.gate.reset(now: self.now).isEmpty)
    }

    @Test mutating func `Discord's count does not bring back what was permitted meanwhile`() {
        self.identify(0)
        self.identify(1)
        self.now += .seconds(1)
        let askedAt = self.now
        self.identify(2)
        self.now += .milliseconds(500)
        self.tell(remaining: 700, askedAt: askedAt)
        #expect(self.gate.budget?.remaining == 697, "also what was permitted just before the question")
        self.now += .seconds(100)
        self.tell(remaining: 690)
        #expect(self.gate.budget?.remaining == 690)
    }

    @Test mutating func `What an earlier leader permitted just now is counted`() {
        self.gate = IdentifyGate(policy: Self.policy, recentPermits: 3, now: self.now)
        self.tell(remaining: 300)
        #expect(self.gate.budget?.remaining == 297)
    }

    @Test mutating func `The reserve stays, until Discord's count starts anew`() {
        self.tell(remaining: 201)
        #expect(self.identify(0) == nil)
        #expect(self.identify(1) == .seconds(60))
        self.now += .seconds(40_000)
        #expect(self.identify(1) == nil)
        #expect(self.gate.budget?.remaining == 999)
    }
}
