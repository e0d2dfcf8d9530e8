import Testing

@testable import LocalStack

@Suite("The life of a supervised process")
struct ChildStateMachineTests {
    let start = ContinuousClock.now

    private func running(_ isReady: Bool = false, isTask: Bool = false) -> ChildStateMachine {
        var machine = ChildStateMachine(isTask: isTask, attemptsBeforeReady: 3)
        _ = machine.start()
        if isReady { _ = machine.becameReady(at: self.start) }
        return machine
    }

    @Test func `It is launched once`() {
        var machine = ChildStateMachine(isTask: false, attemptsBeforeReady: 3)
        #expect(machine.start() == .launch)
        #expect(machine.start() == .nothing)
    }

    @Test func `It is announced as ready once for each launch`() {
        var machine = self.running()
        #expect(machine.becameReady(at: self.start) == .announce)
        #expect(machine.isReady)
        #expect(machine.becameReady(at: self.start) == .nothing)
        _ = machine.exited(.signaled(9), at: self.start, jitter: 1)
        #expect(!machine.isReady)
        _ = machine.start()
        #expect(machine.becameReady(at: self.start) == .announce)
    }

    @Test func `Each death doubles the pause, up to its bound`() {
        var machine = self.running(true)
        var pauses: [ChildStateMachine.ExitAction] = []
        for _ in 0..<9 {
            pauses.append(machine.exited(.exited(1), at: self.start, jitter: 1))
            #expect(machine.start() == .launch)
        }
        let seconds = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
        #expect(pauses == seconds.map { .restart(after: .milliseconds(Int($0 * 1000))) })
    }

    @Test func `A half of the pause is random, and odd jitter doesn't leave its bounds`() {
        #expect(ChildStateMachine.backOff(failures: 1, jitter: 0) == .milliseconds(250))
        #expect(ChildStateMachine.backOff(failures: 1, jitter: 0.5) == .milliseconds(375))
        #expect(ChildStateMachine.backOff(failures: 1, jitter: 7) == .milliseconds(500))
        #expect(ChildStateMachine.backOff(failures: 0, jitter: -1) == .milliseconds(250))
        #expect(ChildStateMachine.backOff(failures: .max, jitter: 1) == .seconds(30))
    }

    @Test func `A minute of health forgets earlier deaths, less doesn't`() {
        var machine = self.running(true)
        _ = machine.exited(.exited(1), at: self.start, jitter: 1)
        _ = machine.start()
        _ = machine.becameReady(at: self.start)
        #expect(
            machine.exited(.exited(1), at: self.start + .seconds(59), jitter: 1) == .restart(after: .seconds(1)))
        _ = machine.start()
        _ = machine.becameReady(at: self.start)
        #expect(
            machine.exited(.exited(1), at: self.start + .seconds(60), jitter: 1)
                == .restart(after: .milliseconds(500)))
    }

    @Test func `A wrong configuration is never launched again`() {
        for isReady in [false, true] {
            var machine = self.running(isReady)
            #expect(machine.exited(.exited(78), at: self.start, jitter: 1) == .giveUp(.configuration))
            #expect(machine.start() == .nothing)
        }
    }

    @Test func `One that was never ready is given up at its third death, one that was is not`() {
        var never = self.running()
        var once = self.running(true)
        for _ in 0..<2 {
            guard case .restart = never.exited(.exited(1), at: self.start, jitter: 1) else {
                Issue.record("given up too early")
                return
            }
            _ = never.start()
            _ = once.exited(.exited(1), at: self.start, jitter: 1)
            _ = once.start()
        }
        #expect(never.exited(.exited(1), at: self.start, jitter: 1) == .giveUp(.neverReady))
        #expect(never.start() == .nothing)
        #expect(once.exited(.exited(1), at: self.start, jitter: 1) == .restart(after: .seconds(2)))
    }

    @Test func `A task is done with exit code 0 and fails with any other end`() {
        var done = self.running(isTask: true)
        #expect(done.exited(.exited(0), at: self.start, jitter: 1) == .completed)
        for exit in [ChildExit.exited(1), .signaled(9), .notLaunched("no such file")] {
            var failed = self.running(isTask: true)
            #expect(failed.exited(exit, at: self.start, jitter: 1) == .giveUp(.taskFailed))
        }
    }

    @Test func `Exit code 0 of a server is a death`() {
        var machine = self.running(true)
        #expect(machine.exited(.exited(0), at: self.start, jitter: 1) == .restart(after: .milliseconds(500)))
    }

    @Test func `A running process is signalled once to stop, and its end is the end`() {
        for isReady in [false, true] {
            var machine = self.running(isReady)
            #expect(machine.stop() == .signal)
            #expect(machine.stop() == .nothing)
            #expect(machine.becameReady(at: self.start) == .nothing)
            #expect(machine.exited(.signaled(15), at: self.start, jitter: 1) == .stopped)
            #expect(machine.start() == .nothing)
        }
    }

    @Test func `Nothing is launched after a stop between two launches`() {
        var idle = ChildStateMachine(isTask: false, attemptsBeforeReady: 3)
        #expect(idle.stop() == .nothing)
        #expect(idle.start() == .nothing)
        var waiting = self.running(true)
        _ = waiting.exited(.exited(1), at: self.start, jitter: 1)
        #expect(waiting.stop() == .nothing)
        #expect(waiting.start() == .nothing)
    }
}
