import NIOCore

/// Turns the binary messages of one compressed connection into gateway messages.
///
/// It inflates a batch of messages into one reused buffer and then hands out slices of it: a slice that someone still
/// holds would make every later write to that buffer copy it. The buffer is its thread's while nothing is in it.
final class MessageInflater {
    /// One struct, so that each call checks for exclusive access once, and not for each property that it touches.
    private var messages: InflatedMessages

    /// Nil when the connection isn't compressed.
    init?(_ compression: GatewayCompression, limits: GatewayLimits) throws(GatewayError) {
        let stream: any StreamInflater
        switch compression {
        case .none: return nil
        case .zlibStream: stream = try ZlibInflater()
        case .zstdStream: stream = try ZstdDecompressor(windowLogMax: limits.zstdWindowLogMax)
        }
        self.messages = InflatedMessages(
            stream: stream, endsWithFlushMarker: compression == .zlibStream, maxMessageBytes: limits.maxMessageBytes)
    }

    /// Bytes of the messages that `next()` will give.
    var readyBytes: Int { self.messages.readyBytes }

    /// Bytes inflated and not yet taken, those of an unfinished message included.
    var bufferedBytes: Int { self.messages.bufferedBytes }

    /// Inflates the payload of one binary WebSocket message.
    ///
    /// With zlib-stream a message may come in several of them and ends where the bytes so far end in 00 00 FF FF; with
    /// zstd-stream each is one message.
    func append(_ payload: ByteBuffer) throws(GatewayError) { try self.messages.append(payload) }

    /// The next message that is ready.
    func next() -> ByteBuffer? { self.messages.next() }

    /// Nothing more comes for now: what is empty is given back.
    func rest() { self.messages.rest() }
}

private struct InflatedMessages {
    private let stream: any StreamInflater
    private let endsWithFlushMarker: Bool
    private let maxMessageBytes: Int
    private var output = ByteBuffer()
    /// Where the messages that are ready end in `output`, and how many of them were taken.
    private var ends: [Int] = []
    private var taken = 0
    private var messageStart = 0
    /// The last four compressed bytes, big endian; the flush marker may lie across two frames.
    private var tail: UInt32 = .max

    private static let flushMarker: UInt32 = 0x0000_FFFF

    init(stream: any StreamInflater, endsWithFlushMarker: Bool, maxMessageBytes: Int) {
        self.stream = stream
        self.endsWithFlushMarker = endsWithFlushMarker
        self.maxMessageBytes = maxMessageBytes
    }

    var readyBytes: Int { self.messageStart - self.output.readerIndex }
    var bufferedBytes: Int { self.output.readableBytes }

    mutating func append(_ payload: ByteBuffer) throws(GatewayError) {
        if self.output.capacity == 0 {
            self.output = SpareBuffer.take()
        } else if self.taken == self.ends.count {
            self.recycle()
        }
        try payload.withUnsafeReadableBytes { (bytes) throws(GatewayError) in try self.inflate(bytes) }
        if self.endsWithFlushMarker {
            for byte in payload.readableBytesView.suffix(4) { self.tail = self.tail << 8 | UInt32(byte) }
            guard self.tail == Self.flushMarker else { return }
            self.tail = .max
        }
        guard self.output.writerIndex > self.messageStart else {
            throw GatewayError(.corruptStream, "a compressed message is empty or truncated")
        }
        self.ends.append(self.output.writerIndex)
        self.messageStart = self.output.writerIndex
    }

    mutating func next() -> ByteBuffer? {
        guard self.taken < self.ends.count else { return nil }
        let end = self.ends[self.taken]
        self.taken += 1
        return self.output.readSlice(length: end - self.output.readerIndex)
    }

    mutating func rest() {
        guard self.taken == self.ends.count, self.output.readableBytes == 0, self.output.capacity > 0 else { return }
        self.ends.removeAll(keepingCapacity: true)
        self.taken = 0
        self.messageStart = 0
        var output = ByteBuffer()
        swap(&output, &self.output)
        SpareBuffer.giveBack(output)
    }

    private mutating func inflate(_ bytes: UnsafeRawBufferPointer) throws(GatewayError) {
        var input = bytes
        let stream = self.stream
        while true {
            // One byte past the limit is enough to see that it is passed.
            let allowance = self.maxMessageBytes - (self.output.writerIndex - self.messageStart) + 1
            var progress = StreamProgress(consumed: 0, produced: 0, needsRoom: false)
            try self.output.writeWithUnsafeMutableBytes(minimumWritableBytes: min(allowance, 4096)) {
                (room) throws(GatewayError) in
                progress = try stream.inflate(input, into: .init(rebasing: room.prefix(allowance)))
                return progress.produced
            }
            guard self.output.writerIndex - self.messageStart <= self.maxMessageBytes else {
                throw GatewayError(.messageTooBig, "a message inflates to more than \(self.maxMessageBytes) bytes")
            }
            input = UnsafeRawBufferPointer(rebasing: input.dropFirst(progress.consumed))
            guard !input.isEmpty || progress.needsRoom else { return }
        }
    }

    /// Every message is taken: the buffer begins again, keeping only the message that is still coming in.
    private mutating func recycle() {
        self.ends.removeAll(keepingCapacity: true)
        self.taken = 0
        let unfinished = self.output.readableBytes > 0 ? self.output.slice() : nil
        if unfinished == nil, self.output.capacity > 8 * SpareBuffer.capacity {
            self.output = SpareBuffer.take()
        } else if unfinished == nil || self.output.readerIndex > 0 {
            self.output.clear(minimumCapacity: SpareBuffer.capacity)
            if let unfinished { self.output.writeImmutableBuffer(unfinished) }
        }
        self.messageStart = 0
    }
}
