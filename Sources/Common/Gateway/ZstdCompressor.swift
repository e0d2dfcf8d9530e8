import CZstd

/// zstd (RFC 8878) deflating of one endless stream, flushed and never ended.
final class ZstdCompressor: StreamDeflater {
    private let context: OpaquePointer

    /// A window of 256 KiB: gateway messages gain little from more, and a server pays this memory for each client.
    init(level: Int = 3, windowLog: Int = 18) throws(GatewayError) {
        guard let context = ZSTD_createCCtx() else {
            throw GatewayError(.internalFailure, "zstd has no memory for a compression context")
        }
        self.context = context
        let parameters: [(ZSTD_cParameter, Int)] = [
            (ZSTD_c_compressionLevel, level), (ZSTD_c_windowLog, windowLog),
            (ZSTD_c_hashLog, 16), (ZSTD_c_chainLog, 16),
        ]
        for (parameter, value) in parameters {
            let result = ZSTD_CCtx_setParameter(context, parameter, Int32(clamping: value))
            guard ZSTD_isError(result) == 0 else {
                throw GatewayError(.internalFailure, "zstd refuses level \(level) or window 2^\(windowLog)")
            }
        }
    }

    deinit { ZSTD_freeCCtx(self.context) }

    func deflate(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(GatewayError) -> StreamProgress {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let remaining = ZSTD_compressStream2(self.context, &target, &source, ZSTD_e_flush)
        guard ZSTD_isError(remaining) == 0 else {
            let detail = String(cString: ZSTD_getErrorName(remaining))
            throw GatewayError(.internalFailure, "zstd cannot compress: \(detail)")
        }
        return StreamProgress(consumed: source.pos, produced: target.pos, needsRoom: remaining > 0)
    }
}
