import ClusterAPI
import Synchronization

/// The consumers of this worker's lanes: started and stopped as grants come and go.
final class LaneConsumers: Sendable {
    private struct Running: Sendable {
        let role: LaneGrant.Role
        let consumer: QueueConsumer
    }

    private let make: @Sendable (Int) -> QueueConsumer
    private let lanes = Mutex<[Int: Running]>([:])
    private let started: AsyncStream<QueueConsumer>
    private let start: AsyncStream<QueueConsumer>.Continuation

    init(make: @escaping @Sendable (Int) -> QueueConsumer) {
        self.make = make
        // At most one entry a lane and change of its grant: the reader takes them at once.
        (self.started, self.start) = AsyncStream.makeStream()
    }

    var running: [Int] { self.lanes.withLock { $0.keys.sorted() } }

    /// Runs the consumers until `stop`.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await consumer in self.started { group.addTask { await consumer.run() } }
        }
    }

    /// Makes what runs equal to what is granted. Applying the same grants twice is harmless.
    ///
    /// A standby has a consumer too: the queue makes it the active one when the primary's goes. A primary that becomes
    /// standby leaves the queue and lines up anew.
    func apply(_ grants: [LaneGrant]) {
        let roles = Dictionary(grants.map { ($0.lane, $0.role) }) { first, _ in first }
        self.lanes.withLock { lanes in
            for (lane, running) in lanes {
                let stays = roles[lane] == running.role || (running.role == .standby && roles[lane] == .primary)
                if !stays {
                    running.consumer.stop()
                    lanes[lane] = nil
                }
            }
            for (lane, role) in roles {
                if let running = lanes[lane] {
                    lanes[lane] = Running(role: role, consumer: running.consumer)
                } else {
                    let consumer = self.make(lane)
                    lanes[lane] = Running(role: role, consumer: consumer)
                    self.start.yield(consumer)
                }
            }
        }
    }

    func stop() {
        self.apply([])
        self.start.finish()
    }
}
