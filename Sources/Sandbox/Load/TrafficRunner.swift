import Runtime
import ServiceLifecycle
import Synchronization

/// Lets traffic happen at a rate that can be changed at any time.
final class TrafficRunner: Service {
    struct Status: Sendable, Equatable {
        /// 0: none.
        var eventsPerSecond: Int
        /// Things that happened since the start.
        var generated = 0
    }

    private static let turn = Duration.milliseconds(5)
    /// What could not be done in time is not made up for beyond this.
    private static let longestDebt = 0.25
    /// Things that happen before others get the hub's lock.
    private static let batch = 32

    private let hub: Hub
    private let seed: UInt64
    private let status: Mutex<Status>

    init(hub: Hub, seed: UInt64, eventsPerSecond: Int) {
        self.hub = hub
        self.seed = seed
        self.status = Mutex(Status(eventsPerSecond: eventsPerSecond))
    }

    var current: Status { self.status.withLock { $0 } }

    /// Returns what holds from now on. Nothing that is under way comes after 0 was set and this has returned, but for
    /// what is on its way to sockets.
    func setRate(_ eventsPerSecond: Int) -> Status {
        // Under the hub's lock: no batch is being made then.
        self.hub.withState { _ in
            self.status.withLock { status in
                status.eventsPerSecond = eventsPerSecond
                return status
            }
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var generator = TrafficGenerator(seed: self.seed)
            let clock = ContinuousClock()
            var last = clock.now
            var debt = 0.0
            while !Task.isCancelled {
                let now = clock.now
                let rate = Double(self.current.eventsPerSecond)
                debt = min(debt + rate * ((now - last) / .seconds(1)), rate * Self.longestDebt)
                last = now
                while debt >= 1, !Task.isCancelled {
                    let done = self.happen(min(Self.batch, Int(debt)), &generator)
                    guard done > 0 else { break }
                    debt -= Double(done)
                    await Task.yield()
                }
                // Cancellation only ends the wait: the loop looks at it.
                try? await Task.sleep(for: Self.turn)
            }
        }
    }

    /// Returns how many things happened: none when the rate is 0 by now.
    private func happen(_ count: Int, _ generator: inout TrafficGenerator) -> Int {
        self.hub.withState { state in
            guard self.current.eventsPerSecond > 0 else { return 0 }
            let before = generator.count
            for _ in 0..<count {
                generator.next(in: &state.world)
                // Each by itself: who hears of it is decided by the world as it is right then.
                self.hub.flush(&state)
            }
            self.hub.metrics.traffic.increment(by: generator.count - before)
            self.status.withLock { $0.generated = generator.count }
            return count
        }
    }
}
