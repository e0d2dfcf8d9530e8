import Gateway
import NIOCore
import TestSupport
import Testing

@testable import Shard

@Suite("Broken compressed streams", .timeLimit(.minutes(2)), .serialized)
struct BrokenStreamTests {
    enum Damage: CaseIterable {
        /// The first half of a message of another stream.
        case halfMessage
        case noise
    }

    private static func frame(_ damage: Damage, _ compression: GatewayCompression) throws -> ByteBuffer {
        var payload = ByteBuffer()
        switch damage {
        case .halfMessage:
            var whole = ByteBuffer()
            try MessageEncoder(compression).encode(ByteBuffer(string: #"{"op":11,"d":null}"#), into: &whole)
            // Two bytes of the frame's head, then its payload.
            payload = whole.getSlice(at: whole.readerIndex + 2, length: (whole.readableBytes - 2) / 2) ?? payload
        case .noise: payload.writeRepeatingByte(0xFF, count: 100)
        }
        // One final binary frame.
        var frame = ByteBuffer(bytes: [0x82, UInt8(payload.readableBytes)])
        frame.writeBuffer(&payload)
        return frame
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream], Damage.allCases)
    func `The connection is given up and its session resumed; nothing is lost or doubled`(
        compression: GatewayCompression, damage: Damage
    ) async throws {
        try await ShardProcessTests.run(
            "broken-stream-\(compression.rawValue)-\(damage)",
            settings: ["FLOTILLA_GATEWAY_COMPRESSION": compression.rawValue]
        ) { stage in
            let first = try await stage.begin()
            #expect(first.request.compression == compression)
            first.message(2)
            try await stage.waitForWatermark(2)
            first.connection.sendPrecompressed(try Self.frame(damage, compression))
            // What follows can't be read any more, or was cut short; either way it comes again.
            first.message(3)
            let second = try await stage.discord.connection(1)
            second.hello()
            let resume = try await second.body(op: 6)
            #expect(resume["session_id"] as? String == "abc")
            let watermark = try #require(resume["seq"] as? Int)
            #expect([2, 3].contains(watermark))
            for sequence in (watermark + 1)...5 { second.message(sequence) }
            second.resumed(6)
            try await stage.topology.waitFor(sequences: 1...6)
            #expect(stage.topology.sequences.sorted() == Array(1...6))
            try await eventually("the end of the first connection") { first.isClosed }
        }
    }
}
