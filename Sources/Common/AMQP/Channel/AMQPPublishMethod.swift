import NIOCore

/// The last basic.publish frame of a channel: most publishes go where the one before went.
struct AMQPPublishMethod {
    private var exchange = ""
    private var routingKey = ""
    private var mandatory = false
    private var frame = ByteBuffer()

    mutating func write(
        _ message: AMQPMessage, channel: UInt16, encoder: AMQPFrameEncoder, into buffer: inout ByteBuffer
    ) throws(AMQPError) {
        if self.frame.readableBytes == 0 || message.routingKey != self.routingKey || message.exchange != self.exchange
            || message.mandatory != self.mandatory
        {
            self.frame.clear()
            try encoder.write(
                .basicPublish(exchange: message.exchange, routingKey: message.routingKey, mandatory: message.mandatory),
                channel: channel,
                into: &self.frame
            )
            self.exchange = message.exchange
            self.routingKey = message.routingKey
            self.mandatory = message.mandatory
        }
        buffer.writeImmutableBuffer(self.frame)
    }
}
