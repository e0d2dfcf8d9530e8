import Testing

@testable import CoordinatorCore

@Suite("Session start budget")
struct SessionStartBudgetTests {
    private func budget(remaining: Int) -> SessionStartBudget {
        SessionStartBudget(total: 1000, remaining: remaining, maxConcurrency: 1, resetsAt: .seconds(3600))
    }

    @Test func `The last fifth is never used`() {
        #expect(self.budget(remaining: 201).decide(now: .zero) == .mayIdentify)
        #expect(self.budget(remaining: 200).decide(now: .seconds(600)) == .reserveReached(retryAfter: .seconds(3000)))
    }

    @Test func `Each identify takes one`() {
        var budget = self.budget(remaining: 202)
        budget.identified()
        #expect(budget.decide(now: .zero) == .mayIdentify)
        budget.identified()
        #expect(budget.decide(now: .zero) != .mayIdentify)
    }

    @Test func `After the reset it is full again`() {
        #expect(self.budget(remaining: 0).decide(now: .seconds(3600)) == .mayIdentify)
    }
}
