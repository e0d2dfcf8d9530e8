import ClusterAPI
import ClusterClient
import Synchronization

/// Tells on the terminal what the stack does.
final class StackView: SupervisorObserver {
    private struct State {
        /// Titles of what is starting, in the order of starting.
        var starting: [String] = []
        var startingSince: ContinuousClock.Instant?
        var stoppingSince: ContinuousClock.Instant?
        var wasReady: Set<String> = []
    }

    private let terminal: Terminal
    private let clock = ContinuousClock()
    private let state = Mutex(State())

    init(_ terminal: Terminal) { self.terminal = terminal }

    func say(_ text: String) { self.terminal.line(text) }

    func isPreparing(_ what: String) {
        self.childrenStarting { $0.append(what) }
        if !self.terminal.isInteractive { self.terminal.line("  \(what) …") }
    }

    func isPrepared(_ what: String) { self.childrenStarting { $0.removeAll { $0 == what } } }

    func childIsStarting(_ child: ChildSpecification) {
        self.childrenStarting { $0.append(child.title) }
        if !self.terminal.isInteractive { self.terminal.line("  starting \(child.title) …") }
    }

    func childIsReady(_ child: ChildSpecification, after elapsed: Duration) {
        self.childrenStarting { $0.removeAll { $0 == child.title } }
        let again = !self.state.withLock { $0.wasReady.insert(child.name).inserted }
        let word =
            switch child.readiness {
            case .task: "done"
            case .probe: again ? "ready again" : "ready"
            }
        let title = child.title.padded(to: 20)
        self.terminal.line("  \(self.terminal.colored("✓", .green)) \(title) \(word) \(StatusText.seconds(elapsed))")
    }

    func childDied(_ child: ChildSpecification, _ exit: ChildExit, lastLines: [String], restart: Duration?) {
        if restart == nil { self.childrenStarting { $0.removeAll { $0 == child.title } } }
        let next = restart.map { "; next start in \(StatusText.seconds($0))" } ?? ""
        self.terminal.line("  \(self.terminal.colored("✗", .red)) \(child.title) died: \(exit)\(next)")
        for line in lastLines { self.terminal.line("      \(self.terminal.colored(line, .faint))") }
    }

    func childIsStopping(_ child: ChildSpecification) {
        let now = self.clock.now
        let isFirst = self.state.withLock { state in
            guard state.stoppingSince == nil else { return false }
            state.stoppingSince = now
            state.starting = []
            return true
        }
        if isFirst { self.terminal.line("stopping …") }
        self.terminal.live("  stopping \(child.title) …")
    }

    /// Everything is gone.
    func stopped() {
        self.terminal.live("")
        guard let since = self.state.withLock({ $0.stoppingSince }) else { return }
        self.terminal.line("stopped (\(StatusText.seconds(self.clock.now - since)))")
    }

    /// Shows what is starting and for how long. Only on a terminal.
    func showProgress(until started: Latch) async {
        guard self.terminal.isInteractive else { return }
        while !Task.isCancelled, !started.isOpen {
            let (titles, since) = self.state.withLock { ($0.starting, $0.startingSince) }
            if let since, !titles.isEmpty {
                let elapsed = StatusText.seconds(self.clock.now - since)
                self.terminal.live("  starting \(titles.joined(separator: ", ")) … \(elapsed)")
            } else {
                self.terminal.live("")
            }
            _ = await started.wait(atMost: .milliseconds(200))
        }
        self.terminal.live("")
    }

    /// Until cancelled: one line on the state of the cluster, each second on a terminal, else every 10 s.
    func showStatus(of coordinator: CoordinatorClient, since start: ContinuousClock.Instant) async {
        while !Task.isCancelled {
            let text: String
            do {
                text = StatusText.line(try await coordinator.cluster(), elapsed: self.clock.now - start)
            } catch {
                text = StatusText.line(nil, elapsed: self.clock.now - start)
            }
            if Task.isCancelled { return }
            if self.terminal.isInteractive { self.terminal.live(text) } else { self.terminal.line(text) }
            // Ends early only when cancelled, which the loop sees.
            try? await Task.sleep(for: self.terminal.isInteractive ? .seconds(1) : .seconds(10))
        }
    }

    func showReady(_ addresses: RoleAddresses, logs: String, after elapsed: Duration) {
        let bold = { (text: String) in self.terminal.colored(text, .bold) }
        self.terminal.line("")
        self.terminal.line(bold("Flotilla is up") + " (\(StatusText.seconds(elapsed)))")
        self.terminal.line("")
        if let sandbox = addresses.sandbox { self.terminal.line("  chat page   \(bold(sandbox.chatURL))") }
        self.terminal.line("  dashboard   \(bold(addresses.dashboardURL))")
        self.terminal.line("  API         \(addresses.apiURL)")
        self.terminal.line("  logs        \(logs)")
        self.terminal.line("")
        if addresses.sandbox != nil {
            self.terminal.line(
                "Try: open the chat page, log in as alice with password flotilla, choose #general, type !ping")
        } else {
            self.terminal.line("Talking to Discord: type !ping in a channel that the bot can read")
        }
        self.terminal.line("Stop: Ctrl-C")
        self.terminal.line("")
    }

    private func childrenStarting(_ change: (inout [String]) -> Void) {
        let now = self.clock.now
        let isEmpty = self.state.withLock { state in
            let wasEmpty = state.starting.isEmpty
            change(&state.starting)
            if wasEmpty { state.startingSince = now }
            return state.starting.isEmpty
        }
        if isEmpty { self.terminal.live("") }
    }
}
