import CZlib

/// zlib (RFC 1950) deflating of one endless stream, flushed with Z_SYNC_FLUSH.
final class ZlibDeflater: StreamDeflater {
    /// On the heap: zlib's state points back at the stream and refuses one that moved.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter level: 1 (fastest) to 9 (smallest).
    init(level: Int = 1) throws(GatewayError) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        guard flotilla_deflate_init(self.stream, Int32(clamping: level)) == Z_OK else {
            throw GatewayError(.internalFailure, "zlib cannot make a deflate stream of level \(level)")
        }
    }

    deinit {
        deflateEnd(self.stream)
        self.stream.deallocate()
    }

    func deflate(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(GatewayError) -> StreamProgress {
        let offered = UInt32(clamping: input.count)
        let room = UInt32(clamping: output.count)
        self.stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        )
        self.stream.pointee.avail_in = offered
        self.stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        self.stream.pointee.avail_out = room
        let result = CZlib.deflate(self.stream, Z_SYNC_FLUSH)
        // A flush that ended exactly with the room is followed by Z_BUF_ERROR: nothing was left.
        guard result == Z_OK || result == Z_BUF_ERROR else {
            throw GatewayError(.internalFailure, "zlib cannot deflate: code \(result)")
        }
        return StreamProgress(
            consumed: Int(offered - self.stream.pointee.avail_in),
            produced: Int(room - self.stream.pointee.avail_out),
            needsRoom: self.stream.pointee.avail_out == 0
        )
    }
}
