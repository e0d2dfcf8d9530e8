import Discord
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// Lets faults happen when their time has come. Whom they meet and what they do is the hub's part.
final class FaultRunner: Sendable {
    /// A fault that waits for its time.
    struct Pending: Sendable {
        let id: Int64
        let due: NIODeadline
        let fault: Fault
    }

    private struct Timer: Sendable {
        enum Purpose: Sendable {
            case fault(Pending)
            case endOfOutage([Snowflake])
        }

        let purpose: Purpose
        let scheduled: Scheduled<Void>
    }

    private struct State: Sendable {
        var timers: [Int64: Timer] = [:]
        var lastID: Int64 = 0
        var schedule: FaultSchedule?
        /// Counts schedules: the timer of one that was replaced does nothing.
        var scheduleNumber = 0
        var began = NIODeadline.now()
        var scheduleTimer: Scheduled<Void>?
        var isStopped = false
    }

    private let hub: Hub
    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(hub: Hub, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.hub = hub
        self.eventLoop = group.next()
    }

    /// Those that wait, soonest first.
    var pending: [Pending] {
        self.state.withLock { state in
            state.timers.values.compactMap { if case .fault(let pending) = $0.purpose { pending } else { nil } }
        }.sorted { ($0.due, $0.id) < ($1.due, $1.id) }
    }

    /// - Returns: the faults' ids, in order; `nil` when too many wait already.
    func add(_ faults: [FaultForm.Planned]) -> [Int64]? {
        let now = NIODeadline.now()
        let planned = self.state.withLock { state -> [Pending]? in
            guard !state.isStopped, state.timers.count + faults.count <= FaultForm.most else { return nil }
            return faults.map { planned in
                state.lastID += 1
                return Pending(id: state.lastID, due: now + TimeAmount(planned.at), fault: planned.fault)
            }
        }
        guard let planned else { return nil }
        for pending in planned {
            if pending.due <= now {
                self.inflict(pending.fault, id: pending.id, salt: nil)
            } else {
                self.schedule(pending.id, at: pending.due, .fault(pending)) {
                    $0.inflict(pending.fault, id: pending.id, salt: nil)
                }
            }
        }
        return planned.map(\.id)
    }

    /// Follows a schedule from now on, in place of the one before.
    func follow(_ schedule: FaultSchedule) {
        self.state.withLock { state in
            state.scheduleTimer?.cancel()
            state.schedule = schedule
            state.scheduleNumber += 1
            state.began = .now()
        }
        self.planNext()
    }

    /// Gives up what waits, the schedule too, and ends what is under way.
    func clear() {
        self.hub.liftFaults(endingOutageOf: self.cancelAll())
    }

    /// Nothing happens any more.
    func stop() {
        self.state.withLock { $0.isStopped = true }
        _ = self.cancelAll()
    }

    /// Returns the guilds whose outage would have been ended.
    private func cancelAll() -> [Snowflake] {
        let (timers, next) = self.state.withLock { state in
            defer {
                state.timers = [:]
                state.schedule = nil
                state.scheduleNumber += 1
                state.scheduleTimer = nil
            }
            return (Array(state.timers.values), state.scheduleTimer)
        }
        next?.cancel()
        return timers.flatMap { timer -> [Snowflake] in
            timer.scheduled.cancel()
            if case .endOfOutage(let guilds) = timer.purpose { return guilds }
            return []
        }
    }

    private func planNext() {
        self.state.withLock { state in
            guard !state.isStopped, let planned = state.schedule?.next() else { return }
            state.lastID += 1
            let (id, number) = (state.lastID, state.scheduleNumber)
            state.scheduleTimer = self.eventLoop.scheduleTask(deadline: state.began + TimeAmount(planned.at)) {
                guard self.state.withLock({ $0.scheduleNumber == number }) else { return }
                self.inflict(planned.fault, id: id, salt: planned.salt)
                self.planNext()
            }
        }
    }

    private func schedule(
        _ id: Int64, at due: NIODeadline, _ purpose: Timer.Purpose,
        _ body: @escaping @Sendable (FaultRunner) -> Void
    ) {
        self.state.withLock { state in
            guard !state.isStopped else { return }
            let scheduled = self.eventLoop.scheduleTask(deadline: due) {
                self.state.withLock { $0.timers[id] = nil }
                body(self)
            }
            state.timers[id] = Timer(purpose: purpose, scheduled: scheduled)
        }
    }

    private func inflict(_ fault: Fault, id: Int64, salt: UInt64?) {
        let guilds = self.hub.inflict(fault, id: id, salt: salt ?? UInt64(bitPattern: id))
        self.hub.metrics.faults.increment()
        guard case .outage(_, _, let length) = fault.action, !guilds.isEmpty else { return }
        self.schedule(id, at: .now() + TimeAmount(length), .endOfOutage(guilds)) {
            $0.hub.endOutage(of: guilds, id: id)
        }
    }
}
