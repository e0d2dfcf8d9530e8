import Foundation
import SystemPackage

/// Keeps one process running: launches it, asks whether it is ready, launches it again when it dies, stops it.
actor SupervisedChild {
    nonisolated let specification: ChildSpecification
    /// Opened by the owner when `run` is going to be called.
    nonisolated let started = Latch()
    /// Opens when it is ready for the first time, or never will be.
    nonisolated let settled = Latch()
    /// Opens when `run` is over.
    nonisolated let finished = Latch()
    private let log: ChildLog
    private let observer: any SupervisorObserver
    private let gaveUp: @Sendable (LocalStackError) -> Void
    private let clock = ContinuousClock()
    private let stopRequested = Latch()
    private var machine: ChildStateMachine
    /// nil while no process runs.
    private var process: Int32?

    /// - Parameter gaveUp: called before `run` returns when the process won't be launched again though nobody asked it
    ///   to stop.
    init(
        _ specification: ChildSpecification,
        log: ChildLog,
        observer: any SupervisorObserver,
        gaveUp: @escaping @Sendable (LocalStackError) -> Void
    ) {
        self.specification = specification
        self.log = log
        self.observer = observer
        self.gaveUp = gaveUp
        let isTask =
            switch specification.readiness {
            case .task: true
            case .probe: false
            }
        self.machine = ChildStateMachine(isTask: isTask, attemptsBeforeReady: specification.attemptsBeforeReady)
    }

    /// Returns once the process has ended for good.
    func run() async {
        defer {
            self.settled.open()
            self.finished.open()
        }
        self.observer.childIsStarting(self.specification)
        while self.machine.start() == .launch {
            let launchedAt = self.clock.now
            let offset = self.log.size
            let exit = await self.launchAndWatch(launchedAt: launchedAt)
            let action = self.machine.exited(exit, at: self.clock.now, jitter: .random(in: 0...1))
            switch action {
            case .stopped:
                return
            case .completed:
                self.observer.childIsReady(self.specification, after: self.clock.now - launchedAt)
                return
            case .giveUp(let reason):
                let lines = self.log.lastLines(8, after: offset)
                self.observer.childDied(self.specification, exit, lastLines: lines, restart: nil)
                self.gaveUp(self.error(reason, exit))
                return
            case .restart(let pause):
                let lines = self.log.lastLines(8, after: offset)
                self.observer.childDied(self.specification, exit, lastLines: lines, restart: pause)
                if await self.stopRequested.wait(atMost: pause) || Task.isCancelled { _ = self.machine.stop() }
            }
        }
    }

    /// Asks the process to stop, kills it once `limit` has passed or `atOnce` opens, and returns when it is gone.
    func stop(limit: Duration, atOnce: Latch) async {
        let action = self.machine.stop()
        self.stopRequested.open()
        switch action {
        case .nothing:
            break
        case .signal:
            self.observer.childIsStopping(self.specification)
            self.send(self.specification.stopSignal, toGroup: false)
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await self.finished.wait(atMost: limit) }
            group.addTask { await atOnce.wait() }
            await group.next()
            group.cancelAll()
        }
        // A process that is just being launched is killed as soon as its number is known.
        while !self.finished.isOpen {
            self.send(SIGKILL, toGroup: true)
            _ = await self.finished.wait(atMost: .milliseconds(100))
        }
    }

    private func launchAndWatch(launchedAt: ContinuousClock.Instant) async -> ChildExit {
        let output: FileDescriptor
        do {
            output = try self.log.openForAppending()
        } catch {
            return .notLaunched(error.message)
        }
        defer { try? output.close() }  // nothing of ours was written
        let exit = await withTaskGroup(of: ChildExit?.self) { group in
            group.addTask {
                await ProcessLaunch.run(
                    self.specification.executable, self.specification.arguments,
                    environment: self.specification.environment, output: output
                ) { process in await self.launched(process) }
            }
            group.addTask {
                await self.watch(launchedAt: launchedAt)
                return nil
            }
            var exit = ChildExit.notLaunched("it was never launched")
            while let result = await group.next() {
                guard let result else { continue }
                exit = result
                group.cancelAll()
            }
            return exit
        }
        // What it started and left behind goes with it, so that a new one finds its ports free.
        self.send(SIGKILL, toGroup: true)
        self.process = nil
        return exit
    }

    private func launched(_ process: Int32) {
        self.process = process
        // Asked to stop between the decision to launch and the launch.
        if self.stopRequested.isOpen { self.send(self.specification.stopSignal, toGroup: false) }
    }

    /// Until cancelled: asks for readiness, then keeps the log file small.
    private func watch(launchedAt: ContinuousClock.Instant) async {
        if case .probe(let probe) = self.specification.readiness {
            var answered = false
            while !Task.isCancelled {
                if self.process != nil { answered = await probe.answers() }
                if answered { break }
                if self.clock.now - launchedAt > self.specification.startLimit {
                    self.send(SIGKILL, toGroup: true)
                    return
                }
                // Ends early only when cancelled, which the loop sees.
                try? await Task.sleep(for: .milliseconds(100))
            }
            if answered, self.machine.becameReady(at: self.clock.now) == .announce {
                self.observer.childIsReady(self.specification, after: self.clock.now - launchedAt)
                self.settled.open()
            }
        }
        while !Task.isCancelled {
            // Ends early only when cancelled, which the loop sees.
            try? await Task.sleep(for: .seconds(5))
            // A log that can't be cut now is cut at a later turn.
            try? self.log.cutIfTooLarge()
        }
    }

    private func send(_ signal: Int32, toGroup: Bool) {
        guard let process = self.process else { return }
        kill(toGroup ? -process : process, signal)
    }

    private func error(_ reason: ChildStateMachine.GiveUpReason, _ exit: ChildExit) -> LocalStackError {
        let title = self.specification.title
        return switch reason {
        case .configuration:
            LocalStackError(.configuration, "\(title) refuses its configuration; its output is in \(self.log.path)")
        case .taskFailed:
            LocalStackError(.notStarted, "\(title) failed (\(exit)); its output is in \(self.log.path)")
        case .neverReady:
            LocalStackError(
                .notStarted,
                "\(title) died \(self.specification.attemptsBeforeReady) times before it was ready (\(exit)); "
                    + "its output is in \(self.log.path)")
        }
    }
}
