import DequeModule

/// Lets one caller at a time through, in the order they came.
actor SerialGate {
    private var isTaken = false
    private var waiting: Deque<CheckedContinuation<Void, Never>> = []

    func enter() async {
        guard self.isTaken else { return self.isTaken = true }
        await withCheckedContinuation { self.waiting.append($0) }
    }

    func leave() {
        if let next = self.waiting.popFirst() { next.resume() } else { self.isTaken = false }
    }
}
