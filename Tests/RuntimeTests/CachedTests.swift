import Synchronization
import TestSupport
import Testing

@testable import Runtime

@Suite("Cached", .timeLimit(.minutes(1)))
struct CachedTests {
    private struct Away: Error {}

    /// One that answers when the test lets it.
    private final class Source: Sendable {
        private struct State {
            var asked = 0
            var waiting: [CheckedContinuation<Result<Int, any Error>, Never>] = []
        }

        private let state = Mutex(State())

        var asked: Int { self.state.withLock { $0.asked } }

        func answer() async throws -> Int {
            try await withCheckedContinuation { continuation in
                self.state.withLock {
                    $0.asked += 1
                    $0.waiting.append(continuation)
                }
            }.get()
        }

        func finish(_ result: Result<Int, any Error>) {
            let waiting = self.state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: result) }
        }
    }

    @Test func `Those who ask at once share one question`() async throws {
        let source = Source()
        let cache = Cached(freshness: .seconds(600)) { try await source.answer() }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await cache.value() } }
            try await eventually("the question") { source.asked == 1 }
            source.finish(.success(7))
            for try await view in group { #expect(view == 7) }
        }
        #expect(source.asked == 1)
        #expect(try await cache.value() == 7)
        #expect(source.asked == 1, "the answer is fresh")
    }

    @Test func `A failure reaches everybody who waited, and is not kept`() async throws {
        let source = Source()
        let cache = Cached(freshness: .milliseconds(500)) { try await source.answer() }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do {
                        _ = try await cache.value()
                        return false
                    } catch {
                        return error is Away
                    }
                }
            }
            // Late ones may come after the first failure: each question is answered until all have theirs.
            group.addTask {
                while !Task.isCancelled {
                    source.finish(.failure(Away()))
                    await Task.yield()
                }
                return false
            }
            for _ in 0..<10 { #expect(await group.next() == true) }
            group.cancelAll()
        }
        let before = source.asked
        async let view = cache.value()
        try await eventually("another question") { source.asked == before + 1 }
        source.finish(.success(7))
        #expect(try await view == 7)
    }

    @Test func `Whoever goes away while fetching fails nobody else`() async throws {
        let source = Source()
        let cache = Cached(freshness: .seconds(60)) {
            let value = try await source.answer()
            try Task.checkCancellation()
            return value
        }
        let first = Task { try await cache.value() }
        try await eventually("the question") { source.asked == 1 }
        try await withThrowingTaskGroup(of: Int.self) { others in
            for _ in 0..<10 { others.addTask { try await cache.value() } }
            try await eventually("the others") { cache.waiting == 10 }
            first.cancel()
            source.finish(.success(6))
            await #expect(throws: CancellationError.self) { try await first.value }
            try await eventually("another question") { source.asked == 2 }
            source.finish(.success(7))
            for try await value in others { #expect(value == 7) }
        }
    }

    @Test func `An answer is asked for again once it is old`() async throws {
        let asked = Mutex(0)
        let cache = Cached(freshness: .milliseconds(500)) {
            asked.withLock { $0 += 1 }
            return 7
        }
        try await eventually("a second question") {
            _ = try await cache.value()
            return asked.withLock { $0 } == 2
        }
    }
}
