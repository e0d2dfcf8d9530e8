import ClusterAPI
import TestSupport

extension LoadedFleet {
    /// How long a fault looks for somebody to meet. A killed broker may be away for 40 s on a busy machine, and
    /// nobody identifies meanwhile.
    private static let patience: Duration = .seconds(90)

    /// Does it, and undoes what has an end. What meets nobody, because something else has just cut the shard off or has
    /// the process down, is tried again for up to 90 seconds. Cancelled, it ends at once and undoes nothing.
    package func inject(_ fault: ScheduledFault) async throws -> Planting {
        switch fault {
        case .killShard(let index, let down):
            return try await self.strike(fault) {
                guard let process = await self.busyShard(index) else { return false }
                return try await Self.restart(process, after: .milliseconds(down))
            }
        case .freezeShard(let index, let milliseconds):
            return try await self.strike(fault) {
                guard let process = await self.busyShard(index) else { return false }
                return try await process.freezeIfUp(for: .milliseconds(milliseconds))
            }
        case .killCoordinator(let down):
            return try await self.strike(fault) {
                try await Self.restart(self.coordinator, after: .milliseconds(down))
            }
        case .killBroker: return try await self.strike(fault) { try self.stores.killBroker() }
        case .brokerMemoryAlarm(let milliseconds):
            return try await self.strike(fault) { try await self.stores.alarmBroker(for: .milliseconds(milliseconds)) }
        case .flushRedis: return try await self.strike(fault) { try await self.stores.flushRedis() }
        case .killRedis: return try await self.strike(fault) { try self.stores.killRedis() }
        case .gateway(let gateway): return Planting(fault, .ledger(try await self.ask(gateway)))
        case .network(let network, let victims):
            var chosen: [Int] = []
            _ = try await Self.persist {
                chosen = victims.chosen(of: self.proxy.connections)
                return !chosen.isEmpty
            }
            self.proxy.apply(network, to: chosen)
            switch network {
            case .slow, .silence:
                try await Task.sleep(for: .seconds(8))
                self.proxy.mend(chosen)
            case .reset, .finish, .stall, .corrupt, .halfOpen: break
            }
            return Planting(fault, .met(chosen.count))
        }
    }

    /// Has the sandbox do it until it met somebody, and returns the sandbox's numbers of all tries.
    private func ask(_ fault: GatewayFault) async throws -> [Int64] {
        var numbers: [Int64] = []
        let isMet = try await Self.persist {
            if let shard = fault.shard {
                guard try await self.control.hasClient(shard: shard, of: self.plan.shards) else { return false }
            }
            var echo = try FaultEcho(ledger: self.plan.ledger)
            let number = try await self.control.add(fault, shards: self.plan.shards)
            numbers.append(number)
            // A ledger that is late tells it to the checker.
            return try await echo.isMet(number, within: .seconds(5)) ?? true
        }
        // The ledger is to tell that nobody was there.
        if !isMet { numbers.append(try await self.control.add(fault, shards: self.plan.shards)) }
        return numbers
    }

    /// The shard process that is meant, or the next one that has sessions. nil: none has any now.
    private func busyShard(_ index: Int) async -> FleetProcess? {
        let owners = Set(await self.lastView()?.slots.filter { $0.status == .ready }.compactMap(\.member) ?? [])
        return self.shards.indices.lazy.map { self.shards[(index + $0) % self.shards.count] }
            .first { $0.isRunning && owners.contains($0.name) }
    }

    private func strike(_ fault: ScheduledFault, _ attempt: () async throws -> Bool) async throws -> Planting {
        // To find a store's process takes a look at all processes.
        Planting(fault, .met(try await Self.persist(every: .milliseconds(250), attempt) ? 1 : 0))
    }

    /// Tries for a while until it met somebody. Returns whether it did.
    private static func persist(
        every look: Duration = .milliseconds(50), _ attempt: () async throws -> Bool
    ) async throws -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            if try await attempt() { return true }
            guard ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: look)
        }
    }

    /// Returns false when it is down already.
    private static func restart(_ process: FleetProcess, after down: Duration) async throws -> Bool {
        guard process.kill() else { return false }
        try await Task.sleep(for: down)
        try process.start()
        return true
    }
}

extension ScheduledFault.Victims {
    /// - Parameter connections: the oldest first.
    func chosen(of connections: [Int]) -> [Int] {
        guard !connections.isEmpty else { return [] }
        return switch self {
        case .one(let number): [connections[number % connections.count]]
        case .percent(let share): Array(connections.prefix(max(1, connections.count * share / 100)))
        }
    }
}
