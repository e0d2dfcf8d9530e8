package import NIOCore

/// A message to publish.
package struct AMQPMessage: Sendable {
    /// Empty for the default exchange, which routes to the queue named by `routingKey`.
    package var exchange: String
    package var routingKey: String
    package var properties: AMQPProperties
    package var body: ByteBuffer
    /// The broker returns the message when it reaches no queue. On a channel with confirms it carries its delivery
    /// tag in the header `AMQPMessage.publishTagHeader`, so that the return finds its publish.
    package var mandatory: Bool

    /// The broker does not say which publish a return belongs to; this header does.
    package static let publishTagHeader = "publish-tag"

    package init(
        exchange: String,
        routingKey: String,
        properties: AMQPProperties = AMQPProperties(),
        body: ByteBuffer,
        mandatory: Bool = false
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.properties = properties
        self.body = body
        self.mandatory = mandatory
    }
}

/// A message from a queue. Unless its consumer is `noAck`, it must be acked, nacked or rejected on its own channel.
package struct AMQPDelivery: Sendable {
    package let consumerTag: String
    package let deliveryTag: UInt64
    package let redelivered: Bool
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
    package let body: ByteBuffer
}

/// A mandatory message that reached no queue.
package struct AMQPReturn: Sendable {
    /// 312 no route, 313 no consumers.
    package let replyCode: UInt16
    package let replyText: String
    package let exchange: String
    package let routingKey: String
    package let properties: AMQPProperties
    package let body: ByteBuffer
}

/// What became of publishes on a channel with confirms, in the order the broker tells it.
package enum AMQPSettlement: Sendable {
    /// Taken. `multiple`: this tag and all unsettled tags below it.
    case ack(UInt64, multiple: Bool)
    /// Not taken. `multiple`: this tag and all unsettled tags below it.
    case nack(UInt64, multiple: Bool)
    /// Reached no queue. An `.ack` for the same tag follows all the same: the broker confirms what it returns. The
    /// tag is nil when the channel has no confirms.
    case returned(UInt64?, AMQPReturn)
}
