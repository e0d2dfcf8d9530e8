import AMQP
import CBaselines
import NIOCore

/// Publishes one message again and again, with at most `window` publishes waiting for their confirms, until its time is
/// over and all of them are confirmed.
final class WindowedPublisher: AMQPChannelDelegate {
    struct Total {
        let messages: Int
        let end: ContinuousClock.Instant
        let processCPU: Double
    }

    private struct State {
        var tracker = ConfirmTracker()
        var isOver = false
    }

    private let message: AMQPMessage
    private let window: Int
    private let deadline: NIODeadline
    private let state: NIOLoopBoundBox<State>
    private let finished: EventLoopPromise<Total>

    init(
        _ message: AMQPMessage, window: Int, until deadline: NIODeadline, on eventLoop: any EventLoop,
        finished: EventLoopPromise<Total>
    ) {
        self.message = message
        self.window = window
        self.deadline = deadline
        self.state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
        self.finished = finished
    }

    func start(on channel: AMQPChannel) { self.fill(channel) }

    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {
        guard case .ack(let tag, let multiple) = settlement else {
            return self.finished.fail(BenchmarkError("a publish was not confirmed: \(settlement)"))
        }
        do {
            try self.state.value.tracker.settle(tag, multiple: multiple, acked: true)
        } catch {
            return self.finished.fail(error)
        }
        if NIODeadline.now() < self.deadline { return self.fill(channel) }
        let tracker = self.state.value.tracker
        guard tracker.unsettledCount == 0 else { return }
        self.finished.succeed(
            Total(messages: Int(tracker.confirmedThrough), end: .now, processCPU: process_cpu_seconds()))
    }

    func closed(_ error: AMQPError?, on channel: AMQPChannel) {
        // Only the first end counts.
        self.finished.fail(error ?? BenchmarkError("the channel was closed") as any Error)
    }

    /// The window counts from the oldest publish without a confirm, as in the C loop.
    private func fill(_ channel: AMQPChannel) {
        let tracker = self.state.value.tracker
        let waiting = Int(tracker.nextTag - 1 - tracker.confirmedThrough)
        guard waiting < self.window else { return }
        let messages = Array(repeating: self.message, count: self.window - waiting)
        do {
            try channel.publish(messages)
            _ = self.state.value.tracker.published(messages.count)
        } catch {
            self.finished.fail(error)
        }
    }
}
