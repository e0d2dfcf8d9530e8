import NIOCore

/// Cuts the broker's byte stream into frames, without copying payloads.
struct AMQPFrameDecoder {
    /// Bytes of the largest frame taken, with its header and end.
    var maximumFrameSize: Int
    private var unread = ByteBuffer()
    private var sawFrame = false

    init(maximumFrameSize: Int) { self.maximumFrameSize = maximumFrameSize }

    mutating func append(_ bytes: ByteBuffer) {
        if self.unread.readableBytes == 0 {
            self.unread = bytes
        } else {
            self.unread.discardReadBytes()
            self.unread.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole frame; nil: more bytes are needed.
    mutating func next() throws(AMQPError) -> AMQPFrame? {
        let start = self.unread.readerIndex
        guard let rawKind = self.unread.getInteger(at: start, as: UInt8.self) else { return nil }
        guard let kind = AMQPFrame.Kind(rawValue: rawKind) else {
            if !self.sawFrame, rawKind == UInt8(ascii: "A") {
                throw .protocolViolation("the broker refuses AMQP 0-9-1 or speaks another version of it")
            }
            throw .protocolViolation("unknown frame type \(rawKind)", replyCode: 501)
        }
        guard let channel = self.unread.getInteger(at: start + 1, as: UInt16.self),
            let length = self.unread.getInteger(at: start + 3, as: UInt32.self)
        else { return nil }
        let size = Int(length) + AMQPFrame.overhead
        guard size <= self.maximumFrameSize else {
            throw .protocolViolation("a frame of \(size) bytes, \(self.maximumFrameSize) are agreed", replyCode: 501)
        }
        guard self.unread.readableBytes >= size else { return nil }
        guard self.unread.getInteger(at: start + size - 1, as: UInt8.self) == AMQPFrame.end,
            let payload = self.unread.getSlice(at: start + 7, length: Int(length))
        else { throw .protocolViolation("a frame without its end octet", replyCode: 501) }
        self.unread.moveReaderIndex(forwardBy: size)
        self.sawFrame = true
        return AMQPFrame(kind: kind, channel: channel, payload: payload)
    }
}
