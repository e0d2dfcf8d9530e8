import ClusterAPI
import ClusterClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import APIServer

@Suite("Cluster cache", .timeLimit(.minutes(1)))
struct ClusterCacheTests {
    /// A coordinator that answers when the test lets it.
    private final class Coordinator: Sendable {
        private struct State {
            var asked = 0
            var waiting: [CheckedContinuation<Result<ClusterView, CoordinatorClient.Failure>, Never>] = []
        }

        private let state = Mutex(State())

        var asked: Int { self.state.withLock { $0.asked } }

        func answer() async throws(CoordinatorClient.Failure) -> ClusterView {
            try await withCheckedContinuation { continuation in
                self.state.withLock {
                    $0.asked += 1
                    $0.waiting.append(continuation)
                }
            }.get()
        }

        func finish(_ result: Result<ClusterView, CoordinatorClient.Failure>) {
            let waiting = self.state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: result) }
        }
    }

    @Test func `Those who ask at once share one question`() async throws {
        let coordinator = Coordinator()
        let cache = ClusterCache { () throws(CoordinatorClient.Failure) in try await coordinator.answer() }
        try await withThrowingTaskGroup(of: ClusterView.self) { group in
            for _ in 0..<50 { group.addTask { try await cache.view() } }
            try await eventually("the question") { coordinator.asked == 1 }
            coordinator.finish(.success(.sample))
            for try await view in group { #expect(view == .sample) }
        }
        #expect(coordinator.asked == 1)
        #expect(try await cache.view() == .sample)
        #expect(coordinator.asked == 1, "the answer is fresh")
    }

    @Test func `A failure reaches everybody who waited, and is not kept`() async throws {
        let coordinator = Coordinator()
        let cache = ClusterCache { () throws(CoordinatorClient.Failure) in try await coordinator.answer() }
        await withTaskGroup(of: CoordinatorClient.Failure.Code?.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do {
                        _ = try await cache.view()
                        return nil
                    } catch {
                        return (error as? CoordinatorClient.Failure)?.code
                    }
                }
            }
            // Late ones may come after the first failure: each question is answered until all have theirs.
            group.addTask {
                while !Task.isCancelled {
                    coordinator.finish(.failure(.away))
                    await Task.yield()
                }
                return nil
            }
            for _ in 0..<10 { #expect(await group.next() == .unavailable) }
            group.cancelAll()
        }
        let before = coordinator.asked
        async let view = cache.view()
        try await eventually("another question") { coordinator.asked == before + 1 }
        coordinator.finish(.success(.sample))
        #expect(try await view == .sample)
    }

    @Test func `An answer is asked for again once it is old`() async throws {
        let asked = Mutex(0)
        let cache = ClusterCache { () throws(CoordinatorClient.Failure) in
            asked.withLock { $0 += 1 }
            return .sample
        }
        try await eventually("a second question") {
            _ = try await cache.view()
            return asked.withLock { $0 } == 2
        }
    }
}
