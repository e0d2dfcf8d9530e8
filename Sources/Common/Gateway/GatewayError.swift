/// Why a gateway connection, listener or stream failed.
package struct GatewayError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        case invalidURL, invalidTLS
        /// The name did not resolve, or nobody took the TCP connection.
        case connectFailed
        case tlsFailed
        /// The server answered the upgrade with an HTTP status other than 101; see `status`.
        case upgradeRefused
        /// The upgrade's answer was not HTTP, or broke RFC 6455's handshake.
        case upgradeFailed
        case timedOut, cancelled
        case protocolViolation, invalidUTF8, messageTooBig
        /// A compressed stream was corrupt, truncated or wanted a larger window than allowed.
        case corruptStream
        case unsupportedData
        /// The peer read too slowly: more than the limit's bytes were waiting to be sent.
        case slowReader
        case listenFailed
        case internalFailure
    }

    package let code: Code
    package let message: String
    /// The HTTP status that refused the upgrade.
    package let status: Int?
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, status: Int? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.status = status
        self.underlying = underlying
    }

    package var description: String {
        let cause = self.underlying.map { ": \($0)" } ?? ""
        return "\(self.message)\(cause)"
    }

    /// What the peer is told in a close frame; nil when it is only cut off (RFC 6455, section 7.4.1).
    var closeCode: UInt16? {
        switch self.code {
        case .protocolViolation: 1002
        case .unsupportedData: 1003
        case .invalidUTF8, .corruptStream: 1007
        case .messageTooBig: 1009
        case .internalFailure: 1011
        case .invalidURL, .invalidTLS, .connectFailed, .tlsFailed, .upgradeRefused, .upgradeFailed, .timedOut,
            .cancelled, .slowReader, .listenFailed:
            nil
        }
    }
}
