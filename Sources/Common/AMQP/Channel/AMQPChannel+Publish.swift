import NIOCore

extension AMQPChannel {
    /// From here on the broker confirms each publish of this channel.
    package func selectConfirms() async throws(AMQPError) {
        _ = try await self.request(.confirmSelect, .done(.confirmSelect))
    }

    /// Publishes in order; all that is published in one turn of the event loop leaves in one write. The channel's
    /// delegate hears what becomes of it. On the channel's event loop only.
    ///
    /// - Returns: the delivery tag of the first (the others follow by ones), 0 without confirms.
    /// - Throws: `.backpressure`, `.channelClosed`, `.connectionClosed`, `.invalidArgument`; then none of them was
    ///   sent.
    @discardableResult
    package func publish(_ messages: [AMQPMessage]) throws(AMQPError) -> UInt64 {
        try self.core.value.publish(messages)
    }

    /// Publishes and waits until the broker has settled all of them. Any thread; selects confirms first where needed.
    ///
    /// - Parameter timeout: nil: the operation timeout.
    /// - Throws: also `.nacked` and `.returned`, for the first of the messages that failed; the others may have been
    ///   taken.
    package func publishConfirmed(_ messages: [AMQPMessage], timeout: Duration? = nil) async throws(AMQPError) {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.eventLoop.execute {
            self.core.value.publishConfirmed(messages, timeout: timeout.map { TimeAmount($0) }, promise: promise)
        }
        try await promise.futureResult.outcome().get()
    }

    package func publishConfirmed(_ message: AMQPMessage, timeout: Duration? = nil) async throws(AMQPError) {
        try await self.publishConfirmed([message], timeout: timeout)
    }
}
