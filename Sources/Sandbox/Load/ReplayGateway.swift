package import Discord
package import Gateway
package import NIOCore
package import Runtime

/// A gateway for measuring what takes its events: after READY each session gets MESSAGE_CREATE events of one size, as
/// fast as its client reads them or at a rate, with rising sequence numbers. They are compressed once, at the start,
/// so that one core feeds more than a client can take. Heartbeats are answered and sessions can be resumed; intents,
/// identify limits and commands have no meaning here, and READY lists no guilds.
///
/// An event's `id` is unique for each session and sequence number, and its `nonce` is the moment at which it was handed
/// to the socket: 19 digits, `NIODeadline.uptimeNanoseconds` of this machine.
package final class ReplayGateway: Sendable {
    package struct Options: Sendable {
        /// Events of a session after READY; `nil`: without end.
        package var events: Int?
        /// Of each session, sent one by one; `nil`: as fast as the client reads, in cycles of 512.
        package var eventsPerSecond: Int?
        /// Of each message, its envelope included; 1,000 to 65,536.
        package var eventBytes = 1024
        /// Whose events they are; 200 guilds, one after another in shards and lanes, unless set.
        package var guilds = (0..<200 as Range<UInt64>).map { Snowflake(rawValue: (214_576_721_191 + $0) << 22) }
        package var seed: UInt64 = 1
        package var heartbeatInterval: Duration = .milliseconds(41_250)
        /// What clients have to show; `nil`: anything.
        package var token: Secret?
        package var applicationID = SandboxSettings.applicationID

        package init(events: Int? = nil, eventsPerSecond: Int? = nil) {
            self.events = events
            self.eventsPerSecond = eventsPerSecond
        }
    }

    /// Since the start.
    package struct Counters: Sendable, Equatable {
        package var connections = 0
        package var openConnections = 0
        package var identifies = 0
        package var resumes = 0
        package var refusedResumes = 0
        package var heartbeats = 0
        /// Handed to sockets, repeats included.
        package var eventsSent = 0
    }

    package let host: String
    package let port: Int
    package var url: String { "ws://\(self.host):\(self.port)" }
    package var counters: Counters { self.source.counters }

    private let source: ReplaySource
    private let server: GatewayServer

    private init(host: String, source: ReplaySource, server: GatewayServer) {
        self.host = host
        self.port = server.port
        self.source = source
        self.server = server
        source.setURL(self.url)
    }

    /// Listens; returns once clients can connect.
    ///
    /// - Parameter port: 0 takes a free one.
    /// - Throws: `listenFailed`.
    package static func start(
        host: String = "127.0.0.1", port: Int = 0, options: Options = Options(), group: any EventLoopGroup
    ) async throws(GatewayError) -> ReplayGateway {
        let source = try ReplaySource(options)
        let server = try await GatewayServer.start(host: host, port: port, limits: Self.limits, group: group) {
            connection, _ in source.accept(connection) { source.url }
        }
        return ReplayGateway(host: host, source: source, server: server)
    }

    /// A cycle and the replay of a RESUME fit many times.
    static var limits: GatewayLimits {
        var limits = GatewayLimits.server
        limits.maxUnsentBytes = 64 << 20
        return limits
    }

    /// Stops listening and cuts all connections.
    package func close() async { await self.server.close() }
}
