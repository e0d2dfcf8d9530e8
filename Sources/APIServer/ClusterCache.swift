import ClusterAPI
import ClusterClient

/// The coordinator's view of the cluster, asked for at most twice a second, however many dashboards look.
actor ClusterCache {
    private static let freshness: Duration = .milliseconds(500)

    private let ask: @Sendable () async throws(CoordinatorClient.Failure) -> ClusterView
    private let clock = ContinuousClock()
    private var known: (view: ClusterView, at: ContinuousClock.Instant)?
    private var asking: [CheckedContinuation<Result<ClusterView, CoordinatorClient.Failure>, Never>] = []
    private var isAsking = false

    init(ask: @escaping @Sendable () async throws(CoordinatorClient.Failure) -> ClusterView) {
        self.ask = ask
    }

    func view() async throws -> ClusterView {
        if let known, known.at.duration(to: self.clock.now) < Self.freshness { return known.view }
        if self.isAsking {
            return try await withCheckedContinuation { self.asking.append($0) }.get()
        }
        self.isAsking = true
        let result: Result<ClusterView, CoordinatorClient.Failure>
        do throws(CoordinatorClient.Failure) {
            let view = try await self.ask()
            self.known = (view, self.clock.now)
            result = .success(view)
        } catch {
            result = .failure(error)
        }
        self.isAsking = false
        let waiting = self.asking
        self.asking = []
        for continuation in waiting { continuation.resume(returning: result) }
        return try result.get()
    }
}
