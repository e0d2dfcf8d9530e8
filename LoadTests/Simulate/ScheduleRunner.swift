import Simulation
import Synchronization

/// Runs schedules one after the other on as many tasks as asked for, until so many have failed.
final class ScheduleRunner: Sendable {
    struct Progress: Sendable {
        var next: UInt64
        var counts = ScheduleResult.Counts()
        var steps = 0
        /// The same for the same schedules, in any order.
        var digest: UInt64 = 0
        var failed: [ScheduleResult] = []
    }

    private let end: UInt64
    private let bug: PlantedBug?
    private let mostFailures: Int
    private let progress: Mutex<Progress>

    init(from: UInt64, count: Int, bug: PlantedBug? = nil, mostFailures: Int = 10) {
        self.end = from + UInt64(count)
        self.bug = bug
        self.mostFailures = mostFailures
        self.progress = Mutex(Progress(next: from))
    }

    func run(jobs: Int) async -> Progress {
        await withDiscardingTaskGroup { group in
            for _ in 0..<jobs { group.addTask { self.work() } }
        }
        return self.progress.withLock { $0 }
    }

    private func work() {
        while let seed = self.take() {
            let result = Simulation(seed: seed, bug: self.bug).run()
            self.progress.withLock { progress in
                progress.counts += result.counts
                progress.steps += result.steps
                progress.digest ^= result.digest
                if result.violation != nil { progress.failed.append(result) }
            }
        }
    }

    private func take() -> UInt64? {
        self.progress.withLock { progress in
            guard progress.next < self.end, progress.failed.count < self.mostFailures else { return nil }
            defer { progress.next += 1 }
            return progress.next
        }
    }
}
