import ClusterAPI
import Foundation

/// What the status line says.
enum StatusText {
    /// - Parameter view: nil when the coordinator doesn't answer.
    static func line(_ view: ClusterView?, elapsed: Duration) -> String {
        let time = self.clock(elapsed)
        guard let view else { return "[\(time)] the coordinator doesn't answer; events keep flowing" }
        let alive = view.members.filter { $0.state == "alive" }
        let shards = alive.count { $0.kind == .shard }
        let workers = alive.count { $0.kind == .worker }
        let ready = view.slots.count { $0.status == .ready }
        let guilds = view.slots.reduce(0) { $0 + $1.guilds }
        let events = view.slots.reduce(0) { $0 + $1.eventsPerSecond }
        return "[\(time)] shard processes \(shards) · workers \(workers) · slots ready \(ready)/\(view.slots.count)"
            + " · guilds \(guilds) · events/s \(String(format: "%.1f", events))"
    }

    /// Such as `4.1 s`.
    static func seconds(_ duration: Duration) -> String { String(format: "%.1f s", duration / .seconds(1)) }

    /// Such as `1:02:03`, or `02:03` within the first hour.
    static func clock(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        let short = String(format: "%02lld:%02lld", minutes, seconds % 60)
        return hours > 0 ? "\(hours):\(short)" : short
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - self.count)) }
}
