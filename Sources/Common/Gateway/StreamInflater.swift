/// What one step of inflating did.
struct StreamProgress: Equatable {
    var consumed: Int
    var produced: Int
    /// Whether output may be left although the input is used up: call again with more room.
    var needsRoom: Bool
}

/// One connection's inflate context. After an error it must not be used again.
protocol StreamInflater: AnyObject {
    /// Inflates from `input` into `output`, as far as either goes. `output` must not be empty.
    func inflate(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(GatewayError) -> StreamProgress
}

/// One connection's deflate context.
protocol StreamDeflater: AnyObject {
    /// Deflates from `input` into `output`; once `input` is used up, everything is flushed to the peer's reach.
    func deflate(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(GatewayError) -> StreamProgress
}
