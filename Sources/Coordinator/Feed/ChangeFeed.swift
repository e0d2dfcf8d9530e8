import ClusterAPI
import Synchronization

/// Gives the changes of one leader to those who ask, and holds their requests until there are some.
final class ChangeFeed: Sendable {
    static let mostHeld = 1_000
    static let longestWait: Duration = .seconds(30)

    private struct State {
        var log: ChangeLog
        var held: [Int: AsyncStream<Never>.Continuation] = [:]
        var lastHeld = 0
        var isClosed = false
    }

    private let state: Mutex<State>

    init(leaderEpoch: Int64) { self.state = Mutex(State(log: ChangeLog(leaderEpoch: leaderEpoch))) }

    /// Requests that wait now.
    var held: Int { self.state.withLock { $0.held.count } }

    func append(_ changes: [ClusterChange]) {
        guard !changes.isEmpty else { return }
        self.wake { $0.log.append(changes) }
    }

    /// Nothing comes any more: whoever waits is answered now.
    func close() { self.wake { $0.isClosed = true } }

    private func wake(after change: (inout State) -> Void) {
        let held = self.state.withLock { state in
            change(&state)
            defer { state.held = [:] }
            return state.held.values
        }
        for request in held { request.finish() }
    }

    /// - Parameter wait: how long the answer may be held while there is no change.
    func page(after cursor: ChangeLog.Cursor?, wait: Duration) async throws -> ChangePage {
        let (changed, wake) = AsyncStream.makeStream(of: Never.self)
        let wait = min(wait, Self.longestWait)
        enum Next {
            case answer(ChangePage)
            case hold(Int)
        }
        let next: Next = try self.state.withLock { state in
            guard !state.isClosed else { throw Problem(.unavailable, "this coordinator no longer leads: ask again") }
            let page = state.log.page(after: cursor)
            if page.isReset || !page.changes.isEmpty || wait <= .zero { return .answer(page) }
            guard state.held.count < Self.mostHeld else {
                throw Problem(.unavailable, "\(Self.mostHeld) requests wait for changes already: ask again later")
            }
            state.lastHeld += 1
            state.held[state.lastHeld] = wake
            return .hold(state.lastHeld)
        }
        guard case .hold(let number) = next else {
            guard case .answer(let page) = next else { throw CancellationError() }
            return page
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in changed {} }
            // Cancelled: the other one was first.
            group.addTask { try? await Task.sleep(for: wait) }
            await group.next()
            group.cancelAll()
        }
        return self.state.withLock { state in
            state.held[number] = nil
            return state.log.page(after: cursor)
        }
    }
}
