/// How a connection ended.
package enum GatewayCloseReason: Sendable {
    /// The peer sent a close frame; `code` is nil when it held none (RFC 6455 calls that 1005).
    case peer(code: UInt16?, reason: String)
    /// We closed it with this code. `isAnswered`: the peer has sent it back.
    case local(code: UInt16, isAnswered: Bool)
    /// TCP ended without a close frame (RFC 6455 calls that 1006): the peer went away, or we called `drop()`.
    case dropped((any Error)?)
    /// The peer broke a rule or a limit; it was told a close code where one fits.
    case failed(GatewayError)
}
