import ClusterAPI
import Synchronization

/// Renewals whose answer is held: at most one a member, each until something new is desired or its time is over.
final class DesiredStateWaiters: Sendable {
    private struct Waiter: Sendable {
        let version: Int
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private let waiters = Mutex<[String: Waiter]>([:])

    /// Returns when a version other than `version` is visible, at the deadline, or when a newer renewal takes the
    /// place.
    func wait(member: String, version: Int, until deadline: ContinuousClock.Instant) async {
        await withCheckedContinuation { continuation in
            let replaced = self.waiters.withLock {
                $0.updateValue(Waiter(version: version, deadline: deadline, continuation: continuation), forKey: member)
            }
            replaced?.continuation.resume()
        }
    }

    func wake(_ visible: [String: DesiredState]) {
        self.wake { member, waiter in visible[member]?.version != waiter.version }
    }

    func wakeExpired(now: ContinuousClock.Instant = .now) {
        self.wake { _, waiter in waiter.deadline <= now }
    }

    func wakeAll() {
        self.wake { _, _ in true }
    }

    private func wake(where isOver: (String, Waiter) -> Bool) {
        let woken = self.waiters.withLock { waiters in
            let over = waiters.filter { isOver($0.key, $0.value) }
            for member in over.keys { waiters[member] = nil }
            return over
        }
        for waiter in woken.values { waiter.continuation.resume() }
    }
}
