import ClusterAPI

/// Which slots a member's control queue is bound for, as far as the broker has answered, and what is to change.
struct ControlBindings: Sendable, Equatable {
    enum Change: Hashable, Sendable {
        case bind(Slot)
        case unbind(Slot)
    }

    private(set) var queue: String?
    private var wanted: Set<Slot> = []
    private var bound: Set<Slot> = []

    /// Another life has another queue, and takes no slots with it.
    mutating func use(queue: String?) {
        guard queue != self.queue else { return }
        self = ControlBindings()
        self.queue = queue
    }

    mutating func started(_ slot: Slot) { self.wanted.insert(slot) }
    mutating func ended(_ slot: Slot) { self.wanted.remove(slot) }

    /// What is bound is not known any more, such as after the broker was away; binding again is harmless.
    mutating func channelOpened() { self.bound.subtract(self.wanted) }

    /// Unbinding comes first: two members that are bound for one slot both hear its commands.
    var changes: [Change] {
        self.bound.subtracting(self.wanted).sorted().map { .unbind($0) }
            + self.wanted.subtracting(self.bound).sorted().map { .bind($0) }
    }

    mutating func done(_ change: Change) {
        switch change {
        case .bind(let slot): self.bound.insert(slot)
        case .unbind(let slot): self.bound.remove(slot)
        }
    }
}
