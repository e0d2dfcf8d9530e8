import CPostgres
import Foundation
import Synchronization

/// Short-lived threads for the two things libpq can only do by blocking: looking up a host's name and cancelling.
final class BlockingThreads: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let limit: Int
    private let queueLimit = 256

    init(limit: Int) { self.limit = limit }

    /// `false`: too much waits already.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        enum Next { case refuse, queued, start }
        let next = self.state.withLock { state -> Next in
            guard state.work.count < self.queueLimit else { return .refuse }
            state.work.append(work)
            guard state.threads < self.limit else { return .queued }
            state.threads += 1
            return .start
        }
        if next == .start {
            let thread = Thread { [self] in
                flotilla_name_this_thread("postgres-side")
                while let work = self.next() { work() }
            }
            thread.start()
        }
        return next != .refuse
    }

    private func next() -> (@Sendable () -> Void)? {
        self.state.withLock { state in
            guard state.work.isEmpty else { return state.work.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}
