import TestSupport
import Testing

@testable import Redis

@Suite struct ReconnectTests {
    @Test func `The ceiling doubles up to the limit`() {
        let backoff = ReconnectBackoff(base: .milliseconds(100), limit: .seconds(5))
        let ceilings = (0..<8).map { backoff.ceiling(afterFailures: $0) }
        #expect(ceilings == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map { .milliseconds($0) })
        #expect(backoff.ceiling(afterFailures: .max) == .seconds(5))
        #expect(backoff.ceiling(afterFailures: -1) == .milliseconds(100))
    }

    @Test func `Waits are spread over the whole range`() {
        let backoff = ReconnectBackoff(base: .milliseconds(100), limit: .seconds(5))
        var generator = SeededGenerator(seed: 1)
        let delays = (0..<1_000).map { _ in backoff.delay(afterFailures: 3, using: &generator) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .milliseconds(800) })
        #expect(delays.contains { $0 < .milliseconds(80) })
        #expect(delays.contains { $0 > .milliseconds(720) })
    }

    private let error = RedisError(.connectionLost, "refused")

    @Test func `Commands wait for the first attempt, then fail until a connection is made`() {
        var machine = ReconnectStateMachine()
        #expect(machine.demanded(patience: false) == .connectAndWait)
        #expect(machine.demanded(patience: false) == .wait)
        #expect(machine.attemptFailed(self.error) == .after(failures: 1))
        #expect(machine.demanded(patience: false) == .fail(self.error))
        #expect(machine.demanded(patience: true) == .wait)
        #expect(machine.waited() == true)
        #expect(machine.demanded(patience: false) == .fail(self.error))
        #expect(machine.attemptFailed(self.error) == .after(failures: 2))
        #expect(machine.waited() == true)
        #expect(machine.connected() == true)
        #expect(machine.demanded(patience: false) == .send)
    }

    @Test func `After a loss commands wait for one attempt`() {
        var machine = ReconnectStateMachine()
        _ = machine.demanded(patience: false)
        _ = machine.connected()
        #expect(machine.lost(self.error, proved: true) == .after(failures: 0))
        #expect(machine.demanded(patience: false) == .wait)
        #expect(machine.waited() == true)
        #expect(machine.demanded(patience: false) == .wait)
    }

    @Test func `A server that cuts each new connection is called less and less`() {
        var machine = ReconnectStateMachine()
        _ = machine.demanded(patience: false)
        for failures in 1...5 {
            #expect(machine.connected() == true)
            #expect(machine.lost(self.error, proved: false) == .after(failures: failures))
            #expect(machine.waited() == true)
        }
    }

    @Test func `Once stopped nothing begins`() {
        var machine = ReconnectStateMachine()
        _ = machine.demanded(patience: false)
        machine.stop()
        #expect(machine.connected() == false)
        #expect(machine.attemptFailed(self.error) == .none)
        #expect(machine.waited() == false)
        guard case .fail(let error) = machine.demanded(patience: true) else {
            Issue.record("did not fail")
            return
        }
        #expect(error.code == .closed)
    }
}
