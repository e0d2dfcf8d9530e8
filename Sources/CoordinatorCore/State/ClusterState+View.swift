package import ClusterAPI
package import Discord
package import Foundation

extension ClusterState {
    /// - Parameter standby: who answers, where that is not the leader.
    package func view(
        leader: String, gates: [Snowflake: IdentifyGate] = [:], now: Duration, date: Date, standby: String? = nil
    ) -> ClusterView {
        let members = self.members.values.sorted { $0.registration.id < $1.registration.id }.map { member in
            let id = member.registration.id
            let slots = self.held[member.owner] ?? []
            return ClusterView.Member(
                id: id, kind: member.registration.kind, incarnation: member.incarnation,
                zone: member.registration.zone, version: member.registration.version, state: member.phase.name,
                capacity: member.registration.capacity, slots: slots.count,
                lanes: self.lanes.count { $0.primary == id },
                eventsPerSecond: slots.reduce(0) { $0 + (self.slots[$1]?.observed?.eventsPerSecond ?? 0) },
                startedAt: member.startedAt,
                leaseExpiresAt: date.addingTimeInterval((member.leaseEnds - now) / .seconds(1)),
                mark: self.marks[id]?.rawValue)
        }
        let slots = self.slots.values
            .filter { self.isActive($0.slot) }
            .sorted { $0.slot < $1.slot }
            .map { state in
                ClusterView.SlotView(
                    slot: state.slot, numShards: state.numShards, epoch: state.epoch, member: state.owner?.member,
                    status: state.owner == nil ? .released : state.observed?.status ?? .starting,
                    watermark: state.session?.sequence, guilds: state.observed?.guilds ?? 0,
                    eventsPerSecond: state.observed?.eventsPerSecond ?? 0,
                    latencyMs: state.observed?.latencyMilliseconds,
                    reason: state.observed?.reason, updatedAt: state.observedAt ?? date, pin: state.pin)
            }
        return ClusterView(
            leader: leader,
            generatedAt: date,
            applications: self.applications.values.sorted { $0.id < $1.id }.map {
                .init(
                    id: $0.id, name: $0.name, generation: $0.generation, numShards: $0.numShards,
                    identify: gates[$0.id].map { Self.view(of: $0, now: now, date: date) },
                    reshard: self.reshards[$0.id].map { self.view(of: $0) }, advice: self.advice($0))
            },
            members: members,
            slots: slots,
            lanes: self.lanes.enumerated().map { .init(lane: $0, primary: $1.primary, standby: $1.standby) },
            gaps: self.gaps.map { .init(slot: $0.slot, gap: $0.gap, member: $0.member) },
            restart: self.restart.map {
                .init(
                    requestedBy: $0.requestedBy, startedAt: $0.startedAt, current: $0.current?.member,
                    waiting: $0.waiting.map(\.member), done: $0.done)
            },
            standby: standby
        )
    }

    private static func view(of gate: IdentifyGate, now: Duration, date: Date) -> ClusterView.Identify {
        ClusterView.Identify(
            total: gate.budget?.total, remaining: gate.budget?.remaining, free: gate.budget?.free,
            maxConcurrency: gate.budget?.maxConcurrency,
            resetsAt: gate.budget.map { date.addingTimeInterval(($0.resetsAt - now) / .seconds(1)) },
            pausedUntil: gate.brakePausedUntil.map { date.addingTimeInterval(($0 - now) / .seconds(1)) },
            haltedBy: gate.halt.map { "shard \($0.slot.shard): \($0.reason)" })
    }

    private func view(of reshard: Reshard) -> ClusterView.Reshard {
        ClusterView.Reshard(
            from: reshard.from, fromShards: reshard.fromShards, to: reshard.to, toShards: reshard.toShards,
            phase: reshard.phase.rawValue,
            ready: (0..<reshard.toShards).count {
                let slot = Slot(application: reshard.application, generation: reshard.to, shard: $0)
                return self.slots[slot]?.observed?.status == .ready
            },
            joinedLanes: reshard.joined, leftLanes: reshard.left, startedAt: reshard.startedAt,
            requestedBy: reshard.requestedBy, reason: reshard.reason)
    }

    /// Why another shard count would be better; nil: it would not.
    private func advice(_ application: ApplicationState) -> [String]? {
        guard self.reshards[application.id] == nil else { return nil }
        var advice: [String] = []
        if let recommended = self.recommendedShards[application.id], recommended > application.numShards {
            advice.append("Discord recommends \(recommended) shards")
        }
        let slots = self.slots.values.filter {
            $0.slot.application == application.id && $0.slot.generation == application.generation
        }
        if let fullest = slots.max(by: { ($0.guilds, $0.slot) < ($1.guilds, $1.slot) }),
            fullest.guilds >= self.policy.reshard.mostGuilds
        {
            advice.append("shard \(fullest.slot.shard) has \(fullest.guilds) guilds, and Discord allows 2500")
        }
        if slots.contains(where: { $0.observed?.closeCode == GatewayCloseCode.shardingRequired.rawValue }) {
            advice.append("Discord closed with 4011: more shards are required")
        }
        return advice.isEmpty ? nil : advice
    }
}

extension ClusterState.MemberState.Phase {
    package var name: String {
        switch self {
        case .alive: "alive"
        case .draining: "draining"
        case .fencing: "lost"
        }
    }
}
