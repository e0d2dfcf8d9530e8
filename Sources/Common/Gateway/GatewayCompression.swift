/// Transport compression of the server's messages. What a client sends is never compressed.
package enum GatewayCompression: String, Sendable, CaseIterable {
    case none
    case zlibStream = "zlib-stream"
    case zstdStream = "zstd-stream"
}
