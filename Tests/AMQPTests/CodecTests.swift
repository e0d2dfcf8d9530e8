import NIOCore
import Testing

@testable import AMQP

@Suite struct CodecTests {
    private let pool = AMQPCodecPool()

    private func roundTrip(_ properties: AMQPProperties, publishTag: UInt64? = nil) throws -> AMQPContentHeader {
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        let encoder = AMQPFrameEncoder(maximumFrameSize: 131_072, pool: self.pool)
        try encoder.writeContent(
            properties, publishTag: publishTag, body: ByteBuffer(string: "body"), channel: 3, into: &bytes)
        var decoder = AMQPFrameDecoder(maximumFrameSize: 131_072)
        decoder.append(bytes.current)
        let frame = try #require(try decoder.next())
        #expect(frame.kind == .header && frame.channel == 3)
        return try AMQPContentHeaderDecoder(pool: self.pool).decode(frame.payload)
    }

    @Test func `Every property and every kind of value survives`() throws {
        let properties = AMQPProperties(
            contentType: "application/x-ndjson", contentEncoding: "zstd",
            headers: [
                "bool": true, "int8": .int8(-8), "uint8": .uint8(200), "int16": .int16(-300), "uint16": .uint16(60_000),
                "int32": .int32(.min), "uint32": .uint32(.max), "int64": .int64(.min), "float": .float(1.5),
                "double": .double(-2.25), "decimal": .decimal(scale: 2, value: 314), "string": "grüß",
                "empty": "", "bytes": .bytes([0, 255, 1]), "timestamp": .timestamp(1_700_000_000), "void": .void,
                "array": .array([1, "two", .array([]), .table(["three": 3])]), "table": .table(["a": .table([:])]),
            ],
            deliveryMode: .persistent, priority: 9, correlationID: "c", replyTo: "r", expiration: "60000",
            messageID: "m", timestamp: 1_700_000_001, type: "t", userID: "guest", appID: "flotilla"
        )
        let header = try self.roundTrip(properties)
        #expect(header.properties == properties)
        #expect(header.bodySize == 4)
        #expect(try self.roundTrip(AMQPProperties()).properties == AMQPProperties())
    }

    @Test func `The publish tag goes into the headers and wins over one that is there`() throws {
        let header = try self.roundTrip(AMQPProperties(headers: ["publish-tag": "old", "x": 1]), publishTag: 42)
        #expect(header.properties.headers == ["publish-tag": .int64(42), "x": 1])
    }

    @Test func `What does not fit is refused and nothing is written`() throws {
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        let encoder = AMQPFrameEncoder(maximumFrameSize: 4_096, pool: self.pool)
        let long = String(repeating: "x", count: 256)
        var deep = AMQPValue.string("bottom")
        for _ in 0..<40 { deep = .array([deep]) }
        let refused: [AMQPProperties] = [
            AMQPProperties(messageID: long), AMQPProperties(headers: [long: 1]),
            AMQPProperties(headers: ["deep": deep]),
            AMQPProperties(headers: ["big": .string(String(repeating: "y", count: 5_000))]),
        ]
        for properties in refused {
            let error = #expect(throws: AMQPError.self) {
                try encoder.writeContent(properties, publishTag: nil, body: ByteBuffer(), channel: 1, into: &bytes)
            }
            #expect(error?.code == .invalidArgument)
            #expect(bytes.count == 0)
        }
        #expect(throws: AMQPError.self) {
            try encoder.write(.queuePurge(long), channel: 1, into: &bytes.current)
        }
        #expect(bytes.count == 0)
    }

    @Test(arguments: [1, 4_087, 4_088, 4_089, 20_000, 70_000])
    func `A body is split at the agreed frame size and comes together again`(size: Int) throws {
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        let frameMax = size == 70_000 ? 32_768 : 4_096
        let encoder = AMQPFrameEncoder(maximumFrameSize: frameMax, pool: self.pool)
        let body = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try encoder.writeContent(AMQPProperties(), publishTag: nil, body: body, channel: 1, into: &bytes)

        var decoder = AMQPFrameDecoder(maximumFrameSize: frameMax)
        for piece in bytes.sealed { decoder.append(piece.bytes) }
        decoder.append(bytes.current)
        var assembler = AMQPContentAssembler(maximumMessageSize: 1_000_000)
        try assembler.received(.getOk(deliveryTag: 1, redelivered: false, exchange: "", routingKey: ""))
        var content: AMQPContentAssembler.Content?
        while let frame = try decoder.next() {
            #expect(content == nil)
            content =
                frame.kind == .header
                ? try assembler.received(try AMQPContentHeaderDecoder(pool: self.pool).decode(frame.payload))
                : try assembler.received(body: frame.payload)
        }
        #expect(content?.body == body)
    }

    @Test func `Rolling back takes away exactly what was written since`() throws {
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        let large = ByteBuffer(repeating: 7, count: 40_000)
        for before in [0, 5] {
            bytes.wrote(bytes.moveAll())
            bytes.current.writeRepeatingByte(1, count: before)
            let mark = bytes.mark
            bytes.current.writeRepeatingByte(2, count: 10)
            bytes.append(large: large)
            bytes.current.writeRepeatingByte(3, count: 200_000)
            bytes.sealIfFull()
            #expect(bytes.count == before + 240_010)
            bytes.rollBack(to: mark)
            #expect(bytes.count == before)
            #expect(bytes.sealed.isEmpty)
            #expect(Array(bytes.current.readableBytesView) == Array(repeating: 1, count: before))
        }
    }

    @Test func `What the socket has taken leaves in order, and its memory is used again`() {
        var bytes = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
        let large = ByteBuffer(repeating: 7, count: 40_000)
        func start(_ buffer: ByteBuffer) -> UnsafeRawPointer? { buffer.withUnsafeReadableBytes { $0.baseAddress } }
        bytes.current.writeRepeatingByte(1, count: 10)
        let first = start(bytes.current)
        bytes.append(large: large)
        bytes.current.writeRepeatingByte(2, count: 10)
        #expect(bytes.moveAll() == 3)
        #expect(bytes.underWay.map(\.bytes.readableBytes) == [10, 40_000, 10])
        #expect(bytes.count == 0)
        bytes.current.writeRepeatingByte(3, count: 5)
        #expect(start(bytes.current) != first)
        #expect(bytes.moveAll() == 1)
        bytes.wrote(3)
        #expect(bytes.underWay.map(\.bytes.readableBytes) == [5])
        bytes.wrote(1)
        #expect(bytes.underWay.isEmpty)
        var used: Set<UnsafeRawPointer?> = []
        for _ in 0..<4 {
            bytes.current.writeInteger(UInt8(4))
            used.insert(start(bytes.current))
            _ = bytes.moveAll()
        }
        #expect(used.contains(first))
        #expect(large == ByteBuffer(repeating: 7, count: 40_000))
    }

    @Test func `Tables nested too deep or cut short never reach the C decoder`() {
        var nested = BrokerBytes.short("end") + [0x56]
        for _ in 0..<1_000 { nested = BrokerBytes.short("k") + [0x46] + BrokerBytes.long(nested) }
        let header = BrokerBytes.bytes(UInt16(60)) + [0, 0] + BrokerBytes.bytes(UInt64(0)) + [0x20, 0]
        let decoder = AMQPContentHeaderDecoder(pool: self.pool)
        #expect(throws: AMQPError.self) {
            try decoder.decode(ByteBuffer(bytes: header + BrokerBytes.long(nested)))
        }
        let whole = header + BrokerBytes.long(BrokerBytes.short("a") + [0x53] + BrokerBytes.long([1, 2, 3]))
        #expect(throws: Never.self) { try decoder.decode(ByteBuffer(bytes: whole)) }
        for length in 0..<whole.count {
            #expect(throws: AMQPError.self) { try decoder.decode(ByteBuffer(bytes: whole.prefix(length))) }
        }
    }
}
