/// Why the broker refused or lost an operation, or why one was never sent.
package struct AMQPError: Error, Sendable {
    package enum Code: Sendable, Equatable {
        /// A URL, a name or an argument that can't be sent as it is.
        case invalidArgument
        /// The broker could not be reached: DNS, TCP or TLS.
        case connectFailed
        /// User, password or virtual host refused (403, 530), on connecting.
        case accessRefused
        /// The connection is gone: closed by the broker (see `replyCode`), cut, or closed by us.
        case connectionClosed
        /// The broker sent nothing for two heartbeat intervals.
        case heartbeatMissed
        /// The channel is gone: closed by the broker (see `replyCode`) or by us. Its connection may live on.
        case channelClosed
        /// The broker did not answer in time. The operation may have taken effect.
        case timedOut
        /// The broker sent bytes that are not AMQP 0-9-1, or more than was agreed.
        case protocolViolation
        /// A publish was nacked: the broker did not take the message.
        case nacked
        /// A mandatory publish reached no queue (see `replyCode`: 312 no route, 313 no consumers).
        case returned
        /// Too many bytes wait for the socket, or too many publishes for their confirms: try again later.
        case backpressure
        /// The broker ended the consumer, such as when its queue was deleted.
        case consumerCancelled
        /// All channel numbers of the connection are taken.
        case noChannelLeft
    }

    package let code: Code
    /// What was attempted and what came of it; never a credential or a message body.
    package let message: String
    /// AMQP's, such as 404 for an unknown exchange; nil when the broker sent none.
    package let replyCode: UInt16?
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, replyCode: UInt16? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.replyCode = replyCode
        self.underlying = underlying
    }
}

extension AMQPError: CustomStringConvertible {
    package var description: String {
        var text = "AMQP \(self.code): \(self.message)"
        if let replyCode = self.replyCode { text += " (reply code \(replyCode))" }
        if let underlying = self.underlying { text += " (caused by: \(underlying))" }
        return text
    }
}

extension AMQPError: Equatable {
    /// Underlying errors are not compared.
    package static func == (left: AMQPError, right: AMQPError) -> Bool {
        left.code == right.code && left.replyCode == right.replyCode && left.message == right.message
    }
}

extension AMQPError {
    static func protocolViolation(_ message: String, replyCode: UInt16? = nil) -> AMQPError {
        AMQPError(.protocolViolation, message, replyCode: replyCode)
    }
}
