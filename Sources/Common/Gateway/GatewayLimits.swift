/// The bounds of one side of a connection. Sizes are bytes.
package struct GatewayLimits: Sendable {
    /// The longest WebSocket frame taken in. Longer ones fail the connection with 1009.
    package var maxFrameBytes: Int
    /// The longest message taken in, after inflating. Longer ones fail the connection with 1009.
    package var maxMessageBytes: Int
    /// More bytes than this waiting to be sent drop the connection.
    package var maxUnsentBytes: Int
    /// log2 of the largest zstd window taken in, 10 to 27. RFC 8878 tells decoders to take at least 23 (8 MiB).
    package var zstdWindowLogMax: Int
    /// From our close frame, or our answer to the peer's, until TCP is cut.
    package var closeTimeout: Duration
    /// Server: from TCP accept to the end of the upgrade.
    package var upgradeTimeout: Duration
    /// Server: connections open at once, those in the handshake included. More are cut at accept.
    package var maxConnections: Int

    package init(
        maxFrameBytes: Int,
        maxMessageBytes: Int,
        maxUnsentBytes: Int = 16 << 20,
        zstdWindowLogMax: Int = 23,
        closeTimeout: Duration = .seconds(2),
        upgradeTimeout: Duration = .seconds(10),
        maxConnections: Int = 10_000
    ) {
        self.maxFrameBytes = maxFrameBytes
        self.maxMessageBytes = maxMessageBytes
        self.maxUnsentBytes = maxUnsentBytes
        self.zstdWindowLogMax = zstdWindowLogMax
        self.closeTimeout = closeTimeout
        self.upgradeTimeout = upgradeTimeout
        self.maxConnections = maxConnections
    }

    /// 16 MiB a frame, 64 MiB a message.
    package static let client = GatewayLimits(maxFrameBytes: 16 << 20, maxMessageBytes: 64 << 20)
    /// 64 KiB a frame and a message: more than Discord's 4096, so that the server itself can answer 4002.
    package static let server = GatewayLimits(maxFrameBytes: 64 << 10, maxMessageBytes: 64 << 10)
}
