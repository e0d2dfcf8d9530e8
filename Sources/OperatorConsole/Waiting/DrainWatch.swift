package import ClusterAPI

/// Follows a member until everything that it had is ready elsewhere.
package struct DrainWatch: OperationWatch {
    private let member: String
    /// What it had, with its status then: what had failed before need not be ready afterwards.
    private var slots: [Slot: SlotStatus] = [:]
    private var wasMarked = false

    /// - Parameter before: the cluster before the drain was asked for.
    package init(_ member: String, before: ClusterView) {
        self.member = member
        self.note(before)
    }

    private mutating func note(_ view: ClusterView) {
        // Moves that had been on their way may have ended here in the meantime.
        for slot in view.slots where slot.member == self.member && self.slots[slot.slot] == nil {
            self.slots[slot.slot] = slot.status
        }
    }

    package mutating func observe(_ view: ClusterView) -> OperationProgress {
        self.note(view)
        let mark = view.members.first { $0.id == self.member }?.mark
        if mark == "drained" {
            self.wasMarked = true
        } else if self.wasMarked, view.members.contains(where: { $0.id == self.member }) {
            return .failed("\(self.member) is no longer being drained: somebody uncordoned it")
        }
        let index = SlotIndex(view)
        var here = 0
        var moving = 0
        var failed: [ClusterView.SlotView] = []
        for (slot, status) in self.slots {
            // Gone with a change of the shard count.
            guard let now = index[slot] else { continue }
            if now.member == self.member {
                here += 1
            } else if now.member == nil || now.status != .ready && now.status != .failed {
                moving += 1
            } else if now.status == .failed, status != .failed {
                failed.append(now)
            }
        }
        let lanes = view.lanes.count { $0.primary == self.member || $0.standby == self.member }
        let total = self.slots.count
        if here == 0, moving == 0, lanes == 0 {
            if let first = failed.min(by: { $0.slot < $1.slot }) {
                return .failed(
                    "\(self.member) is empty, but \(Phrase.count(failed.count, "slot")) failed elsewhere, first "
                        + "\(first.slot) on \(first.member ?? "nobody"): \(first.reason ?? "no reason told")")
            }
            return .done("\(self.member) is empty; \(Phrase.count(total, "slot")) went to others")
        }
        var parts = ["\(Phrase.count(total - here - moving)) of \(Phrase.count(total, "slot")) handed over"]
        if moving > 0 { parts.append("\(Phrase.count(moving)) on their way") }
        if lanes > 0 { parts.append("\(Phrase.count(lanes, "lane")) left") }
        return .running("\(self.member): " + parts.joined(separator: ", "))
    }
}
