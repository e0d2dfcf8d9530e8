package import NIOCore

/// Hears one connection's messages. Every call is made on the connection's event loop, in the order of the stream.
package protocol GatewayConnectionDelegate: AnyObject, Sendable {
    /// One whole message, inflated. It may be a slice of a larger buffer, which stays in memory as long as the slice.
    func received(_ message: ByteBuffer, on connection: GatewayConnection)

    /// The connection is over: called exactly once, and last. Never from inside a call of the connection's own methods,
    /// so that they may be called under a lock that this takes.
    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection)

    /// The socket takes bytes again, or no longer does; see ``GatewayConnection/isWritable``. By default ignored.
    func writabilityChanged(on connection: GatewayConnection)
}

extension GatewayConnectionDelegate {
    package func writabilityChanged(on connection: GatewayConnection) {}
}
