/// Compares what a member should run with what it has told that it runs. The same input gives the same actions, and
/// applying them twice is harmless.
package enum GrantPlan {
    package enum Action: Equatable, Sendable {
        case start(SlotGrant)
        /// Hand it over in good order.
        case release(Slot)
        /// It is over, and the coordinator knows.
        case forget(Slot)
    }

    /// - Parameter told: every slot of this member, as the renewal that brought `desired` told it.
    package static func actions(desired: [SlotGrant], told: [ObservedSlot]) -> [Action] {
        var actions: [Action] = []
        let grants = Dictionary(desired.map { ($0.slot, $0) }) { $0.epoch > $1.epoch ? $0 : $1 }
        let running = Dictionary(told.map { ($0.slot, $0) }) { first, _ in first }
        for observed in running.values.sorted(by: { $0.slot < $1.slot }) {
            let isOver = observed.status == .released || observed.status == .failed
            if let grant = grants[observed.slot] {
                // The same epoch is the same grant, also of a slot that failed; an older one is an answer that came
                // late.
                guard grant.epoch > observed.epoch else { continue }
                actions.append(isOver ? .start(grant) : .release(grant.slot))
            } else if observed.status == .released {
                actions.append(.forget(observed.slot))
            } else if observed.status != .handingOver {
                actions.append(.release(observed.slot))
            }
        }
        for grant in grants.values.sorted(by: { $0.slot < $1.slot }) where running[grant.slot] == nil {
            actions.append(.start(grant))
        }
        return actions
    }

    /// Whether something changes that the coordinator waits for: then renewals come quickly.
    package static func isInTransition(_ told: [ObservedSlot]) -> Bool {
        told.contains { $0.status == .handingOver || $0.status == .released }
    }
}
