package import NIOCore
import NIOWebSocket

/// Turns a server's gateway messages into WebSocket frames: text, or binary of one compressed stream. A connection
/// has one; another makes the bytes that ``GatewayConnection/sendPrecompressed(_:)`` replays.
package final class MessageEncoder {
    private let stream: (any StreamDeflater)?
    private var compressed = ByteBuffer()

    private static let usualCapacity = 128 << 10

    package init(_ compression: GatewayCompression) throws(GatewayError) {
        switch compression {
        case .none: self.stream = nil
        case .zlibStream: self.stream = try ZlibDeflater()
        case .zstdStream: self.stream = try ZstdCompressor()
        }
    }

    /// Appends the frame of one message. After an error the stream is broken and the connection must end.
    package func encode(_ message: ByteBuffer, into frames: inout ByteBuffer) throws(GatewayError) {
        guard let stream else {
            frames.writeFrame(.text, payload: message)
            return
        }
        self.compressed.clear(minimumCapacity: 4096)
        try message.withUnsafeReadableBytes { (bytes) throws(GatewayError) in
            var input = bytes
            while true {
                var progress = StreamProgress(consumed: 0, produced: 0, needsRoom: false)
                try self.compressed.writeWithUnsafeMutableBytes(minimumWritableBytes: 1024) {
                    (room) throws(GatewayError) in
                    progress = try stream.deflate(input, into: room)
                    return progress.produced
                }
                input = UnsafeRawBufferPointer(rebasing: input.dropFirst(progress.consumed))
                guard !input.isEmpty || progress.needsRoom else { return }
            }
        }
        frames.writeFrame(.binary, payload: self.compressed)
        if self.compressed.capacity > 8 * Self.usualCapacity { self.compressed = ByteBuffer() }
    }
}
