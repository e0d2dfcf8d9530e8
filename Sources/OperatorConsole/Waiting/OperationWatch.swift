package import ClusterAPI

/// How far an operation is.
package enum OperationProgress: Sendable, Equatable {
    /// What is still to come, for people.
    case running(String)
    case done(String)
    /// It will not come to its end: rolled back, stopped, or gone another way.
    case failed(String)
}

/// Follows one operation over successive views of the cluster. Views may be missed, and may be older than the operation
/// at first.
package protocol OperationWatch: Sendable {
    mutating func observe(_ view: ClusterView) -> OperationProgress
}

/// The slots of a view by their names.
struct SlotIndex {
    private let slots: [Slot: ClusterView.SlotView]

    init(_ view: ClusterView) {
        self.slots = Dictionary(view.slots.map { ($0.slot, $0) }) { first, _ in first }
    }

    subscript(_ slot: Slot) -> ClusterView.SlotView? { self.slots[slot] }
}
