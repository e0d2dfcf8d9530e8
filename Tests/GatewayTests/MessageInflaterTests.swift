import NIOCore
import TestSupport
import Testing

@testable import Gateway

@Suite("Stream compression", .timeLimit(.minutes(1)))
struct MessageInflaterTests {
    static let compressions: [GatewayCompression] = [.zlibStream, .zstdStream]
    static let json = #"{"op":0,"s":7,"t":"MESSAGE_CREATE","d":{"content":"hello hello hello","id":"1"}}"#

    /// The compressed messages of one stream.
    static func deflate(_ messages: [ByteBuffer], _ compression: GatewayCompression) throws -> [ByteBuffer] {
        let encoder = try MessageEncoder(compression)
        return try messages.map { message in
            var frame = ByteBuffer()
            try encoder.encode(message, into: &frame)
            var parser = WebSocketParser(role: .client, limits: .client)
            parser.append(frame)
            guard case .binary(let payload)? = try parser.next() else { throw Recorder.Ended() }
            return payload
        }
    }

    static func inflater(
        _ compression: GatewayCompression,
        _ limits: GatewayLimits = .client
    ) throws -> MessageInflater {
        try #require(try MessageInflater(compression, limits: limits))
    }

    static func messages(seed: UInt64, count: Int, longest: Int) -> [ByteBuffer] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let length = Int.random(in: 1...longest, using: &random)
            let range: ClosedRange<UInt8> = Bool.random(using: &random) ? 0...255 : 0x61...0x64
            return ByteBuffer(bytes: (0..<length).map { _ in UInt8.random(in: range, using: &random) })
        }
    }

    @Test(arguments: compressions)
    func `Messages come back in order, taken at once or late`(compression: GatewayCompression) throws {
        let messages = Self.messages(seed: 1, count: 400, longest: 6_000)
        let frames = try Self.deflate(messages, compression)
        for batch in [1, 7, 400] {
            let inflater = try Self.inflater(compression)
            var inflated: [ByteBuffer] = []
            for (index, frame) in frames.enumerated() {
                try inflater.append(frame)
                if (index + 1) % batch == 0 { while let message = inflater.next() { inflated.append(message) } }
            }
            while let message = inflater.next() { inflated.append(message) }
            #expect(inflated == messages)
        }
    }

    @Test(arguments: compressions)
    func `A held message is not overwritten by later ones`(compression: GatewayCompression) throws {
        let frames = try Self.deflate([ByteBuffer(string: Self.json), ByteBuffer(string: "second")], compression)
        let inflater = try Self.inflater(compression)
        try inflater.append(frames[0])
        let held = try #require(inflater.next())
        try inflater.append(frames[1])
        #expect(inflater.next() == ByteBuffer(string: "second"))
        #expect(held == ByteBuffer(string: Self.json))
    }

    @Test
    func `A zlib-stream message may be cut anywhere`() throws {
        let messages = ["first", Self.json, "third"].map { ByteBuffer(string: $0) }
        let frames = try Self.deflate(messages, .zlibStream)
        for cut in 0...frames[1].readableBytes {
            let inflater = try Self.inflater(.zlibStream)
            var rest = frames[1]
            let head = rest.readSlice(length: cut) ?? ByteBuffer()
            var inflated: [ByteBuffer] = []
            for part in [frames[0], head, rest, frames[2]] {
                try inflater.append(part)
                while let message = inflater.next() { inflated.append(message) }
            }
            #expect(inflated == messages, "cut at \(cut)")
        }
    }

    @Test
    func `A zlib-stream message may come byte by byte`() throws {
        let messages = Self.messages(seed: 2, count: 20, longest: 300)
        let inflater = try Self.inflater(.zlibStream)
        var inflated: [ByteBuffer] = []
        for frame in try Self.deflate(messages, .zlibStream) {
            for byte in frame.readableBytesView {
                try inflater.append(ByteBuffer(bytes: [byte]))
                while let message = inflater.next() { inflated.append(message) }
            }
        }
        #expect(inflated == messages)
    }

    @Test(arguments: compressions)
    func `Large messages pass and the buffer shrinks again`(compression: GatewayCompression) throws {
        var messages = Self.messages(seed: 3, count: 3, longest: 40)
        messages.insert(contentsOf: Self.messages(seed: 4, count: 2, longest: 5_000_000), at: 1)
        let inflater = try Self.inflater(compression)
        var inflated: [ByteBuffer] = []
        for frame in try Self.deflate(messages, compression) {
            try inflater.append(frame)
            inflated.append(try #require(inflater.next()))
        }
        #expect(inflated == messages)
    }

    @Test(arguments: compressions)
    func `A bomb stops at the limit`(compression: GatewayCompression) throws {
        let bomb = try Self.deflate([ByteBuffer(repeating: 0x20, count: 32 << 20)], compression)
        #expect(bomb[0].readableBytes < 1 << 20)
        let inflater = try Self.inflater(compression, GatewayLimits(maxFrameBytes: 1 << 20, maxMessageBytes: 1 << 20))
        let error = #expect(throws: GatewayError.self) { try inflater.append(bomb[0]) }
        #expect(error?.code == .messageTooBig)
        #expect(inflater.bufferedBytes <= (1 << 20) + 1)
    }

    @Test(arguments: compressions)
    func `The limit itself passes`(compression: GatewayCompression) throws {
        let frames = try Self.deflate([ByteBuffer(repeating: 0x20, count: 4096)], compression)
        let fits = try Self.inflater(compression, GatewayLimits(maxFrameBytes: 4096, maxMessageBytes: 4096))
        try fits.append(frames[0])
        #expect(fits.next()?.readableBytes == 4096)
        let short = try Self.inflater(compression, GatewayLimits(maxFrameBytes: 4096, maxMessageBytes: 4095))
        #expect(throws: GatewayError.self) { try short.append(frames[0]) }
    }

    @Test
    func `A zstd window above the limit is refused`() throws {
        let compressor = try ZstdCompressor(level: 3, windowLog: 24)
        var output = ByteBuffer()
        let input = Array(repeating: UInt8(7), count: 100)
        try output.writeWithUnsafeMutableBytes(minimumWritableBytes: 4096) { room in
            try input.withUnsafeBytes { bytes in try compressor.deflate(bytes, into: room).produced }
        }
        let error = #expect(throws: GatewayError.self) { try Self.inflater(.zstdStream).append(output) }
        #expect(error?.code == .corruptStream)
        var wide = GatewayLimits.client
        wide.zstdWindowLogMax = 24
        let inflater = try Self.inflater(.zstdStream, wide)
        try inflater.append(output)
        #expect(inflater.next()?.readableBytes == 100)
    }

    @Test
    func `A truncated zstd message fails at once or with the next`() throws {
        let frames = try Self.deflate([ByteBuffer(string: Self.json), ByteBuffer(string: Self.json)], .zstdStream)
        for length in 0..<frames[0].readableBytes {
            let inflater = try Self.inflater(.zstdStream)
            let error = #expect(throws: GatewayError.self, "\(length) bytes") {
                try inflater.append(frames[0].getSlice(at: 0, length: length) ?? ByteBuffer())
                try inflater.append(frames[1])
                while inflater.next() != nil {}
            }
            #expect(error?.code == .corruptStream)
        }
    }

    @Test(arguments: [[0, 0, 0xFF, 0xFF], [0x78, 0x9C, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF], [1, 2, 3, 4, 5]] as [[UInt8]])
    func `Bytes that are no stream fail`(bytes: [UInt8]) throws {
        for compression in Self.compressions {
            let inflater = try Self.inflater(compression)
            let error = #expect(throws: GatewayError.self) { try inflater.append(ByteBuffer(bytes: bytes)) }
            #expect(error?.code == .corruptStream)
        }
    }

    @Test(arguments: compressions)
    func `Mutated streams never trap and keep the limit`(compression: GatewayCompression) throws {
        let frames = try Self.deflate(Self.messages(seed: 5, count: 6, longest: 400), compression)
        var random = SeededGenerator(seed: 1950)
        var failures = 0
        for _ in 0..<2_000 {
            let limits = GatewayLimits(maxFrameBytes: 1 << 16, maxMessageBytes: 1 << 16)
            let inflater = try Self.inflater(compression, limits)
            do {
                for frame in frames {
                    var bytes = Array(frame.readableBytesView)
                    for _ in 0..<Int.random(in: 0...2, using: &random) {
                        let index = Int.random(in: 0..<bytes.count, using: &random)
                        bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                    }
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
                    }
                    try inflater.append(ByteBuffer(bytes: bytes))
                    while let message = inflater.next() {
                        if message.readableBytes > 1 << 16 { Issue.record("\(message.readableBytes) bytes") }
                    }
                }
            } catch {
                if ![.corruptStream, .messageTooBig].contains(error.code) { Issue.record("\(error)") }
                failures += 1
            }
        }
        #expect(failures > 700)
    }
}
