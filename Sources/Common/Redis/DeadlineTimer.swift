import NIOCore

/// Calls back at the earliest deadline armed. Lives on its event loop.
final class DeadlineTimer {
    private let eventLoop: any EventLoop
    private var armedFor: NIODeadline?
    private var scheduled: Scheduled<Void>?
    /// Gets the time, returns the next deadline.
    var fired: ((NIODeadline) -> NIODeadline?)?

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func arm(for deadline: NIODeadline) {
        if let armedFor, armedFor <= deadline { return }
        self.scheduled?.cancel()
        self.armedFor = deadline
        self.scheduled = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.fire() }
    }

    func cancel() {
        self.scheduled?.cancel()
        self.scheduled = nil
        self.armedFor = nil
        self.fired = nil
    }

    private func fire() {
        self.scheduled = nil
        self.armedFor = nil
        if let next = self.fired?(self.eventLoop.now) { self.arm(for: next) }
    }
}
