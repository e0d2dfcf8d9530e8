import NIOCore

/// Puts a method, its header and its body frames together again.
struct AMQPContentAssembler {
    struct Content: Equatable, Sendable {
        let method: BrokerMethod.ContentMethod
        let properties: AMQPProperties
        let body: ByteBuffer
    }

    private enum State {
        case idle
        case header(BrokerMethod.ContentMethod)
        case body(BrokerMethod.ContentMethod, AMQPProperties, missing: Int, ByteBuffer)
    }

    /// Bytes of the largest body taken.
    let maximumMessageSize: Int
    private var state = State.idle

    init(maximumMessageSize: Int) { self.maximumMessageSize = maximumMessageSize }

    var isIdle: Bool {
        guard case .idle = self.state else { return false }
        return true
    }

    mutating func received(_ method: BrokerMethod.ContentMethod) throws(AMQPError) {
        guard self.isIdle else { throw .protocolViolation("a method in the middle of a message", replyCode: 505) }
        self.state = .header(method)
    }

    mutating func received(_ header: AMQPContentHeader) throws(AMQPError) -> Content? {
        guard case .header(let method) = self.state else {
            throw .protocolViolation("a content header without its method", replyCode: 505)
        }
        guard header.bodySize <= UInt64(self.maximumMessageSize) else {
            throw .protocolViolation(
                "a message of \(header.bodySize) bytes, at most \(self.maximumMessageSize) are taken", replyCode: 501)
        }
        guard header.bodySize > 0 else {
            self.state = .idle
            return Content(method: method, properties: header.properties, body: ByteBuffer())
        }
        self.state = .body(method, header.properties, missing: Int(header.bodySize), ByteBuffer())
        return nil
    }

    mutating func received(body piece: ByteBuffer) throws(AMQPError) -> Content? {
        guard case .body(let method, let properties, let missing, var body) = self.state else {
            throw .protocolViolation("a body frame without its header", replyCode: 505)
        }
        guard piece.readableBytes <= missing else {
            throw .protocolViolation("a body longer than its header says", replyCode: 501)
        }
        self.state = .idle
        if piece.readableBytes == missing, body.readableBytes == 0 {
            return Content(method: method, properties: properties, body: piece)
        }
        // What a header promises is not yet there: a liar must not make us take memory for it.
        if body.readableBytes == 0 { body.reserveCapacity(min(missing, 1_048_576)) }
        body.writeImmutableBuffer(piece)
        guard piece.readableBytes < missing else { return Content(method: method, properties: properties, body: body) }
        self.state = .body(method, properties, missing: missing - piece.readableBytes, body)
        return nil
    }
}
