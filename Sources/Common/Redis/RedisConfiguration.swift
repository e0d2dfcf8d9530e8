/// Where Redis is and how to speak to it. Printing one shows no password.
package struct RedisConfiguration: Sendable {
    package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        package var description: String {
            self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
        }
    }

    package struct TLS: Sendable {
        /// PEM file of the authorities to trust; `nil` trusts the system's.
        package var certificateAuthorityFile: String?
        /// The name to verify and to send as SNI; `nil` takes the host of the endpoint.
        package var serverName: String?

        package init(certificateAuthorityFile: String? = nil, serverName: String? = nil) {
            self.certificateAuthorityFile = certificateAuthorityFile
            self.serverName = serverName
        }
    }

    /// What is refused as a violation of the protocol, and what is refused as overload.
    package struct Limits: Sendable {
        /// Commands without an answer, those waiting for a connection and those given up by their caller included.
        package var outstandingCommands = 65_536
        /// Encoded bytes of those commands.
        package var outstandingBytes = 64 << 20
        /// Bytes of one reply.
        package var replyBytes = 64 << 20
        /// Values in one reply, nested ones included.
        package var replyElements = 1 << 20

        package init() {}
    }

    package var endpoints: [Endpoint]
    package var username: String?
    package var password: String?
    /// SELECTed after connecting when it is not 0. A cluster has database 0 only.
    package var database: Int
    package var tls: TLS?
    package var clientName: String?
    /// Whether `endpoints` are seeds of a cluster.
    package var isCluster = false
    /// Loaded into each new connection's server, so that the first call needs no second round trip.
    package var scripts: [RedisScript] = []
    package var limits = Limits()

    /// Default deadline of a command or pipeline.
    package var commandTimeout: Duration = .seconds(2)
    /// For the TCP connection, TLS and the first commands together.
    package var connectTimeout: Duration = .seconds(5)
    /// A connection that owes an answer and has been silent for this long is cut. An idle one is pinged this often.
    package var silenceLimit: Duration = .seconds(10)
    package var backoff = ReconnectBackoff()

    package init(
        endpoints: [Endpoint], username: String? = nil, password: String? = nil, database: Int = 0, tls: TLS? = nil
    ) {
        self.endpoints = endpoints
        self.username = username
        self.password = password
        self.database = database
        self.tls = tls
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomReflectable {
    package var description: String {
        let scheme = self.tls == nil ? "redis" : "rediss"
        let user = self.password == nil ? "" : "\(self.username ?? ""):***@"
        return "\(scheme)://\(user)\(self.endpoints.map(\.description).joined(separator: ","))/\(self.database)"
    }

    package var customMirror: Mirror { Mirror(self, children: ["url": self.description]) }
}
