package import ClusterAPI
import Foundation

/// Follows a rolling restart until every member is back.
package struct RestartWatch: OperationWatch {
    /// So long after it was asked for, a restart that is nowhere to be seen has ended, unseen.
    private static let patience: TimeInterval = 10

    private let before: [String: Int]
    private var wasSeen = false
    private var firstSeen: Date?

    /// - Parameter before: the cluster before the restart was asked for.
    package init(before: ClusterView) {
        let alive = before.members.filter { $0.state == "alive" }
        self.before = Dictionary(alive.map { ($0.id, $0.incarnation) }) { first, _ in first }
    }

    package mutating func observe(_ view: ClusterView) -> OperationProgress {
        if let restart = view.restart {
            self.wasSeen = true
            let total = restart.done + restart.waiting.count + (restart.current == nil ? 0 : 1)
            let now = restart.current.map { ", now \($0)" } ?? ""
            return .running("\(Phrase.count(restart.done)) of \(Phrase.count(total, "member")) back\(now)")
        }
        let incarnations = Dictionary(view.members.map { ($0.id, $0) }) { first, _ in first }
        let missing = self.before.filter { id, incarnation in
            guard let member = incarnations[id], member.state == "alive" else { return true }
            return member.incarnation <= incarnation
        }
        if missing.isEmpty { return .done("all \(Phrase.count(self.before.count, "member")) are back") }
        let since = self.firstSeen ?? view.generatedAt
        self.firstSeen = since
        guard self.wasSeen || view.generatedAt.timeIntervalSince(since) >= Self.patience else {
            return .running("waits for the restart to begin")
        }
        let names = missing.keys.sorted().prefix(5).joined(separator: ", ")
        return .failed(
            "the restart was stopped; not restarted, or not back: \(names)\(missing.count > 5 ? ", …" : "")"
                + " (`flotilla ctl audit` tells why)")
    }
}
