package import ClusterAPI
package import Foundation

/// One change of the cluster as one line.
package enum ChangeLine {
    package static func text(_ change: ClusterChange, paint: Paint) -> String {
        let kind = change.kind.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0)
        return "\(paint(self.time(change.at), .faint))  \(kind)  \(paint(HarmlessText.of(change.target), .strong))  "
            + HarmlessText.of(change.detail)
    }

    /// RFC 3339 in UTC, to the second.
    package static func time(_ date: Date) -> String { date.formatted(.iso8601) }
}
