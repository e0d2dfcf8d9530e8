import CZstd

/// zstd (RFC 8878) inflating of one endless stream.
final class ZstdDecompressor: StreamInflater {
    private let context: OpaquePointer

    /// - Parameter windowLogMax: log2 of the largest window accepted, and so of the memory a peer may ask for.
    init(windowLogMax: Int) throws(GatewayError) {
        guard let context = ZSTD_createDCtx() else {
            throw GatewayError(.internalFailure, "zstd has no memory for a decompression context")
        }
        self.context = context
        let result = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(clamping: windowLogMax))
        guard ZSTD_isError(result) == 0 else {
            throw GatewayError(.internalFailure, "zstd does not take a window of 2^\(windowLogMax) bytes")
        }
    }

    deinit { ZSTD_freeDCtx(self.context) }

    func inflate(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(GatewayError) -> StreamProgress {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(self.context, &target, &source)
        guard ZSTD_isError(result) == 0 else {
            let detail = String(cString: ZSTD_getErrorName(result))
            throw GatewayError(.corruptStream, "the zstd stream is corrupt: \(detail)")
        }
        return StreamProgress(consumed: source.pos, produced: target.pos, needsRoom: target.pos == target.size)
    }
}
