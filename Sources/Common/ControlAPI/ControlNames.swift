package import ClusterAPI
import Discord

/// The exchanges and queues that commands to slots go through (docs/protocol.md). All but reply queues are declared by
/// the coordinator.
package struct ControlNames: Sendable {
    /// Direct; the routing key is the slot.
    package var requests = "gw.control"
    /// Direct; the routing key is the requester's own.
    package var replies = "gw.replies"
    /// Of the reply queue that each requester declares for itself, exclusively.
    package var replyQueuePrefix = "gw.r."

    package init() {}

    package static func routingKey(of slot: Slot) -> String { slot.description }

    /// The slot that a routing key names; `nil` when it names none.
    package static func slot(routingKey: String) -> Slot? {
        let parts = routingKey.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let application = Snowflake(parts[0]), let generation = Int(parts[1]),
            let shard = Int(parts[2]), generation >= 0, shard >= 0
        else { return nil }
        return Slot(application: application, generation: generation, shard: shard)
    }
}
