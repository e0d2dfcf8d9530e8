package import ClusterAPI

/// Follows one slot from its owner to another one.
package struct MoveWatch: OperationWatch {
    private let slot: Slot
    private let member: String
    /// The grant before the move; nil: there was none.
    private let epoch: Int64?

    /// - Parameter before: the cluster before the move was asked for.
    package init(_ slot: Slot, to member: String, before: ClusterView) {
        self.slot = slot
        self.member = member
        self.epoch = SlotIndex(before)[slot]?.epoch
    }

    package mutating func observe(_ view: ClusterView) -> OperationProgress {
        guard let slot = SlotIndex(view)[self.slot] else {
            return .failed("slot \(self.slot) is gone: the shard count was changed")
        }
        guard let owner = slot.member else { return .running("slot \(self.slot) waits for its next owner") }
        if owner == self.member {
            switch slot.status {
            case .ready: return .done("slot \(self.slot) is ready on \(owner)")
            case .failed: return .failed("slot \(self.slot) failed on \(owner): \(slot.reason ?? "no reason told")")
            default: return .running("slot \(self.slot) on \(owner): \(slot.status.words)")
            }
        }
        // Another grant than the one before, and not to the member that was meant.
        if slot.epoch > self.epoch ?? .max, slot.status == .ready {
            return .failed("slot \(self.slot) went to \(owner) instead: is \(self.member) still there?")
        }
        return .running("slot \(self.slot) on \(owner): \(slot.status == .ready ? "not begun" : slot.status.words)")
    }
}
