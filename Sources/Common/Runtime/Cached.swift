import Synchronization

/// A value that many ask for and that one fetches, at most once in a while.
package final class Cached<Value: Sendable>: Sendable {
    private struct State {
        var known: (value: Value, at: ContinuousClock.Instant)?
        var waiting: [CheckedContinuation<Result<Value, any Error>?, Never>] = []
        var isFetching = false
    }

    private let freshness: Duration
    private let fetch: @Sendable () async throws -> Value
    private let clock = ContinuousClock()
    private let state = Mutex(State())

    /// - Parameters:
    ///   - freshness: for so long a value is given again.
    ///   - fetch: has a deadline of its own: whoever asks meanwhile waits for its end.
    package init(freshness: Duration, fetch: @escaping @Sendable () async throws -> Value) {
        self.freshness = freshness
        self.fetch = fetch
    }

    /// How many wait for a value that somebody else fetches.
    var waiting: Int { self.state.withLock { $0.waiting.count } }

    private enum Turn {
        case known(Value)
        case fetch
        case wait
    }

    /// - Throws: what fetching it threw; the next one who asks has it fetched again. Whoever is cancelled while
    ///   fetching fails alone: one of those who wait fetches in its place.
    package func value() async throws -> Value {
        let now = self.clock.now
        let turn: Turn = self.state.withLock { state in
            if let known = state.known, known.at.duration(to: now) < self.freshness { return .known(known.value) }
            guard !state.isFetching else { return .wait }
            state.isFetching = true
            return .fetch
        }
        switch turn {
        case .known(let value): return value
        case .fetch: return try await self.fetched().get()
        case .wait: return try await self.othersResult().get()
        }
    }

    private func fetched() async -> Result<Value, any Error> {
        let result: Result<Value, any Error>
        do {
            result = .success(try await self.fetch())
        } catch {
            result = .failure(error)
        }
        let now = self.clock.now
        let waiting = self.state.withLock { state in
            if case .success(let value) = result { state.known = (value, now) }
            state.isFetching = false
            defer { state.waiting = [] }
            return state.waiting
        }
        // What a cancelled task failed with tells nothing of the value.
        var told: Result<Value, any Error>? = result
        if case .failure = result, Task.isCancelled { told = nil }
        for continuation in waiting { continuation.resume(returning: told) }
        return result
    }

    private func othersResult() async -> Result<Value, any Error> {
        let result: Result<Value, any Error>? = await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                guard state.isFetching else { return true }
                state.waiting.append(continuation)
                return false
            }
            if isOver { continuation.resume(returning: nil) }
        }
        if let result { return result }
        // It came between the look and the wait, or whoever fetched went away.
        do {
            return .success(try await self.value())
        } catch {
            return .failure(error)
        }
    }
}
