import AMQP
import Logging
import NIOCore
import Synchronization

/// Reads one queue over a connection of its own, and connects again until it is told to stop.
///
/// One connection a queue: leaving a quorum queue with `basic.cancel` or `channel.close` puts unacked messages back out
/// of order on RabbitMQ 3.10; cutting the connection does not.
final class QueueConsumer: Sendable {
    enum Order: Sendable {
        /// One delivery at a time, in the queue's order.
        case strict
        /// As many at once as were prefetched.
        case none
    }

    private enum Input: Sendable {
        case delivery(AMQPDelivery)
        case stopped
    }

    /// Why reading ended.
    private enum End: Sendable {
        case stopped
        /// The broker or the network ended it.
        case lost(String)
        /// A delivery could be neither handled nor parked.
        case notHandled
    }

    /// A connection that did not last for this long counts as a failure: whatever ended it may end the next one too.
    private static let steady: Duration = .seconds(2)
    /// Until an unordered delivery that could be neither handled nor parked is given again.
    private static let pause: Duration = .milliseconds(250)

    let queue: String
    private let configuration: AMQPConfiguration
    private let eventLoop: any EventLoop
    private let prefetch: UInt16
    private let order: Order
    private let onState: @Sendable (_ failure: String?) -> Void
    private let handle: @Sendable (AMQPDelivery, AMQPChannel) async -> Bool
    private let logger: Logger
    private let isStopped = Mutex(false)
    private let current = Mutex<AsyncStream<Input>.Continuation?>(nil)

    private struct NotHandled: Error, CustomStringConvertible {
        let description = "a delivery could be neither handled nor parked"
    }

    /// - Parameters:
    ///   - handle: false has the delivery come again. It is cancelled when the connection is lost: the broker gives the
    ///     delivery to the next consumer then.
    ///   - onState: told whenever the queue is being read (nil), and why when it no longer is.
    init(
        queue: String,
        configuration: AMQPConfiguration,
        eventLoop: any EventLoop,
        prefetch: UInt16,
        order: Order,
        logger: Logger,
        onState: @escaping @Sendable (_ failure: String?) -> Void = { _ in },
        handle: @escaping @Sendable (AMQPDelivery, AMQPChannel) async -> Bool
    ) {
        self.queue = queue
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.prefetch = prefetch
        self.order = order
        self.logger = logger
        self.onState = onState
        self.handle = handle
    }

    /// Ends `run` once the delivery in hand is done.
    func stop() {
        self.isStopped.withLock { $0 = true }
        self.current.withLock { $0 }?.yield(.stopped)
    }

    func run() async {
        var attempt = 0
        var generator = SystemRandomNumberGenerator()
        let backoff = AMQPBackoff()
        while !self.isStopped.withLock({ $0 }), !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                try await self.consumeUntilLost()
                attempt = start.duration(to: .now) < Self.steady ? attempt + 1 : 0
            } catch {
                attempt += 1
                self.onState("\(error)")
                self.logger.log(
                    level: attempt < 3 ? .debug : .warning, "can't read a queue",
                    metadata: ["broker.queue": "\(self.queue)", "error": "\(error)"])
            }
            guard !self.isStopped.withLock({ $0 }) else { return }
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: backoff.delay(attempt: attempt, using: &generator))
        }
    }

    private func consumeUntilLost() async throws {
        let connection = try await AMQPConnection.connect(self.configuration, on: self.eventLoop, logger: self.logger)
        // Unacked deliveries go back to their queue, in order.
        defer { connection.drop() }
        let channel = try await connection.openChannel()
        try await channel.setPrefetch(self.prefetch)
        // Holds no more than the prefetch allows and one word of the end.
        let (inputs, continuation) = AsyncStream.makeStream(of: Input.self)
        let (losses, loss) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1))
        self.current.withLock { $0 = continuation }
        defer { self.current.withLock { $0 = nil } }
        // Stopped before the stream was there to tell.
        if self.isStopped.withLock({ $0 }) { return }
        try await channel.consume(
            self.queue,
            onCancel: { error in loss.yield(error?.description ?? "the connection was closed") },
            onDelivery: { continuation.yield(.delivery($0)) })
        self.onState(nil)
        let end = await withTaskGroup(of: End.self) { group in
            group.addTask {
                switch self.order {
                case .strict: await self.takeInOrder(inputs, channel)
                case .none: await self.takeAtOnce(inputs, channel)
                }
            }
            group.addTask {
                for await reason in losses { return .lost(reason) }
                return .stopped
            }
            let end = await group.next()
            // A loss cancels what is in hand, and waits for it: nothing of this connection runs beside the next one's.
            group.cancelAll()
            return end ?? .stopped
        }
        switch end {
        case .lost(let reason): return self.reportLoss(reason)
        case .notHandled: throw NotHandled()
        case .stopped: break
        }
        // Acks have no answer; the answer to this tells that the broker has taken them.
        if channel.isOpen { try await channel.setPrefetch(self.prefetch) }
    }

    private func takeInOrder(_ inputs: AsyncStream<Input>, _ channel: AMQPChannel) async -> End {
        for await input in inputs {
            // A stop comes behind what was prefetched, and goes before it.
            if self.isStopped.withLock({ $0 }) { return .stopped }
            switch input {
            case .delivery(let delivery):
                // What was prefetched over a connection that is gone comes again over the next.
                guard channel.isOpen else { continue }
                // The connection is cut, and all that is not acked comes again in the queue's order.
                guard await self.handle(delivery, channel) else { return .notHandled }
            case .stopped: return .stopped
            }
        }
        return .stopped
    }

    private func takeAtOnce(_ inputs: AsyncStream<Input>, _ channel: AMQPChannel) async -> End {
        await withDiscardingTaskGroup { group in
            for await input in inputs {
                switch input {
                case .delivery(let delivery):
                    group.addTask {
                        // Nothing else waits for it: it goes back to its queue, and its time to live ends it.
                        if await !self.handle(delivery, channel) {
                            // Cancelled: the connection is gone, and the delivery with it.
                            try? await Task.sleep(for: Self.pause)
                            channel.nack(delivery.deliveryTag, requeue: true)
                        }
                    }
                case .stopped: return
                }
            }
        }
        return .stopped
    }

    private func reportLoss(_ reason: String) {
        self.onState(reason)
        self.logger.info(
            "a queue's reader was cut off", metadata: ["broker.queue": "\(self.queue)", "error": "\(reason)"])
    }
}
