/// Hears what happens on a channel: every call on its event loop, in order. The channel holds its delegate until
/// `closed`.
package protocol AMQPChannelDelegate: AnyObject, Sendable {
    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel)
    /// The bytes waiting for the socket fell below half the bound after having reached it (true), or reached it
    /// (false).
    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel)
    /// Exactly once, last. nil: closed by us. The settlements that have not come by now never will.
    func closed(_ error: AMQPError?, on channel: AMQPChannel)
}

extension AMQPChannelDelegate {
    package func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {}
}

/// Hears what happens to a connection: every call on its event loop, in order.
package protocol AMQPConnectionDelegate: AnyObject, Sendable {
    /// The broker takes no publishes for now, such as for lack of memory or disk. They wait, up to the bound.
    func blocked(reason: String, on connection: AMQPConnection)
    func unblocked(_ connection: AMQPConnection)
    /// Exactly once, last, for each connection that was open. nil: closed by us.
    func closed(_ error: AMQPError?, on connection: AMQPConnection)
}
