package import ClusterAPI
import Discord
import Foundation

extension ClusterView {
    private static let date = Date(timeIntervalSince1970: 1_700_000_000)
    private static let id = Snowflake(rawValue: 1_100_000_000_000_000_001)

    /// Every value that there may be is there.
    package static let everything = ClusterView(
        leader: "coordinator-1", generatedAt: date,
        applications: [
            .init(
                id: id, name: "bot", generation: 2, numShards: 4,
                identify: .init(
                    total: 1000, remaining: 900, free: 700, maxConcurrency: 1, resetsAt: date, pausedUntil: date,
                    haltedBy: "shard 0: Authentication failed"),
                reshard: .init(
                    from: 2, fromShards: 4, to: 3, toShards: 8, phase: "rollingBack", ready: 8, joinedLanes: 4,
                    leftLanes: 2, startedAt: date, requestedBy: "ada", reason: "aborted by ada"),
                advice: ["Discord recommends 8 shards"])
        ],
        members: [
            .init(
                id: "shard-0", kind: .shard, incarnation: 3, zone: "a", version: "0.1.0", state: "alive", capacity: 10,
                slots: 4, lanes: 0, eventsPerSecond: 1.5, startedAt: date, leaseExpiresAt: date, mark: "cordoned")
        ],
        slots: [
            .init(
                slot: Slot(application: id, generation: 2, shard: 0), numShards: 4, epoch: 5, member: "shard-0",
                status: .failed, watermark: 42, guilds: 7, eventsPerSecond: 0.5, latencyMs: 40.25,
                reason: "Authentication failed", updatedAt: date, pin: "shard-0")
        ],
        lanes: [.init(lane: 0, primary: "worker-0", standby: "worker-1")],
        gaps: [
            .init(
                slot: Slot(application: id, generation: 2, shard: 0),
                gap: SessionGap(
                    session: "s", after: 41, reason: "invalid_session", numShards: 4,
                    atMilliseconds: 1_700_000_000_000), member: "shard-0")
        ],
        restart: .init(requestedBy: "ada", startedAt: date, current: "shard-0", waiting: ["shard-1"], done: 2),
        standby: "coordinator-0")

    /// What may be left out is left out.
    package static let bare = ClusterView(
        leader: "", generatedAt: date, applications: [.init(id: id, name: "bot", generation: 1, numShards: 1)],
        members: [
            .init(
                id: "worker-0", kind: .worker, incarnation: 1, zone: "a", version: "0.1.0", state: "lost", capacity: 1,
                slots: 0, lanes: 1, eventsPerSecond: 0, startedAt: date, leaseExpiresAt: date)
        ],
        slots: [
            .init(
                slot: Slot(application: id, generation: 1, shard: 0), numShards: 1, epoch: 0, member: nil,
                status: .released, watermark: nil, guilds: 0, eventsPerSecond: 0, latencyMs: nil, reason: nil,
                updatedAt: date)
        ],
        lanes: [.init(lane: 0, primary: nil, standby: nil)])
}
