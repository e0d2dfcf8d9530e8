import TestSupport

extension LoadedFleet {
    /// Does it, and undoes what has an end. Cancelled, it ends at once and undoes nothing.
    package func inject(_ fault: ScheduledFault) async throws {
        switch fault {
        case .killShard(let index, let down):
            try await Self.restart(self.shards[index % self.shards.count], after: .milliseconds(down))
        case .freezeShard(let index, let milliseconds):
            try await self.shards[index % self.shards.count].freeze(for: .milliseconds(milliseconds))
        case .killCoordinator(let down): try await Self.restart(self.coordinator, after: .milliseconds(down))
        case .killBroker: try self.stores.killBroker()
        case .brokerMemoryAlarm(let milliseconds): try await self.stores.alarmBroker(for: .milliseconds(milliseconds))
        case .flushRedis: try await self.stores.flushRedis()
        case .killRedis: try self.stores.killRedis()
        case .gateway(let fault):
            if case .closeForGood(let shard, _, _) = fault { try await self.waitForClient(of: shard) }
            try await self.control.add(fault, shards: self.plan.shards)
        case .network(let fault, let victims):
            let connections = self.proxy.connections
            guard !connections.isEmpty else { return }
            let chosen =
                switch victims {
                case .one(let number): [connections[number % connections.count]]
                case .percent(let share): Array(connections.prefix(max(1, connections.count * share / 100)))
                }
            self.proxy.apply(fault, to: chosen)
            switch fault {
            case .slow, .silence:
                try await Task.sleep(for: .seconds(8))
                self.proxy.mend(chosen)
            case .reset, .finish, .stall, .corrupt, .halfOpen: break
            }
        }
    }

    /// What comes once in a round is not to meet nobody because something else has just cut the shard off.
    private func waitForClient(of shard: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try await self.control.hasClient(shard: shard, of: self.plan.shards) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func restart(_ process: FleetProcess, after down: Duration) async throws {
        guard process.kill() else { return }
        try await Task.sleep(for: down)
        try process.start()
    }
}
