import Synchronization

/// Finds events that came before from another generation: while a shard count is changed, both publish a lane for a
/// while.
final class GenerationOverlaps: Sendable {
    private let lanes = Mutex<[String: OverlapMemory]>([:])

    /// - Parameter lane: the routing key that the event came with.
    func isRepeat(_ event: WorkerEvent, from source: EventSource, lane: String) -> Bool {
        let key = OverlapMemory.Key(event)
        return self.lanes.withLock { lanes in
            lanes[lane, default: OverlapMemory()].isRepeat(
                key, sequence: event.sequence, from: source, at: event.receivedAt)
        }
    }
}
