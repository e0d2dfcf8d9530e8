package import NIOCore
import Synchronization

/// A channel of a connection. Operations are answered in the order they were asked; each has a deadline
/// (`AMQPConfiguration.operationTimeout`). An operation that the broker refuses ends the channel, not the connection.
package final class AMQPChannel: Sendable {
    package let eventLoop: any EventLoop
    package let id: UInt16
    let core: NIOLoopBound<AMQPChannelCore>
    private let status: AMQPConnectionStatus
    private let open = Atomic(true)

    init(core: AMQPChannelCore) {
        self.eventLoop = core.connection.eventLoop
        self.id = core.id
        self.status = core.connection.status
        self.core = NIOLoopBound(core, eventLoop: core.connection.eventLoop)
    }

    func markClosed() { self.open.store(false, ordering: .releasing) }

    package var isOpen: Bool { self.open.load(ordering: .acquiring) }

    /// False while the bytes waiting for the socket are at their bound, and on a closed channel. Any thread.
    package var isWritable: Bool { self.isOpen && self.status.isWritable }

    /// Says goodbye and waits for the broker's answer, at most for the operation timeout.
    ///
    /// - Returns: false when none came: nobody knows what the broker still has of this channel.
    @discardableResult
    package func close() async -> Bool {
        let promise = self.eventLoop.makePromise(of: Bool.self)
        self.eventLoop.execute { self.core.value.close(promise: promise) }
        switch await promise.futureResult.outcome() {
        case .success(let isAnswered): return isAnswered
        case .failure: return false
        }
    }

    func request(
        _ method: ClientMethod,
        _ reply: AMQPChannelState.Reply,
        consumer: AMQPChannelCore.Consumer? = nil
    ) async throws(AMQPError) -> AMQPChannelCore.Answer {
        let promise = self.eventLoop.makePromise(of: AMQPChannelCore.Answer.self)
        self.eventLoop.execute {
            self.core.value.request(method, reply, consumer: consumer, promise: promise)
        }
        return try await promise.futureResult.outcome().get()
    }
}
