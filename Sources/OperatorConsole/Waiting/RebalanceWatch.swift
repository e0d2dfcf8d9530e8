package import ClusterAPI
import Foundation

/// Follows the moves of a plan.
package struct RebalanceWatch: OperationWatch {
    /// Moves that have not begun after this time are not coming: the plan has thought better of it.
    private static let patience: TimeInterval = 15

    private let moves: [PlanPreview.Move]
    private let epochs: [Slot: Int64]
    /// When nothing was on its way for the first time, by the coordinator's clock.
    private var restingSince: Date?

    /// - Parameters:
    ///   - plan: what the coordinator said would move.
    ///   - before: the cluster before it was asked to.
    package init(_ plan: PlanPreview, before: ClusterView) {
        self.moves = plan.moves.filter { $0.to != nil }
        self.epochs = Dictionary(before.slots.map { ($0.slot, $0.epoch) }) { first, _ in first }
    }

    package mutating func observe(_ view: ClusterView) -> OperationProgress {
        let index = SlotIndex(view)
        var done = 0
        var onTheWay = 0
        var failed: [ClusterView.SlotView] = []
        for move in self.moves {
            guard let slot = index[move.slot] else {
                done += 1
                continue
            }
            let isNewGrant = slot.epoch > self.epochs[move.slot] ?? -1
            switch slot.status {
            case .ready where slot.member == move.to || isNewGrant: done += 1
            case .ready: break
            case .failed: if isNewGrant { failed.append(slot) }
            default: onTheWay += 1
            }
        }
        let total = self.moves.count
        let told = "\(Phrase.count(done)) of \(Phrase.count(total, "slot")) moved"
        if done == total { return .done(told) }
        guard onTheWay == 0 else {
            self.restingSince = nil
            return .running("\(told), \(Phrase.count(onTheWay)) on their way")
        }
        if done + failed.count == total, let first = failed.min(by: { $0.slot < $1.slot }) {
            return .failed("\(told); slot \(first.slot) failed: \(first.reason ?? "no reason told")")
        }
        let since = self.restingSince ?? view.generatedAt
        self.restingSince = since
        guard view.generatedAt.timeIntervalSince(since) >= Self.patience else { return .running(told) }
        return .done("\(told); the others stay where they are, as the plan no longer asks for them")
    }
}
