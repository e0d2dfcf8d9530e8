import ClusterAPI
import Discord
import Foundation

@testable import OperatorConsole

/// Clusters as tests need them.
enum Fixture {
    static let application: Snowflake = 1_100_000_000_000_000_001
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    static func slot(_ shard: Int, generation: Int = 1) -> Slot {
        Slot(application: self.application, generation: generation, shard: shard)
    }

    static func view(
        _ shard: Int, on member: String?, _ status: SlotStatus = .ready, epoch: Int64 = 1, generation: Int = 1,
        guilds: Int = 0, rate: Double = 0, latency: Double? = nil, reason: String? = nil
    ) -> ClusterView.SlotView {
        ClusterView.SlotView(
            slot: self.slot(shard, generation: generation), numShards: 4, epoch: epoch, member: member, status: status,
            watermark: nil, guilds: guilds, eventsPerSecond: rate, latencyMs: latency, reason: reason,
            updatedAt: self.start)
    }

    static func member(
        _ id: String, _ kind: MemberKind = .shard, incarnation: Int = 1, state: String = "alive", mark: String? = nil
    ) -> ClusterView.Member {
        ClusterView.Member(
            id: id, kind: kind, incarnation: incarnation, zone: "local", version: "0.1.0", state: state, capacity: 10,
            slots: 0, lanes: 0, eventsPerSecond: 0, startedAt: self.start.addingTimeInterval(-3600),
            leaseExpiresAt: self.start.addingTimeInterval(5), mark: mark)
    }

    static func cluster(
        _ slots: [ClusterView.SlotView] = [], members: [ClusterView.Member] = [], lanes: [ClusterView.Lane] = [],
        numShards: Int = 4, generation: Int = 1, identify: ClusterView.Identify? = nil,
        reshard: ClusterView.Reshard? = nil, advice: [String]? = nil, gaps: [ClusterView.Gap]? = nil,
        restart: ClusterView.Restart? = nil, standby: String? = nil, after seconds: TimeInterval = 0
    ) -> ClusterView {
        ClusterView(
            leader: "coordinator-a", generatedAt: self.start.addingTimeInterval(seconds),
            applications: [
                .init(
                    id: self.application, name: "Harbor", generation: generation, numShards: numShards,
                    identify: identify, reshard: reshard, advice: advice)
            ],
            members: members, slots: slots, lanes: lanes, gaps: gaps, restart: restart, standby: standby)
    }

    static func reshard(
        _ phase: String, ready: Int = 0, joined: Int = 0, left: Int = 0, reason: String? = nil
    ) -> ClusterView.Reshard {
        ClusterView.Reshard(
            from: 1, fromShards: 4, to: 2, toShards: 8, phase: phase, ready: ready, joinedLanes: joined,
            leftLanes: left, startedAt: self.start, requestedBy: "ops", reason: reason)
    }
}

extension OperationProgress {
    var isRunning: Bool {
        if case .running = self { return true }
        return false
    }

    var isDone: Bool {
        if case .done = self { return true }
        return false
    }

    /// Why it will not come to its end.
    var failure: String? {
        if case .failed(let text) = self { return text }
        return nil
    }

    var words: String {
        switch self {
        case .running(let text), .done(let text), .failed(let text): text
        }
    }
}
