import NIOCore
import Testing

@testable import AMQP

@Suite("Encoded headers")
struct EncodedHeadersTests {
    private func encoded() -> AMQPEncodedHeaders {
        var headers = AMQPEncodedHeaders()
        headers.append("count", -7)
        headers.append("name", "héllo")
        headers.append("empty", "")
        headers.append("traceparent", bytes: 3) { $0.writeString("abc") }
        return headers
    }

    /// What the peer's decoder makes of the content header frame.
    private func decode(
        _ properties: AMQPProperties, publishTag: UInt64? = nil, body: Int = 5
    ) throws -> AMQPContentHeader {
        let pool = AMQPCodecPool()
        let encoder = AMQPFrameEncoder(maximumFrameSize: 4_096, pool: pool)
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        try encoder.writeContent(
            properties, publishTag: publishTag, body: ByteBuffer(repeating: 0x78, count: body), channel: 3,
            into: &bytes)
        var decoder = AMQPFrameDecoder(maximumFrameSize: 4_096)
        decoder.append(bytes.current)
        let frame = try #require(try decoder.next())
        #expect(frame.kind == .header && frame.channel == 3)
        let content = try #require(try decoder.next())
        #expect(content.kind == .body && content.payload.readableBytes == body)
        return try AMQPContentHeaderDecoder(pool: pool).decode(frame.payload)
    }

    @Test func `They arrive as a table does`() throws {
        let header = try self.decode(
            AMQPProperties(contentType: "text/plain", encodedHeaders: self.encoded(), deliveryMode: .persistent))
        #expect(header.bodySize == 5)
        #expect(
            header.properties
                == AMQPProperties(
                    contentType: "text/plain",
                    headers: ["count": -7, "name": "héllo", "empty": "", "traceparent": "abc"],
                    deliveryMode: .persistent))
    }

    @Test func `A publish tag joins them`() throws {
        let properties = AMQPProperties(contentType: "", encodedHeaders: self.encoded(), deliveryMode: .transient)
        let header = try self.decode(properties, publishTag: 1 << 40)
        #expect(header.properties.headers["publish-tag"] == .int64(1 << 40))
        #expect(header.properties.headers.count == 5)
        #expect(header.properties.deliveryMode == .transient)
    }

    @Test func `Other properties don't go with them, nor more than a frame holds`() {
        var other = AMQPProperties(contentType: "a", encodedHeaders: self.encoded(), deliveryMode: .persistent)
        other.messageID = "m"
        #expect(throws: AMQPError.self) { _ = try self.decode(other) }
        var large = AMQPEncodedHeaders()
        large.append("large", String(repeating: "x", count: 5_000))
        let properties = AMQPProperties(contentType: "a", encodedHeaders: large, deliveryMode: .persistent)
        #expect(throws: AMQPError.self) { _ = try self.decode(properties) }
    }
}
