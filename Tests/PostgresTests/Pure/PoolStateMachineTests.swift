import Testing

@testable import Postgres

@Suite("Pool state machine")
struct PoolStateMachineTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { self.start + .milliseconds(Int(seconds * 1000)) }
    private func request(_ id: UInt64) -> RequestID { RequestID(rawValue: id) }
    private func connection(_ id: UInt64) -> ConnectionID { ConnectionID(rawValue: id) }

    private func limits(_ change: (inout PoolStateMachine.Limits) -> Void = { _ in }) -> PoolStateMachine.Limits {
        var limits = PoolStateMachine.Limits()
        limits.minimum = 0
        limits.maximum = 2
        limits.pipelineDepth = 2
        limits.waitLimit = 3
        limits.waitTimeout = .seconds(1)
        change(&limits)
        return limits
    }

    /// A machine with open, idle connections numbered from 1.
    private func open(_ count: Int, _ change: (inout PoolStateMachine.Limits) -> Void = { _ in }) -> PoolStateMachine {
        var machine = PoolStateMachine(
            limits: self.limits {
                $0.minimum = count
                change(&$0)
            }
        )
        let asked = machine.started(now: self.start)
        #expect(asked == (1...UInt64(count)).map { .connect(self.connection($0)) })
        for id in 1...UInt64(count) {
            #expect(machine.connected(self.connection(id), now: self.start, fraction: 0.5) == [])
        }
        return machine
    }

    @Test func `The minimum is opened at start`() {
        var machine = PoolStateMachine(limits: self.limits { $0.minimum = 2 })
        #expect(machine.started(now: self.start) == [.connect(self.connection(1)), .connect(self.connection(2))])
        #expect(machine.statistics.connecting == 2)
    }

    @Test func `A statement waits for the first connection, then starts on it`() {
        var machine = PoolStateMachine(limits: self.limits())
        #expect(machine.started(now: self.start) == [])
        #expect(machine.statementSubmitted(self.request(1), now: self.start) == [.connect(self.connection(1))])
        let actions = machine.connected(self.connection(1), now: self.at(0.1), fraction: 0)
        #expect(actions == [.start(self.request(1), on: self.connection(1))])
    }

    @Test func `Statements take idle connections first, then share the shortest pipeline, then wait`() {
        var machine = self.open(2)
        #expect(
            machine.statementSubmitted(self.request(1), now: self.start) == [
                .start(self.request(1), on: self.connection(1))
            ])
        #expect(
            machine.statementSubmitted(self.request(2), now: self.start) == [
                .start(self.request(2), on: self.connection(2))
            ])
        #expect(
            machine.statementSubmitted(self.request(3), now: self.start) == [
                .start(self.request(3), on: self.connection(1))
            ])
        #expect(
            machine.statementSubmitted(self.request(4), now: self.start) == [
                .start(self.request(4), on: self.connection(2))
            ])
        #expect(machine.statementSubmitted(self.request(5), now: self.start) == [])
        #expect(machine.statistics.waiting == 1)
        let actions = machine.finished(on: self.connection(2), now: self.start)
        #expect(actions == [.start(self.request(5), on: self.connection(2))])
    }

    @Test func `A statement waits for a connection of its own while there is room for one`() {
        var machine = self.open(1)
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        let actions = machine.statementSubmitted(self.request(2), now: self.start)
        #expect(actions == [.connect(self.connection(2))])
        #expect(
            machine.connected(self.connection(2), now: self.start, fraction: 0) == [
                .start(self.request(2), on: self.connection(2))
            ])
    }

    @Test func `Nothing joins a pipeline that stands still`() {
        var machine = self.open(1) { $0.maximum = 1 }
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        #expect(machine.statementSubmitted(self.request(2), now: self.at(0.05)) == [])
        let actions = machine.finished(on: self.connection(1), now: self.at(0.06))
        #expect(actions == [.start(self.request(2), on: self.connection(1))])
    }

    @Test func `A lease has its connection alone`() {
        var machine = self.open(1) { $0.maximum = 1 }
        #expect(
            machine.leaseRequested(self.request(1), now: self.start) == [.lend(self.connection(1), to: self.request(1))]
        )
        #expect(machine.statementSubmitted(self.request(2), now: self.start) == [])
        #expect(machine.leaseRequested(self.request(3), now: self.start) == [])
        #expect(
            machine.released(self.connection(1), now: self.start) == [.start(self.request(2), on: self.connection(1))])
        #expect(
            machine.finished(on: self.connection(1), now: self.start) == [
                .lend(self.connection(1), to: self.request(3))
            ])
    }

    @Test func `A lease is not starved by statements that keep coming`() {
        var machine = self.open(1) { $0.maximum = 1 }
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        _ = machine.leaseRequested(self.request(2), now: self.start)
        #expect(machine.statementSubmitted(self.request(3), now: self.start) == [], "the connection is reserved")
        #expect(
            machine.finished(on: self.connection(1), now: self.start) == [
                .lend(self.connection(1), to: self.request(2))
            ])
    }

    @Test func `A statement is not starved by leases that came later`() {
        var machine = self.open(1) { $0.maximum = 1 }
        _ = machine.leaseRequested(self.request(1), now: self.start)
        _ = machine.statementSubmitted(self.request(2), now: self.start)
        _ = machine.leaseRequested(self.request(3), now: self.start)
        #expect(
            machine.released(self.connection(1), now: self.start) == [.start(self.request(2), on: self.connection(1))])
    }

    @Test func `Waiting ends at the deadline`() {
        var machine = PoolStateMachine(limits: self.limits())
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        _ = machine.leaseRequested(self.request(2), now: self.at(0.5))
        #expect(machine.nextEvent == self.at(1))
        #expect(machine.timePassed(now: self.at(1)) == [.refuse(self.request(1), .waitedTooLong)])
        #expect(machine.timePassed(now: self.at(1.5)) == [.refuse(self.request(2), .waitedTooLong)])
    }

    @Test func `The wait queue is bounded`() {
        var machine = PoolStateMachine(limits: self.limits())
        for id in 1...3 { _ = machine.statementSubmitted(self.request(UInt64(id)), now: self.start) }
        #expect(machine.statementSubmitted(self.request(4), now: self.start) == [.refuse(self.request(4), .exhausted)])
        #expect(machine.leaseRequested(self.request(5), now: self.start) == [.refuse(self.request(5), .exhausted)])
    }

    @Test func `Who gave up no longer waits`() {
        var machine = PoolStateMachine(limits: self.limits())
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        _ = machine.leaseRequested(self.request(2), now: self.start)
        #expect(machine.withdrawn(self.request(1)) == true)
        #expect(machine.withdrawn(self.request(1)) == false)
        let actions = machine.connected(self.connection(1), now: self.start, fraction: 0)
        #expect(actions == [.lend(self.connection(1), to: self.request(2))])
    }

    @Test func `A failed attempt to connect is repeated after a pause, one at a time`() {
        var machine = PoolStateMachine(limits: self.limits())
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        #expect(machine.connectFailed(self.connection(1), now: self.start, fraction: 1) == [])
        #expect(machine.nextEvent == self.at(0.05))
        #expect(machine.statementSubmitted(self.request(2), now: self.at(0.01)) == [])
        #expect(machine.timePassed(now: self.at(0.05)) == [.connect(self.connection(2))])
        #expect(machine.connectFailed(self.connection(2), now: self.at(0.06), fraction: 1) == [])
        #expect(machine.nextEvent == self.at(0.16), "the pause doubles")
        #expect(machine.timePassed(now: self.at(0.16)) == [.connect(self.connection(3))])
        let actions = machine.connected(self.connection(3), now: self.at(0.2), fraction: 0)
        #expect(
            actions.prefix(2) == [
                .start(self.request(1), on: self.connection(3)), .connect(self.connection(4)),
            ])
        #expect(machine.statistics.connectFailures == 2)
    }

    @Test func `A lost connection is replaced up to the minimum`() {
        var machine = self.open(1)
        #expect(machine.lost(self.connection(1), now: self.start) == [.connect(self.connection(2))])
        #expect(machine.lost(self.connection(1), now: self.start) == [], "told twice")
    }

    @Test func `An idle connection above the minimum is closed`() {
        var machine = self.open(1) { $0.idleTime = .seconds(10) }
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        _ = machine.statementSubmitted(self.request(2), now: self.start)
        _ = machine.connected(self.connection(2), now: self.start, fraction: 0.5)
        _ = machine.finished(on: self.connection(1), now: self.start)
        _ = machine.finished(on: self.connection(2), now: self.start)
        #expect(machine.timePassed(now: self.at(9)) == [])
        #expect(machine.timePassed(now: self.at(10)) == [.close(self.connection(2))])
        #expect(machine.timePassed(now: self.at(11)) == [])
    }

    @Test func `An idle connection is checked, and its answer is no use of it`() {
        var machine = self.open(1) { $0.healthCheckInterval = .seconds(30) }
        #expect(machine.nextEvent == self.at(30))
        #expect(machine.timePassed(now: self.at(30)) == [.check(self.connection(1))])
        #expect(machine.timePassed(now: self.at(31)) == [])
        #expect(machine.finished(on: self.connection(1), isCheck: true, now: self.at(31)) == [])
        #expect(machine.connections[0].lastUse == self.start)
        #expect(machine.nextEvent == self.at(61))
    }

    @Test(arguments: [(0.0, 90.0), (0.5, 100.0), (1.0, 110.0)])
    func `A connection is replaced after its lifetime, when idle`(fraction: Double, seconds: Double) {
        var machine = PoolStateMachine(
            limits: self.limits {
                $0.minimum = 1
                $0.maximumLifetime = .seconds(100)
                $0.healthCheckInterval = .seconds(1000)
            }
        )
        _ = machine.started(now: self.start)
        _ = machine.connected(self.connection(1), now: self.start, fraction: fraction)
        _ = machine.statementSubmitted(self.request(1), now: self.at(1))
        #expect(machine.timePassed(now: self.at(seconds + 1)) == [], "it is busy")
        _ = machine.finished(on: self.connection(1), now: self.at(seconds + 2))
        #expect(machine.nextEvent.map { $0 <= self.at(seconds + 2) } == true)
        #expect(
            machine.timePassed(now: self.at(seconds + 2)) == [.close(self.connection(1)), .connect(self.connection(2))])
    }

    @Test func `Closing refuses those who wait and lets the others end`() {
        var machine = self.open(2) { $0.pipelineDepth = 1 }
        _ = machine.statementSubmitted(self.request(1), now: self.start)
        _ = machine.leaseRequested(self.request(2), now: self.start)
        _ = machine.statementSubmitted(self.request(3), now: self.start)
        let actions = machine.closeRequested(deadline: self.at(5), now: self.start)
        #expect(actions == [.refuse(self.request(3), .closed)])
        #expect(machine.statementSubmitted(self.request(4), now: self.start) == [.refuse(self.request(4), .closed)])
        #expect(machine.leaseRequested(self.request(5), now: self.start) == [.refuse(self.request(5), .closed)])
        #expect(machine.finished(on: self.connection(1), now: self.start) == [.close(self.connection(1))])
        #expect(machine.released(self.connection(2), now: self.start) == [.close(self.connection(2)), .stop])
    }

    @Test func `Closing waits no longer than its deadline`() {
        var machine = self.open(1)
        _ = machine.leaseRequested(self.request(1), now: self.start)
        #expect(machine.closeRequested(deadline: self.at(5), now: self.start) == [])
        #expect(machine.nextEvent == self.at(5))
        #expect(machine.closeRequested(deadline: self.at(2), now: self.start) == [], "the earlier deadline counts")
        #expect(machine.timePassed(now: self.at(2)) == [.close(self.connection(1)), .stop])
        #expect(machine.released(self.connection(1), now: self.at(3)) == [])
    }

    @Test func `Closing an empty or connecting pool stops at once`() {
        var empty = PoolStateMachine(limits: self.limits())
        #expect(empty.closeRequested(deadline: self.at(5), now: self.start) == [.stop])
        #expect(empty.closeRequested(deadline: self.at(5), now: self.start) == [])
        var connecting = PoolStateMachine(limits: self.limits())
        _ = connecting.statementSubmitted(self.request(1), now: self.start)
        #expect(
            connecting.closeRequested(deadline: self.at(5), now: self.start)
                == [.refuse(self.request(1), .closed), .close(self.connection(1)), .stop]
        )
        #expect(connecting.connected(self.connection(1), now: self.start, fraction: 0) == [], "too late")
    }

    @Test func `News about unknown connections changes nothing`() {
        var machine = self.open(1)
        let before = machine.statistics
        #expect(machine.connected(self.connection(9), now: self.start, fraction: 0) == [])
        #expect(machine.connectFailed(self.connection(9), now: self.start, fraction: 0) == [])
        #expect(machine.finished(on: self.connection(9), now: self.start) == [])
        #expect(machine.released(self.connection(9), now: self.start) == [])
        #expect(machine.released(self.connection(1), now: self.start) == [], "it is not leased")
        #expect(machine.connected(self.connection(1), now: self.start, fraction: 0) == [], "it is connected")
        #expect(machine.statistics == before)
    }
}
