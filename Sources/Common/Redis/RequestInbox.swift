import DequeModule
import NIOCore
import Synchronization

/// Takes requests from any thread to the event loop, and bounds what is outstanding.
final class RequestInbox: Sendable {
    private struct State {
        var requests = Deque<RedisRequest>()
        var isDrainScheduled = false
        var isClosed = false
        var commands = 0
        var bytes = 0
    }

    enum Verdict {
        case accepted(scheduleDrain: Bool)
        case refused(RedisError)
    }

    private let maximumCommands: Int
    private let maximumBytes: Int
    private let state = Mutex(State())

    init(limits: RedisConfiguration.Limits) {
        self.maximumCommands = limits.outstandingCommands
        self.maximumBytes = limits.outstandingBytes
    }

    /// Counts the request until `release`.
    func submit(_ request: RedisRequest) -> Verdict {
        self.state.withLock { state in
            if state.isClosed { return .refused(RedisError(.closed, "the client is shut down")) }
            let size = request.bytes.readableBytes
            guard request.count <= self.maximumCommands - state.commands, size <= self.maximumBytes - state.bytes else {
                return .refused(
                    RedisError(
                        .overloaded,
                        "\(state.commands) commands with \(state.bytes) bytes are outstanding"
                    ))
            }
            state.commands += request.count
            state.bytes += size
            state.requests.append(request)
            defer { state.isDrainScheduled = true }
            return .accepted(scheduleDrain: !state.isDrainScheduled)
        }
    }

    func takeAll() -> Deque<RedisRequest> {
        self.state.withLock { state in
            state.isDrainScheduled = false
            let requests = state.requests
            state.requests = []
            return requests
        }
    }

    /// Places that are kept after their caller was told, such as those of timed-out commands.
    func charge(commands: Int, bytes: Int) {
        self.state.withLock { state in
            state.commands += commands
            state.bytes += bytes
        }
    }

    /// True when it is closed and nothing is outstanding any more.
    @discardableResult
    func release(commands: Int, bytes: Int) -> Bool {
        self.state.withLock { state in
            state.commands -= commands
            state.bytes -= bytes
            return state.isClosed && state.commands == 0
        }
    }

    /// From now on all is refused.
    func close() { self.state.withLock { $0.isClosed = true } }

    var outstanding: (commands: Int, bytes: Int) { self.state.withLock { ($0.commands, $0.bytes) } }
}
