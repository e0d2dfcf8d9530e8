import Testing

@testable import CoordinatorCore

@Suite("Leader's term")
struct LeaderTermTests {
    private var term = LeaderTerm(now: .zero)

    private mutating func lead() {
        #expect(self.term.timePassed(now: .zero) == .ask)
        #expect(self.term.answered(epoch: 3, now: .milliseconds(10)) == .lead(epoch: 3))
    }

    @Test mutating func `One that may not lead asks again`() {
        #expect(self.term.timePassed(now: .zero) == .ask)
        #expect(self.term.timePassed(now: .seconds(1)) == nil, "one question at a time")
        #expect(self.term.answered(epoch: nil, now: .seconds(1)) == nil)
        #expect(self.term.timePassed(now: .milliseconds(1400)) == nil)
        #expect(self.term.timePassed(now: .milliseconds(1500)) == .ask)
    }

    @Test mutating func `A leader renews each second, and its lease counts from when it asked`() {
        self.lead()
        #expect(self.term.leadsUntil == .milliseconds(3500))
        #expect(self.term.timePassed(now: .seconds(1)) == .renew(epoch: 3))
        self.term.renewed(now: .milliseconds(1600))
        #expect(self.term.leadsUntil == .milliseconds(4500))
        #expect(self.term.timePassed(now: .milliseconds(2599)) == nil)
        #expect(self.term.timePassed(now: .milliseconds(2600)) == .renew(epoch: 3))
    }

    @Test mutating func `An answer that comes too late is no leave to lead`() {
        #expect(self.term.timePassed(now: .zero) == .ask)
        guard case .giveUp? = self.term.answered(epoch: 3, now: .milliseconds(3500)) else {
            Issue.record("it leads")
            return
        }
        #expect(self.term.leadsUntil == nil)
    }

    @Test mutating func `A renewal that fails is tried again while another attempt fits`() {
        self.lead()
        #expect(self.term.timePassed(now: .seconds(1)) == .renew(epoch: 3))
        #expect(self.term.renewalFailed("away", now: .milliseconds(1090)) == nil)
        #expect(self.term.timePassed(now: .milliseconds(2090)) == .renew(epoch: 3))
        guard case .giveUp? = self.term.renewalFailed("away", now: .milliseconds(2100)) else {
            Issue.record("it goes on")
            return
        }
    }

    @Test mutating func `One that hears nothing gives up in time`() {
        self.lead()
        #expect(self.term.timePassed(now: .seconds(1)) == .renew(epoch: 3))
        #expect(self.term.nextDeadline == .milliseconds(3500))
        guard case .giveUp? = self.term.timePassed(now: .milliseconds(3500)) else {
            Issue.record("it goes on")
            return
        }
        #expect(self.term.nextDeadline == nil && self.term.timePassed(now: .seconds(9)) == nil)
    }

    @Test mutating func `One that is told that another leads gives up`() {
        self.lead()
        #expect(self.term.timePassed(now: .seconds(1)) == .renew(epoch: 3))
        guard case .giveUp? = self.term.refused() else {
            Issue.record("it goes on")
            return
        }
        #expect(self.term.refused() == nil)
    }
}
