import Gateway
import NIOCore

/// A script's events as WebSocket frames, compressed once and sent as often as wanted.
///
/// A compressed stream can't be repeated as it is: each event needs its own sequence number, and what is compressed
/// refers back to what came before. So the head of each event is stored uncompressed, where it can be overwritten, and
/// nothing refers to it: while compressing, its place is held by random bytes that no event has. Nothing in a cycle
/// refers to what was sent before it either; with zstd a cycle is a frame of its own, which the next one ends.
struct ReplayCycle: Sendable {
    private let compression: GatewayCompression
    private var frames = ByteBuffer()
    /// Where the head of each event lies in `frames`, and where its frame ends.
    private var heads: [Int] = []
    private var ends: [Int] = []
    /// How a zstd frame begins.
    private var zstdHeader: [UInt8] = []

    init(_ script: ReplayScript, _ compression: GatewayCompression) throws(GatewayError) {
        self.compression = compression
        let encoder = try MessageEncoder(compression)
        var random = SeededRandom(seed: 0)
        for tail in script.tails {
            // Bytes that neither begin nor are a character of an event's text, which is ASCII.
            let standIn = ByteBuffer(bytes: (0..<ReplayHead.count).map { _ in 0x80 + UInt8(random.below(0x40)) })
            var payload = ByteBuffer()
            switch compression {
            case .none: break
            case .zlibStream:
                // The stand-in only takes its place in the window.
                _ = try Self.encode(standIn, encoder)
                Self.writeStoredBlock(of: ReplayHead.count, to: &payload)
            case .zstdStream:
                let block = try Self.encode(standIn, encoder)
                let header = block.readableBytes - ReplayHead.count - 3
                guard header >= 0, self.zstdHeader.isEmpty || header == 0,
                    block.readableBytesView.suffix(ReplayHead.count) == standIn.readableBytesView,
                    block.readableBytesView.dropFirst(header).prefix(3)
                        .elementsEqual(Self.rawBlockHeader(of: ReplayHead.count))
                else { throw GatewayError(.internalFailure, "zstd did not store random bytes as they are") }
                if self.zstdHeader.isEmpty {
                    self.zstdHeader = Array(block.readableBytesView.prefix(header))
                    payload.writeBytes(Self.lastBlock + self.zstdHeader)
                }
                payload.writeBytes(Self.rawBlockHeader(of: ReplayHead.count))
            }
            let head = payload.writerIndex
            payload.writeBytes(ReplayHead.template)
            payload.writeImmutableBuffer(compression == .none ? tail : try Self.encode(tail, encoder))
            Self.writeFrame(payload, isText: compression == .none, to: &self.frames)
            self.heads.append(self.frames.writerIndex - payload.readableBytes + head)
            self.ends.append(self.frames.writerIndex)
        }
    }

    /// The frames of the first `count` events of the cycle, from this sequence number on.
    func events(_ count: Int, from sequence: Int64, session: UInt64, nonce: UInt64) -> ByteBuffer {
        guard count > 0, count <= self.ends.count,
            var bytes = self.frames.getSlice(at: 0, length: self.ends[count - 1])
        else { return ByteBuffer() }
        bytes.withUnsafeMutableReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            for index in 0..<count {
                let sequence = sequence + Int64(index)
                ReplayHead.fill(
                    base + self.heads[index], sequence: sequence,
                    id: ReplayScript.messageID(session: session, sequence: sequence), nonce: nonce)
            }
        }
        return bytes
    }

    /// The frame of a short message between two cycles.
    func control(_ message: ByteBuffer) -> ByteBuffer {
        var payload = ByteBuffer()
        switch self.compression {
        case .none: payload = message
        case .zlibStream:
            Self.writeStoredBlock(of: message.readableBytes, to: &payload)
            payload.writeImmutableBuffer(message)
            // An empty block: the end of a message with zlib-stream.
            Self.writeStoredBlock(of: 0, to: &payload)
        case .zstdStream:
            payload.writeBytes(Self.lastBlock + self.zstdHeader + Self.rawBlockHeader(of: message.readableBytes))
            payload.writeImmutableBuffer(message)
        }
        var frame = ByteBuffer()
        Self.writeFrame(payload, isText: self.compression == .none, to: &frame)
        return frame
    }

    /// What the encoder makes of a message, without its WebSocket header.
    private static func encode(_ message: ByteBuffer, _ encoder: MessageEncoder) throws(GatewayError) -> ByteBuffer {
        var frame = ByteBuffer()
        try encoder.encode(message, into: &frame)
        let header =
            switch frame.getInteger(at: frame.readerIndex + 1, as: UInt8.self) {
            case 126: 4
            case 127: 10
            default: 2
            }
        frame.moveReaderIndex(forwardBy: min(header, frame.readableBytes))
        return frame
    }

    /// The header of a final frame from a server (RFC 6455, section 5.2), and the payload.
    private static func writeFrame(_ payload: ByteBuffer, isText: Bool, to frames: inout ByteBuffer) {
        frames.writeInteger(UInt8(isText ? 0x81 : 0x82))
        switch payload.readableBytes {
        case ...125: frames.writeInteger(UInt8(payload.readableBytes))
        case ...0xFFFF:
            frames.writeInteger(UInt8(126))
            frames.writeInteger(UInt16(payload.readableBytes))
        default:
            frames.writeInteger(UInt8(127))
            frames.writeInteger(UInt64(payload.readableBytes))
        }
        frames.writeImmutableBuffer(payload)
    }

    /// A block of RFC 8878, section 3.1.1.2, that holds its bytes as they are; at most 128 KiB.
    private static func rawBlockHeader(of count: Int) -> [UInt8] {
        let header = UInt32(clamping: count) << 3
        return [UInt8(truncatingIfNeeded: header), UInt8(truncatingIfNeeded: header >> 8), UInt8(header >> 16)]
    }

    /// An empty block that ends a zstd frame.
    private static let lastBlock: [UInt8] = [1, 0, 0]

    /// The header of a stored block (RFC 1951, section 3.2.4), at most 64 KiB; what comes before it ends with a byte.
    private static func writeStoredBlock(of count: Int, to bytes: inout ByteBuffer) {
        bytes.writeInteger(UInt8(0))
        bytes.writeInteger(UInt16(clamping: count), endianness: .little)
        bytes.writeInteger(~UInt16(clamping: count), endianness: .little)
    }
}
