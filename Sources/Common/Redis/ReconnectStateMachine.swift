/// Decides when one connection is made, and what happens to commands while there is none. It knows no socket and no
/// clock.
struct ReconnectStateMachine {
    enum State: Equatable {
        case idle
        /// `error` is that of the last attempt, if that failed: then the server is known to be unreachable.
        case connecting(failures: Int, error: RedisError?)
        /// `failures` before this connection was made.
        case ready(failures: Int)
        /// The next attempt comes soon.
        case waiting(failures: Int, error: RedisError?)
        case stopped
    }

    private(set) var state = State.idle

    enum Demand: Equatable {
        case send
        case wait
        case connectAndWait
        case fail(RedisError)
    }

    /// Somebody wants to send; with `patience` even an unreachable server is waited for.
    mutating func demanded(patience: Bool) -> Demand {
        switch self.state {
        case .idle:
            self.state = .connecting(failures: 0, error: nil)
            return .connectAndWait
        case .connecting(_, error: nil), .waiting(_, error: nil): return .wait
        case .connecting(_, let error?), .waiting(_, let error?):
            return patience ? .wait : .fail(error.with(delivery: .notSent))
        case .ready: return .send
        case .stopped: return .fail(RedisError(.closed, "the client is shut down"))
        }
    }

    /// The connection is usable. False: nobody wants it any more.
    mutating func connected() -> Bool {
        guard case .connecting(let failures, _) = self.state else { return false }
        self.state = .ready(failures: failures)
        return true
    }

    enum Retry: Equatable {
        /// Wait with full jitter for that many failures, then call `waited()`.
        case after(failures: Int)
        case none
    }

    /// An attempt to connect failed.
    mutating func attemptFailed(_ error: RedisError) -> Retry {
        guard case .connecting(let failures, _) = self.state else { return .none }
        self.state = .waiting(failures: failures + 1, error: error)
        return .after(failures: failures + 1)
    }

    /// The connection was lost. One that had not `proved` itself counts as a failed attempt, so that a server which
    /// cuts each connection at once is not called in a tight loop.
    mutating func lost(_ error: RedisError, proved: Bool) -> Retry {
        guard case .ready(let failures) = self.state else { return .none }
        let count = proved ? 0 : failures + 1
        self.state = .waiting(failures: count, error: count > 1 ? error : nil)
        return .after(failures: count)
    }

    /// The wait is over: true when an attempt begins.
    mutating func waited() -> Bool {
        guard case .waiting(let failures, let error) = self.state else { return false }
        self.state = .connecting(failures: failures, error: error)
        return true
    }

    mutating func stop() { self.state = .stopped }
}
