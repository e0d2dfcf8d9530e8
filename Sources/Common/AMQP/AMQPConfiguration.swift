/// Where the broker is, who we are, and the bounds of a connection.
package struct AMQPConfiguration: Sendable {
    package struct TLS: Sendable {
        package enum Verification: Sendable {
            case full, withoutHostname, none
        }

        /// PEM file; nil: the system's authorities.
        package var authorityFile: String?
        package var verification: Verification = .full
        /// The name in the certificate where it is not the host's.
        package var serverName: String?
        /// PEM files of a client certificate chain and its key.
        package var certificateFile: String?
        package var privateKeyFile: String?

        package init() {}
    }

    package var host: String
    package var port: Int
    package var virtualHost: String
    package var user: String
    var password: AMQPPassword
    /// nil: no TLS.
    package var tls: TLS?
    /// Shown in the broker's list of connections.
    package var connectionName = "flotilla"
    /// What we ask for; the smaller of ours and the broker's counts. Zero switches heartbeats off.
    package var heartbeat: Duration = .seconds(10)
    /// Bytes of one frame with its header and end, at least 4,096.
    package var frameMax = 131_072
    package var channelMax: UInt16 = 2_047
    /// For DNS, TCP, TLS and the AMQP handshake together.
    package var connectTimeout: Duration = .seconds(10)
    package var operationTimeout: Duration = .seconds(10)
    /// Bytes of the largest message that is taken from the broker; a larger one closes the connection.
    package var maximumMessageSize = 16 * 1_024 * 1_024
    /// Bytes that may wait for the socket; past that, publishing throws `.backpressure`.
    package var maximumPendingBytes = 16 * 1_024 * 1_024
    /// Publishes of one channel that may wait for their confirms; past that, publishing throws `.backpressure`.
    package var maximumUnconfirmed = 65_536

    package init(
        host: String, port: Int = 5_672, virtualHost: String = "/", user: String, password: String, tls: TLS? = nil
    ) {
        self.host = host
        self.port = port
        self.virtualHost = virtualHost
        self.user = user
        self.password = AMQPPassword(password)
        self.tls = tls
    }

    package mutating func setPassword(_ password: String) { self.password = AMQPPassword(password) }
}

/// A password that does not show itself in logs, dumps and errors.
struct AMQPPassword: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String
    init(_ value: String) { self.value = value }
    var description: String { "***" }
    var debugDescription: String { "***" }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}
