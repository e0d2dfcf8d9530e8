/// Who can reach whom, and how long it takes.
struct NetworkModel {
    private let nodes: Int
    /// How many faults block the way from one node to another.
    private var blocks: [Int]
    /// What waits for a blocked way to open.
    private var waiting: [[Simulation.Item]]
    /// The longest way of a request while the network is slow, in seconds.
    var slowRequests: Double = 0

    init(nodes: Int) {
        self.nodes = nodes
        self.blocks = Array(repeating: 0, count: nodes * nodes)
        self.waiting = Array(repeating: [], count: nodes * nodes)
    }

    func isBlocked(from: Int, to: Int) -> Bool { self.blocks[from * self.nodes + to] > 0 }

    mutating func block(from: Int, to: Int) { self.blocks[from * self.nodes + to] += 1 }

    mutating func wait(_ item: Simulation.Item, from: Int, to: Int) {
        self.waiting[from * self.nodes + to].append(item)
    }

    /// - Returns: what waited, once nothing blocks the way any more.
    mutating func unblock(from: Int, to: Int) -> [Simulation.Item] {
        let way = from * self.nodes + to
        self.blocks[way] -= 1
        guard self.blocks[way] == 0 else { return [] }
        defer { self.waiting[way] = [] }
        return self.waiting[way]
    }
}

extension Simulation {
    /// A request, or an answer to one: on a blocked way it is lost, or comes late.
    func send(_ item: Item, from: Int, to: Int, delay: VirtualTime) {
        if self.scenario.losses > 0, !self.isQuiet, self.random.chance(self.scenario.losses) { return }
        guard self.network.isBlocked(from: from, to: to) else { return self.queue.push(item, at: self.now + delay) }
        if self.random.chance(0.5) { self.network.wait(item, from: from, to: to) }
    }

    /// A part of a stream: nothing of it is lost while the connection lives, and nothing overtakes.
    func stream(_ item: Item, from: Int, to: Int, last: inout VirtualTime, delay: VirtualTime) {
        if self.network.isBlocked(from: from, to: to) { return self.network.wait(item, from: from, to: to) }
        let time = max(self.now + delay, last)
        last = time
        self.queue.push(item, at: time)
    }

    func heal(from: Int, to: Int) {
        for item in self.network.unblock(from: from, to: to) { self.queue.push(item, at: self.now) }
    }

    /// The way of a request.
    func requestDelay() -> VirtualTime {
        if self.network.slowRequests > 0, self.random.chance(0.3) {
            return self.random.time(0.001, self.network.slowRequests)
        }
        return self.random.chance(0.05)
            ? self.random.time(0.0003, self.scenario.slowestWay) : self.random.time(0.0002, 0.002)
    }

    /// The way to Discord and back. Below the jitter that permits allow for.
    func gatewayDelay() -> VirtualTime {
        self.random.chance(0.1) ? self.random.time(0.02, 0.28) : self.random.time(0.02, 0.06)
    }

    func brokerDelay() -> VirtualTime {
        if self.broker.slowness > 0 { return self.random.time(0.01, self.broker.slowness) }
        return self.random.chance(0.05) ? self.random.time(0.001, 0.2) : self.random.time(0.0003, 0.002)
    }
}
