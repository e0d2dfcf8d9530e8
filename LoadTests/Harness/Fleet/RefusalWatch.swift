import ClusterAPI
import Foundation
import Synchronization

/// Does what people do who are told that Discord refuses shards: looks at the reason, and lets them try again.
final class RefusalWatch: Sendable {
    private static let look: Duration = .milliseconds(250)
    /// Between the sight of a refusal and the leave to go on: what is forbidden has to stay so by itself.
    private static let patience: Duration = .seconds(1)

    private let log = Mutex(OperatorLog())

    var told: OperatorLog { self.log.withLock { $0 } }

    /// Looks after a fleet until it is cancelled.
    func run(_ fleet: LoadedFleet, say: @Sendable (String) -> Void) async throws {
        while true {
            try await Task.sleep(for: Self.look)
            guard let view = await fleet.view() else { continue }
            let failed = view.slots.filter { $0.status == .failed }
            let halted = view.applications.compactMap { $0.identify?.haltedBy }
            let now = Self.now
            self.log.withLock { log in
                for slot in failed {
                    log.see(
                        .init(at: now, shard: slot.shard, numShards: slot.numShards, reason: slot.reason ?? ""))
                }
            }
            guard !failed.isEmpty || !halted.isEmpty else { continue }
            let reasons = Set(failed.map { "shard \($0.shard): \($0.reason ?? "")" } + halted.map { "all: \($0)" })
            try await Task.sleep(for: Self.patience)
            do {
                // What the leave brings about may come before its answer.
                let asked = Self.now
                guard let answer = try await fleet.fleetOperator.tried(OperatorRequest(.retry)) else { continue }
                self.log.withLock { $0.retries.append(.init(from: asked, to: Self.now)) }
                say("           operator: \(reasons.sorted().joined(separator: ", ")): \(answer.message)")
            } catch let refusal as HarnessError {
                self.log.withLock { $0.refused.append("\(refusal)") }
            }
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
