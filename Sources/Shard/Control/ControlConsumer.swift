import AMQP
import ClusterAPI
import ControlAPI
import Logging
import ServiceLifecycle
import Synchronization

/// Takes workers' commands from this member's queue to the slots, and keeps the queue bound for those that run here.
///
/// It has a channel of its own: what goes wrong here does not touch the publishing of events.
final class ControlConsumer: Service {
    private struct State {
        var connection: AMQPConnection?
        var bindings = ControlBindings()
        /// The channel that a queue is consumed through.
        var channel: AMQPChannel?
        var consumed: String?
        /// Set by the broker's word that the queue is gone, or the channel.
        var isCancelled = false
    }

    private struct Target {
        let connection: AMQPConnection
        let queue: String
    }

    /// Bindings that are asked for at once.
    private static let mostAtOnce = 32
    private static let backoff = AMQPBackoff(base: .milliseconds(500), cap: .seconds(5))

    private let names: ControlNames
    private let loops: [ShardLoop]
    private let replies: ControlReplies
    private let logger: Logger
    private let state = Mutex(State())
    private let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation

    init(names: ControlNames, loops: [ShardLoop], replies: ControlReplies, logger: Logger) {
        self.names = names
        self.loops = loops
        self.replies = replies
        self.logger = logger
        (self.changes, self.change) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: What happens

    func brokerConnected(_ connection: AMQPConnection) { self.alter { $0.connection = connection } }
    func brokerLost() { self.alter { $0.connection = nil } }

    /// The queue of this member's life; `nil`: it has none.
    func use(queue: String?) { self.alter { $0.bindings.use(queue: queue) } }

    func started(_ slot: Slot) { self.alter { $0.bindings.started(slot) } }
    func ended(_ slot: Slot) { self.alter { $0.bindings.ended(slot) } }

    private func alter(_ body: (inout State) -> Void) {
        self.state.withLock { state in
            body(&state)
        }
        self.change.yield()
    }

    // MARK: What is done

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.changes { await self.synchronise() }
        }
    }

    /// Makes what the broker has equal to what is wanted.
    private func synchronise() async {
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        while !Task.isCancelled {
            do throws(AMQPError) {
                return try await self.attempt()
            } catch {
                failures += 1
                await self.leaveChannel()
                // A connection that is lost, or a life that is over, tells itself in a moment.
                self.logger.log(
                    level: failures == 3 || failures % 20 == 0 ? .warning : .debug, "can't take commands",
                    metadata: ["broker.error": "\(error)"])
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: Self.backoff.delay(attempt: failures, using: &generator))
            }
        }
    }

    private func attempt() async throws(AMQPError) {
        let (target, current) = self.state.withLock { state -> (Target?, AMQPChannel?) in
            guard let connection = state.connection, let queue = state.bindings.queue else { return (nil, nil) }
            let isGood = state.consumed == queue && !state.isCancelled && state.channel?.isOpen == true
            return (Target(connection: connection, queue: queue), isGood ? state.channel : nil)
        }
        guard let target else { return await self.leaveChannel() }
        let channel: AMQPChannel
        if let current {
            channel = current
        } else {
            await self.leaveChannel()
            channel = try await self.open(target)
        }
        while true {
            let changes = self.state.withLock { state in
                state.bindings.queue == target.queue ? state.bindings.changes.prefix(Self.mostAtOnce) : []
            }
            guard !changes.isEmpty else { return }
            try await self.make(Array(changes), target.queue, channel)
        }
    }

    private func open(_ target: Target) async throws(AMQPError) -> AMQPChannel {
        let channel = try await target.connection.openChannel(delegate: self.replies)
        self.state.withLock { state in
            state.channel = channel
            state.consumed = target.queue
            state.isCancelled = false
            state.bindings.channelOpened()
        }
        self.replies.use(channel)
        // Nothing is acked: a command that is lost with the process has a deadline.
        try await channel.consume(
            target.queue, noAck: true,
            onCancel: { [weak self] _ in self?.cancelled(channel) },
            onDelivery: { [weak self] in self?.received($0) })
        return channel
    }

    private func cancelled(_ channel: AMQPChannel) {
        self.alter { state in
            if state.channel === channel { state.isCancelled = true }
        }
    }

    private func leaveChannel() async {
        let channel = self.state.withLock { $0.channel.take() }
        guard let channel else { return }
        self.replies.use(nil)
        await channel.close()
    }

    private func make(
        _ changes: [ControlBindings.Change], _ queue: String, _ channel: AMQPChannel
    ) async throws(AMQPError) {
        let exchange = self.names.requests
        let outcomes = await withTaskGroup(of: (ControlBindings.Change, AMQPError?).self) { group in
            for change in changes {
                group.addTask {
                    do throws(AMQPError) {
                        switch change {
                        case .bind(let slot):
                            try await channel.bindQueue(
                                queue, to: exchange, routingKey: ControlNames.routingKey(of: slot))
                        case .unbind(let slot):
                            try await channel.unbindQueue(
                                queue, from: exchange, routingKey: ControlNames.routingKey(of: slot))
                        }
                        return (change, nil)
                    } catch {
                        return (change, error)
                    }
                }
            }
            var outcomes: [(ControlBindings.Change, AMQPError?)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        self.state.withLock { state in
            guard state.bindings.queue == queue else { return }
            for (change, error) in outcomes where error == nil { state.bindings.done(change) }
        }
        if let error = outcomes.lazy.compactMap(\.1).first { throw error }
    }

    // MARK: Commands

    /// On the connection's event loop.
    private func received(_ delivery: AMQPDelivery) {
        let requester = ControlRequester(
            replyTo: delivery.properties.replyTo, correlationID: delivery.properties.correlationID)
        guard let slot = ControlNames.slot(routingKey: delivery.routingKey) else {
            let problem = ControlProblem(.badRequest, "the routing key names no slot: application.generation.shard")
            return self.replies.answer(.error(problem), to: requester)
        }
        do throws(ControlProblem) {
            let request = try ControlRequest(decoding: delivery.body)
            self.loops.loop(of: slot).received(request, for: slot, from: requester)
        } catch {
            self.replies.answer(.error(error), to: requester)
        }
    }
}
