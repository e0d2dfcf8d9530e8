import NIOCore

extension AMQPChannel {
    /// How many unacked deliveries each later consumer of this channel may hold. Zero: no bound.
    package func setPrefetch(_ count: UInt16) async throws(AMQPError) {
        _ = try await self.request(.basicQos(prefetchCount: count), .done(.qos))
    }

    /// Deliveries come on the event loop, in order; the handler must not block.
    ///
    /// - Parameters:
    ///   - consumerTag: empty: the broker chooses one.
    ///   - onCancel: called once, when deliveries end; nil: because we asked for it.
    /// - Returns: the consumer tag. The first deliveries may come before it does.
    @discardableResult
    package func consume(
        _ queue: String,
        consumerTag: String = "",
        noAck: Bool = false,
        exclusive: Bool = false,
        arguments: AMQPTable = [:],
        onCancel: @escaping @Sendable (AMQPError?) -> Void = { _ in },
        onDelivery: @escaping @Sendable (AMQPDelivery) -> Void
    ) async throws(AMQPError) -> String {
        let answer = try await self.request(
            .basicConsume(queue, consumerTag: consumerTag, noAck: noAck, exclusive: exclusive, arguments: arguments),
            .consumeOk,
            consumer: AMQPChannelCore.Consumer(onDelivery: onDelivery, onCancel: onCancel)
        )
        guard case .method(.basicConsumeOk(let consumerTag)) = answer else { throw Self.otherAnswer }
        return consumerTag
    }

    /// Consumes into a sequence that holds at most `prefetch` deliveries, for each must be acked before the broker
    /// sends another. Sets the channel's prefetch. What is left unacked goes back to the queue when the channel is
    /// closed.
    ///
    /// - Parameter prefetch: at least 1.
    package func deliveries(
        of queue: String,
        prefetch: UInt16,
        consumerTag: String = "",
        exclusive: Bool = false,
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) -> AMQPDeliveries {
        guard prefetch > 0 else { throw AMQPError(.invalidArgument, "a sequence of deliveries needs a prefetch") }
        try await self.setPrefetch(prefetch)
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: AMQPDelivery.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(Int(prefetch)))
        let tag = try await self.consume(
            queue,
            consumerTag: consumerTag,
            exclusive: exclusive,
            arguments: arguments,
            onCancel: { error in continuation.finish(throwing: error) },
            onDelivery: { delivery in
                if case .dropped = continuation.yield(delivery) {
                    continuation.finish(
                        throwing: AMQPError.protocolViolation("the broker sent more than the prefetch of \(prefetch)"))
                }
            }
        )
        return AMQPDeliveries(consumerTag: tag, stream: stream)
    }

    /// No delivery comes once it has returned.
    package func cancelConsumer(_ consumerTag: String) async throws(AMQPError) {
        _ = try await self.request(.basicCancel(consumerTag: consumerTag), .cancelOk)
    }

    /// Takes one message off the queue; nil: it is empty.
    package func get(_ queue: String, noAck: Bool = false) async throws(AMQPError) -> AMQPDelivery? {
        guard case .content(let content) = try await self.request(.basicGet(queue, noAck: noAck), .get) else {
            throw Self.otherAnswer
        }
        guard let content else { return nil }
        guard case .getOk(let deliveryTag, let redelivered, let exchange, let routingKey) = content.method else {
            throw Self.otherAnswer
        }
        return AMQPDelivery(
            consumerTag: "",
            deliveryTag: deliveryTag,
            redelivered: redelivered,
            exchange: exchange,
            routingKey: routingKey,
            properties: content.properties,
            body: content.body
        )
    }

    /// Any thread. It has no answer; on a closed channel nothing happens, for its deliveries went back to their queues.
    package func ack(_ deliveryTag: UInt64, multiple: Bool = false) {
        self.send(.basicAck(deliveryTag: deliveryTag, multiple: multiple))
    }

    /// As `ack`. Without `requeue` the message is dropped or dead-lettered, as its queue says.
    package func nack(_ deliveryTag: UInt64, multiple: Bool = false, requeue: Bool = true) {
        self.send(.basicNack(deliveryTag: deliveryTag, multiple: multiple, requeue: requeue))
    }

    /// As `nack`, for one delivery.
    package func reject(_ deliveryTag: UInt64, requeue: Bool) {
        self.send(.basicReject(deliveryTag: deliveryTag, requeue: requeue))
    }

    private func send(_ method: ClientMethod) {
        if self.eventLoop.inEventLoop {
            self.core.value.send(method)
        } else {
            self.eventLoop.execute { self.core.value.send(method) }
        }
    }
}

/// The deliveries of one consumer. Ends when the consumer is cancelled by us; throws `AMQPError` when the broker, the
/// channel or the connection ended it.
package struct AMQPDeliveries: AsyncSequence, Sendable {
    package typealias Element = AMQPDelivery

    package let consumerTag: String
    fileprivate let stream: AsyncThrowingStream<AMQPDelivery, any Error>

    package func makeAsyncIterator() -> AsyncThrowingStream<AMQPDelivery, any Error>.Iterator {
        self.stream.makeAsyncIterator()
    }
}
