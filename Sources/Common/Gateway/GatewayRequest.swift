package import NIOCore

/// What a client asked for when it opened a connection to a ``GatewayServer``.
package struct GatewayRequest: Sendable {
    /// `v`; nil when absent or not a number.
    package let version: Int?
    /// `encoding`; nil when absent.
    package let encoding: String?
    /// `compress`; none when absent or unknown, see `query`.
    package let compression: GatewayCompression
    package let path: String
    /// Percent-decoded; of a repeated name the last value.
    package let query: [String: String]
    /// The Origin header, which browsers send.
    package let origin: String?
    package let userAgent: String?
    package let remoteAddress: SocketAddress?
}

/// Whether a ``GatewayServer`` upgrades a request.
package enum GatewayAdmission: Sendable, Equatable {
    case accept
    /// Answers this HTTP status (400 to 599) in place of the upgrade.
    case refuse(status: Int, message: String)
}
