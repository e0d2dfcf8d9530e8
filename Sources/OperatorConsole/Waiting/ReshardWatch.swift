package import ClusterAPI
package import Discord
import Foundation

/// Follows a change of the shard count.
package struct ReshardWatch: OperationWatch {
    /// So long after it was asked for, a reshard that is nowhere to be seen has ended, unseen.
    private static let patience: TimeInterval = 10

    private let application: Snowflake
    private let shards: Int
    private let isAbort: Bool
    private var last: ClusterView.Reshard?
    private var firstSeen: Date?

    /// - Parameters:
    ///   - shards: the count that it goes to; with `isAbort` the one that it was to go to.
    ///   - isAbort: whether the end that is waited for is the old count.
    package init(_ application: Snowflake, to shards: Int, isAbort: Bool = false) {
        self.application = application
        self.shards = shards
        self.isAbort = isAbort
    }

    package mutating func observe(_ view: ClusterView) -> OperationProgress {
        guard let application = view.applications.first(where: { $0.id == self.application }) else {
            return .running("application \(self.application) is not shown")
        }
        if let reshard = application.reshard {
            self.last = reshard
            return .running(Self.words(reshard, lanes: view.lanes.count))
        }
        let since = self.firstSeen ?? view.generatedAt
        self.firstSeen = since
        let isSettled = self.last != nil || view.generatedAt.timeIntervalSince(since) >= Self.patience
        if application.numShards == self.shards {
            guard self.isAbort else {
                return .done("application \(self.application) has \(Phrase.count(self.shards, "shard")) now")
            }
            return .failed("too late: application \(self.application) has \(Phrase.count(self.shards, "shard")) now")
        }
        guard isSettled else { return .running("waits for the reshard to begin") }
        let count = Phrase.count(application.numShards, "shard")
        if self.isAbort { return .done("given up: application \(self.application) has \(count), as before") }
        let reason = self.last?.reason.map { ": \($0)" } ?? ""
        return .failed("rolled back to \(count)\(reason)")
    }

    static func words(_ reshard: ClusterView.Reshard, lanes: Int) -> String {
        let way = "\(reshard.fromShards) to \(Phrase.count(reshard.toShards, "shard"))"
        let phase =
            switch reshard.phase {
            case "identifying":
                "new sessions up: \(Phrase.count(reshard.ready)) of \(Phrase.count(reshard.toShards))"
            case "switching":
                "lanes switched: \(reshard.leftLanes) of \(lanes)"
                    + (reshard.joinedLanes > reshard.leftLanes
                        ? ", \(reshard.joinedLanes - reshard.leftLanes) in both" : "")
            case "closing": "closing the old sessions"
            case "rollingBack": "rolling back: \(reshard.reason ?? "no reason told")"
            case "cleaning": "closing the new sessions: \(reshard.reason ?? "no reason told")"
            default: reshard.phase
            }
        return "\(way), \(phase)"
    }
}
