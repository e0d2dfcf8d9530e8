import ClusterAPI
import Foundation

extension ClusterState {
    func view(leader: String, now: Duration, date: Date) -> ClusterView {
        let bySlotOwner = Dictionary(grouping: self.slots.values.filter { $0.owner != nil }) { $0.owner?.member }
        let members = self.members.values.sorted { $0.registration.id < $1.registration.id }.map { member in
            let slots = bySlotOwner[member.registration.id] ?? []
            return ClusterView.Member(
                id: member.registration.id, kind: member.registration.kind, incarnation: member.incarnation,
                zone: member.registration.zone, version: member.registration.version, state: member.phase.name,
                capacity: member.registration.capacity, slots: slots.count,
                lanes: self.lanes.count { $0.primary == member.registration.id },
                eventsPerSecond: slots.reduce(0) { $0 + ($1.observed?.eventsPerSecond ?? 0) },
                startedAt: member.startedAt,
                leaseExpiresAt: date.addingTimeInterval((member.leaseEnds - now) / .seconds(1)))
        }
        let slots = self.slots.values
            .filter { self.applications[$0.slot.application]?.generation == $0.slot.generation }
            .sorted { $0.slot < $1.slot }
            .map { state in
                ClusterView.SlotView(
                    slot: state.slot, numShards: state.numShards, epoch: state.epoch, member: state.owner?.member,
                    status: state.owner == nil ? .released : state.observed?.status ?? .starting,
                    watermark: state.session?.sequence, guilds: state.observed?.guilds ?? 0,
                    eventsPerSecond: state.observed?.eventsPerSecond ?? 0,
                    latencyMs: state.observed?.latencyMilliseconds,
                    reason: state.observed?.reason, updatedAt: state.observedAt ?? date)
            }
        return ClusterView(
            leader: leader,
            generatedAt: date,
            applications: self.applications.values.sorted { $0.id < $1.id }.map {
                .init(id: $0.id, name: $0.name, generation: $0.generation, numShards: $0.numShards)
            },
            members: members,
            slots: slots,
            lanes: self.lanes.enumerated().map { .init(lane: $0, primary: $1.primary, standby: $1.standby) }
        )
    }
}

extension ClusterState.MemberState.Phase {
    var name: String {
        switch self {
        case .alive: "alive"
        case .draining: "draining"
        case .fencing: "lost"
        }
    }
}
