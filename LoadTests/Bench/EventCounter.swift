import CBaselines
import Discord
import Gateway
import NIOCore

/// The client's end: slices each event, as a shard does, and checks that none is missing.
final class EventCounter: GatewayConnectionDelegate {
    private struct State {
        var sequence: Int64 = 0
        var startCPU = 0.0
    }

    private let expected: Int64
    private let state: NIOLoopBoundBox<State>
    private let finished: EventLoopPromise<Double>

    /// - Parameters:
    ///   - eventLoop: the one that makes it.
    ///   - finished: told the CPU seconds of the event loop's thread.
    init(expecting count: Int, on eventLoop: any EventLoop, finished: EventLoopPromise<Double>) {
        self.expected = Int64(count)
        self.state = NIOLoopBoundBox(State(startCPU: thread_cpu_seconds()), eventLoop: eventLoop)
        self.finished = finished
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        do {
            let slice = try message.withUnsafeReadableBytes { bytes throws(SliceError) in try FrameSlice.slice(bytes) }
            guard slice.sequence == self.state.value.sequence + 1, slice.guildID != nil, slice.data != nil else {
                return self.finished.fail(BenchmarkError("event \(self.state.value.sequence + 1) is not whole"))
            }
        } catch {
            return self.finished.fail(error)
        }
        self.state.value.sequence += 1
        guard self.state.value.sequence == self.expected else { return }
        self.finished.succeed(thread_cpu_seconds() - self.state.value.startCPU)
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        // Only the first end counts.
        self.finished.fail(BenchmarkError("the connection ended: \(reason)"))
    }
}
