import NIOCore

@testable import Gateway

/// The compressed stream of a gateway connection: hostile bytes, and our own through the encoder and back.
///
/// Input: kind, cut, bytes. Bit 0 of the kind: zstd-stream, else zlib-stream. Bit 1: the bytes are messages to
/// compress, else what came compressed. Bits 2 and 3: how large a message may be.
enum InflateFuzzing {
    /// Inflating more in one run would only cost time.
    private static let enough = 4 << 20

    static func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        var input = FuzzInput(bytes)
        let kind = input.choice()
        let compression: GatewayCompression = kind & 1 == 0 ? .zlibStream : .zstdStream
        let pieces = input.pieces(input.choice())
        if kind & 2 != 0 {
            try self.roundTrip(pieces, compression)
        } else {
            let limit = [64, 1_000, 65_536, 1 << 20][Int(kind >> 2 & 3)]
            try self.inflate(
                pieces, compression,
                limits: GatewayLimits(maxFrameBytes: 1 << 20, maxMessageBytes: limit, zstdWindowLogMax: 18))
        }
    }

    private static func inflate(
        _ pieces: [ByteBuffer], _ compression: GatewayCompression, limits: GatewayLimits
    ) throws(FuzzFinding) {
        guard let inflater = try made({ () throws(GatewayError) in try MessageInflater(compression, limits: limits) })
        else { return }
        // Held to the end: a message must not change when the inflater goes on.
        var messages: [ByteBuffer] = []
        var whole: [UInt8] = []
        var given = 0
        var failed = false
        for piece in pieces where given < self.enough {
            do throws(GatewayError) {
                try inflater.append(piece)
                given += 1
            } catch {
                failed = true
            }
            // Every other message waits for the next piece.
            while given.isMultiple(of: 2) || failed, let message = inflater.next() {
                try expect(message.readableBytes <= limits.maxMessageBytes, "a message passes the limit")
                messages.append(message)
                whole += message.readableBytesView
            }
            if failed || whole.count > self.enough { break }
        }
        while let message = inflater.next() {
            messages.append(message)
            whole += message.readableBytesView
        }
        try expect(inflater.bufferedBytes <= limits.maxMessageBytes + 1, "\(inflater.bufferedBytes) bytes are held")
        try expect(messages.allSatisfy { $0.readableBytes > 0 }, "a message is empty")
        try expect(messages.flatMap { $0.readableBytesView } == whole, "a message changed after it was given")
        try self.compare(whole, with: pieces.prefix(given), compression, unfinished: inflater.bufferedBytes)
    }

    /// What was given out is the stream's beginning, in steps of another size.
    private static func compare(
        _ messages: [UInt8], with pieces: ArraySlice<ByteBuffer>, _ compression: GatewayCompression, unfinished: Int
    ) throws(FuzzFinding) {
        let stream: any StreamInflater = try made { () throws(GatewayError) -> any StreamInflater in
            switch compression {
            case .zlibStream, .none: try ZlibInflater()
            case .zstdStream: try ZstdDecompressor(windowLogMax: 18)
            }
        }
        var reference: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 509)
        for piece in pieces {
            var rest = Array(piece.readableBytesView)[...]
            var needsRoom = false
            repeat {
                do {
                    let progress = try rest.withUnsafeBytes { source in
                        try room.withUnsafeMutableBytes { try stream.inflate(source, into: $0) }
                    }
                    reference += room.prefix(progress.produced)
                    rest = rest.dropFirst(progress.consumed)
                    needsRoom = progress.needsRoom
                } catch {
                    throw FuzzFinding("a stream that was taken is refused in smaller steps: \(error)")
                }
            } while !rest.isEmpty || needsRoom
        }
        try expect(
            reference.starts(with: messages) && reference.count <= messages.count + unfinished,
            "\(messages.count) bytes and \(unfinished) unfinished came of a stream of \(reference.count)")
    }

    private static func roundTrip(
        _ messages: [ByteBuffer], _ compression: GatewayCompression
    ) throws(FuzzFinding) {
        let result: [ByteBuffer] = try made { () throws(GatewayError) in
            let encoder = try MessageEncoder(compression)
            let inflater = try MessageInflater(compression, limits: .client)
            var parser = WebSocketParser(role: .client, limits: .client)
            var result: [ByteBuffer] = []
            for message in messages {
                var frames = ByteBuffer()
                try encoder.encode(message, into: &frames)
                parser.append(frames)
                while case .binary(let payload)? = try parser.next() { try inflater?.append(payload) }
                while let message = inflater?.next() { result.append(message) }
            }
            return result
        }
        try expect(result == messages, "\(messages) came back as \(result)")
    }

    private static func made<T>(_ make: () throws(GatewayError) -> T) throws(FuzzFinding) -> T {
        do throws(GatewayError) {
            return try make()
        } catch {
            throw FuzzFinding("\(error)")
        }
    }
}
