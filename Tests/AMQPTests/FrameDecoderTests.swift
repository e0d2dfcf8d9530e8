import NIOCore
import Testing

@testable import AMQP

@Suite struct FrameDecoderTests {
    @Test(arguments: [1, 2, 3, 7, 8, 64])
    func `Frames come out whole however the bytes are cut`(pieceSize: Int) throws {
        var bytes = BrokerBytes()
        bytes.frame(1, channel: 7, payload: [0, 20, 0, 11, 0, 0, 0, 0])
        bytes.heartbeat()
        bytes.frame(3, channel: 7, payload: Array(repeating: 9, count: 100))
        var decoder = AMQPFrameDecoder(maximumFrameSize: 4_096)
        var frames: [AMQPFrame] = []
        for start in stride(from: 0, to: bytes.all.count, by: pieceSize) {
            decoder.append(ByteBuffer(bytes: bytes.all[start..<min(start + pieceSize, bytes.all.count)]))
            while let frame = try decoder.next() { frames.append(frame) }
        }
        #expect(frames.map(\.kind) == [.method, .heartbeat, .body])
        #expect(frames.map(\.channel) == [7, 0, 7])
        #expect(frames.map(\.payload.readableBytes) == [8, 0, 100])
    }

    @Test func `A frame of exactly the agreed size passes, one more byte does not`() throws {
        var bytes = BrokerBytes()
        bytes.frame(3, channel: 1, payload: Array(repeating: 1, count: 4_088))
        var decoder = AMQPFrameDecoder(maximumFrameSize: 4_096)
        decoder.append(ByteBuffer(bytes: bytes.all))
        #expect(try decoder.next()?.payload.readableBytes == 4_088)

        decoder.append(ByteBuffer(bytes: [3, 0, 1, 0, 0, 0x0F, 0xF9]))
        #expect(throws: AMQPError.self) { try decoder.next() }
    }

    @Test(arguments: [
        [9, 0, 0, 0, 0, 0, 0, 0xCE],  // unknown type
        [8, 0, 0, 0, 0, 0, 0, 0xCD],  // wrong end octet
        [1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],  // a length of 4 GiB
        Array("AMQP".utf8) + [0, 0, 9, 1],  // version refused
    ])
    func `Broken frames are protocol violations`(bytes: [UInt8]) throws {
        var decoder = AMQPFrameDecoder(maximumFrameSize: 4_096)
        decoder.append(ByteBuffer(bytes: bytes))
        let error = #expect(throws: AMQPError.self) { try decoder.next() }
        #expect(error?.code == .protocolViolation)
    }
}
