import Synchronization

/// The attendances of one term, so that they end with it: whoever attended it is to attend the next leader at once.
final class Attendances: Sendable {
    enum End: Sendable {
        /// The connection was lost.
        case lost
        /// This coordinator leads no longer.
        case termOver
    }

    private struct State {
        var held: [Int: AsyncStream<End>.Continuation] = [:]
        var last = 0
        var areOver = false
    }

    private let state = Mutex(State())

    /// Members that attend now.
    var held: Int { self.state.withLock { $0.held.count } }

    /// - Parameter end: is told of the term's end, at once where it has ended.
    /// - Returns: a number for ``remove(_:)``.
    func add(_ end: AsyncStream<End>.Continuation) -> Int {
        let (number, areOver) = self.state.withLock { state in
            state.last += 1
            if !state.areOver { state.held[state.last] = end }
            return (state.last, state.areOver)
        }
        if areOver { end.yield(.termOver) }
        return number
    }

    func remove(_ number: Int) { self.state.withLock { $0.held[number] = nil } }

    /// The term is over.
    func end() {
        let held = self.state.withLock { state in
            state.areOver = true
            defer { state.held = [:] }
            return state.held.values
        }
        for end in held { end.yield(.termOver) }
    }
}
