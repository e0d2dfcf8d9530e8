/// Decides what happens next to one supervised process. It knows no process, task or clock.
struct ChildStateMachine: Sendable {
    /// How long a process must have been ready before its earlier failures are forgotten.
    static let healthyAfter: Duration = .seconds(60)
    /// `EX_CONFIG` of sysexits.h: the process read its configuration and refuses it.
    static let configurationExitCode: Int32 = 78

    private enum State: Equatable {
        case idle
        case starting
        case ready(since: ContinuousClock.Instant)
        case backingOff
        /// Was asked to stop while it ran.
        case stopping
        case stopped
    }

    private var state = State.idle
    private var failures = 0
    private var wasReady = false
    private let isTask: Bool
    private let attemptsBeforeReady: Int

    /// - Parameters:
    ///   - isTask: whether the process is to end by itself with exit code 0.
    ///   - attemptsBeforeReady: how often a process that was never ready may die before it is given up.
    init(isTask: Bool, attemptsBeforeReady: Int) {
        self.isTask = isTask
        self.attemptsBeforeReady = attemptsBeforeReady
    }

    var isReady: Bool {
        if case .ready = self.state { true } else { false }
    }

    enum StartAction: Equatable { case launch, nothing }

    /// It's the process' turn, or its back-off is over.
    mutating func start() -> StartAction {
        switch self.state {
        case .idle, .backingOff:
            self.state = .starting
            return .launch
        case .starting, .ready, .stopping, .stopped:
            return .nothing
        }
    }

    enum ReadyAction: Equatable { case announce, nothing }

    /// The process answered for the first time since its launch.
    mutating func becameReady(at now: ContinuousClock.Instant) -> ReadyAction {
        switch self.state {
        case .starting:
            self.state = .ready(since: now)
            self.wasReady = true
            return .announce
        case .idle, .ready, .backingOff, .stopping, .stopped:
            return .nothing
        }
    }

    enum ExitAction: Equatable {
        case restart(after: Duration)
        /// A task has done its work.
        case completed
        /// It stopped because it was asked to.
        case stopped
        case giveUp(GiveUpReason)
    }

    enum GiveUpReason: Equatable { case configuration, neverReady, taskFailed }

    /// The process ended, or couldn't be launched.
    ///
    /// - Parameter jitter: 0 to 1, random: spreads the back-off.
    mutating func exited(_ exit: ChildExit, at now: ContinuousClock.Instant, jitter: Double) -> ExitAction {
        let readySince: ContinuousClock.Instant?
        switch self.state {
        case .stopping, .stopped:
            self.state = .stopped
            return .stopped
        case .ready(let since):
            readySince = since
        case .idle, .starting, .backingOff:
            readySince = nil
        }
        if exit == .exited(Self.configurationExitCode) {
            self.state = .stopped
            return .giveUp(.configuration)
        }
        if self.isTask {
            self.state = .stopped
            return exit == .exited(0) ? .completed : .giveUp(.taskFailed)
        }
        if let readySince, now - readySince >= Self.healthyAfter { self.failures = 0 }
        self.failures += 1
        if !self.wasReady, self.failures >= self.attemptsBeforeReady {
            self.state = .stopped
            return .giveUp(.neverReady)
        }
        self.state = .backingOff
        return .restart(after: Self.backOff(failures: self.failures, jitter: jitter))
    }

    enum StopAction: Equatable { case signal, nothing }

    mutating func stop() -> StopAction {
        switch self.state {
        case .starting, .ready:
            self.state = .stopping
            return .signal
        case .idle, .backingOff:
            self.state = .stopped
            return .nothing
        case .stopping, .stopped:
            return .nothing
        }
    }

    /// How long to wait before the next launch: 0.5 s doubled with each failure up to 30 s, of which a half is random.
    ///
    /// Without jitter: 1 failure 0.25 s, 2 failures 0.5 s, 3 failures 1 s, 8 failures and more 15 s; with full jitter
    /// twice that.
    static func backOff(failures: Int, jitter: Double) -> Duration {
        let doublings = min(max(failures - 1, 0), 6)
        let longest = min(Duration.milliseconds(500) * (1 << doublings), .seconds(30))
        return longest * (0.5 + 0.5 * min(max(jitter, 0), 1))
    }
}
