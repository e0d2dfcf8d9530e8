import Foundation
import Simulation

extension Simulation {
    /// A schedule takes a second here. On the threads that Swift's tasks share it would stop every other test, with the
    /// deadlines running on.
    static func schedule(_ seed: UInt64, bug: PlantedBug? = nil, isTracing: Bool = false) async -> ScheduleResult {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: Simulation(seed: seed, bug: bug, isTracing: isTracing).run())
            }
        }
    }
}
