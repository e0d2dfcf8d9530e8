import ClusterAPI
import ClusterClient

/// Asks for the cluster again and again until an operation has ended.
struct Waiter: Sendable {
    private let console: Console
    private let interval: Duration

    init(_ console: Console, interval: Duration = .milliseconds(500)) {
        self.console = console
        self.interval = interval
    }

    /// Shows how far it is; coordinators that don't answer meanwhile are asked again.
    ///
    /// - Returns: how it ended.
    /// - Throws: `ConsoleError.unfinished` when it was rolled back or stopped, or `timeout` is over.
    func wait(
        for watch: any OperationWatch, timeout: Duration,
        view: () async throws(OperatorClient.Failure) -> ClusterView
    ) async throws -> String {
        var watch = watch
        let clock = ContinuousClock()
        let start = clock.now
        var last = "nothing was seen of it yet"
        defer { self.console.endProgress() }
        while true {
            let asked = clock.now
            let progress: OperationProgress
            do throws(OperatorClient.Failure) {
                let view = try await view()
                // A standby knows no statuses.
                progress =
                    view.standby == nil
                    ? watch.observe(view) : .running("the leader can't be reached; trying again")
            } catch {
                switch error.code {
                case .unauthorized, .refused: throw ConsoleError(error)
                case .unreachable, .unclear: progress = .running("the coordinator doesn't answer; trying again")
                }
            }
            switch progress {
            case .done(let text): return HarmlessText.of(text)
            case .failed(let text): throw ConsoleError(.unfinished, text)
            case .running(let text):
                last = text
                self.console.progress(HarmlessText.of(text), after: clock.now - start)
            }
            guard clock.now - start < timeout else {
                throw ConsoleError(
                    .unfinished,
                    "not done within \(Phrase.duration(timeout)): \(last). It goes on without this command; "
                        + "`flotilla ctl status` tells how far it is")
            }
            // A large cluster's view takes its time: no more than a fifth of it is spent on asking.
            let pause = max(self.interval, (clock.now - asked) * 4)
            try await Task.sleep(for: min(pause, max(.zero, timeout - (clock.now - start)) + .milliseconds(10)))
        }
    }
}
