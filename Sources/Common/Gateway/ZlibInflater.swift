import CZlib

/// zlib (RFC 1950) inflating of one endless stream.
final class ZlibInflater: StreamInflater {
    /// On the heap: zlib's state points back at the stream and refuses one that moved.
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws(GatewayError) {
        self.stream = .allocate(capacity: 1)
        self.stream.initialize(to: z_stream())
        guard flotilla_inflate_init(self.stream) == Z_OK else {
            throw GatewayError(.internalFailure, "zlib has no memory for an inflate stream")
        }
    }

    deinit {
        inflateEnd(self.stream)
        self.stream.deallocate()
    }

    func inflate(
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
        let result = CZlib.inflate(self.stream, Z_SYNC_FLUSH)
        let progress = StreamProgress(
            consumed: Int(offered - self.stream.pointee.avail_in),
            produced: Int(room - self.stream.pointee.avail_out),
            needsRoom: self.stream.pointee.avail_out == 0
        )
        switch result {
        case Z_OK:
            return progress
        case Z_BUF_ERROR where progress.consumed == Int(offered):
            return progress
        case Z_STREAM_END:
            throw GatewayError(.corruptStream, "the zlib stream ended before the connection did")
        case Z_MEM_ERROR:
            throw GatewayError(.internalFailure, "zlib has no memory to inflate")
        default:
            let detail = self.stream.pointee.msg.map { String(cString: $0) } ?? "code \(result)"
            throw GatewayError(.corruptStream, "the zlib stream is corrupt: \(detail)")
        }
    }
}
