import NIOCore
import NIOWebSocket

/// Which end of a connection we are.
enum GatewayRole: Sendable { case client, server }

/// Reads RFC 6455 frames and puts fragmented messages together. It knows no channel.
///
/// It stands in place of NIO's frame decoder because that hands out one allocated event a frame and leaves fragments,
/// UTF-8, close codes and the rules of masking to others.
struct WebSocketParser {
    enum Event: Equatable {
        case text(ByteBuffer), binary(ByteBuffer)
        case ping(ByteBuffer), pong
        case close(code: UInt16?, reason: String)
    }

    private struct Header {
        var opcode: UInt8
        var isFinal: Bool
        var mask: WebSocketMaskingKey?
        var length: Int
        /// Of the header itself.
        var size: Int
    }

    private enum Opcode {
        static let continuation: UInt8 = 0x0
        static let text: UInt8 = 0x1
        static let binary: UInt8 = 0x2
        static let close: UInt8 = 0x8
        static let ping: UInt8 = 0x9
        static let pong: UInt8 = 0xA
    }

    private let role: GatewayRole
    private let maxFrameBytes: Int
    private let maxMessageBytes: Int
    private var input = ByteBuffer()
    /// Whether `input` is a buffer of ours, which may be appended to without copying what others hold.
    private var ownsInput = false
    /// The fragments so far of a message, and its opcode.
    private var fragments = ByteBuffer()
    private var fragmentedOpcode: UInt8?

    init(role: GatewayRole, limits: GatewayLimits) {
        self.role = role
        self.maxFrameBytes = limits.maxFrameBytes
        self.maxMessageBytes = limits.maxMessageBytes
    }

    /// Takes bytes from the socket; `next()` reads them.
    mutating func append(_ bytes: ByteBuffer) {
        guard self.input.readableBytes > 0 else {
            self.input = bytes
            self.ownsInput = false
            return
        }
        if !self.ownsInput {
            var own = ByteBuffer()
            own.reserveCapacity(self.input.readableBytes + bytes.readableBytes)
            own.writeImmutableBuffer(self.input)
            self.input = own
            self.ownsInput = true
        }
        self.input.discardReadBytes()
        self.input.writeImmutableBuffer(bytes)
    }

    /// The next whole message or control frame; nil when more bytes are needed. After an error the stream is lost.
    mutating func next() throws(GatewayError) -> Event? {
        while let header = try self.readHeader() {
            guard self.input.readableBytes >= header.size + header.length else { return nil }
            self.input.moveReaderIndex(forwardBy: header.size)
            guard var payload = self.input.readSlice(length: header.length) else { return nil }
            if let mask = header.mask { payload.webSocketUnmask(mask) }
            if self.input.readableBytes == 0 { self.input = ByteBuffer() }
            switch header.opcode {
            case Opcode.ping: return .ping(payload)
            case Opcode.pong: return .pong
            case Opcode.close: return try Self.close(payload)
            default:
                if let message = try self.message(header, payload) { return message }
            }
        }
        return nil
    }

    private func readHeader() throws(GatewayError) -> Header? {
        try self.input.withUnsafeReadableBytes { (bytes) throws(GatewayError) -> Header? in
            guard bytes.count >= 2 else { return nil }
            let (first, second) = (bytes[0], bytes[1])
            guard first & 0x70 == 0 else { throw Self.violation("a reserved bit is set") }
            let isMasked = second & 0x80 != 0
            guard isMasked == (self.role == .server) else {
                throw Self.violation(isMasked ? "the server masked a frame" : "the client did not mask a frame")
            }
            var header = Header(opcode: first & 0x0F, isFinal: first & 0x80 != 0, length: Int(second & 0x7F), size: 2)
            try self.check(header)
            if header.length >= 126 {
                header.size += header.length == 126 ? 2 : 8
                guard bytes.count >= header.size else { return nil }
                header.length = try Self.extendedLength(bytes, isLong: header.length == 127)
            }
            let before = header.opcode == Opcode.continuation ? self.fragments.readableBytes : 0
            guard header.length <= self.maxFrameBytes, header.length <= self.maxMessageBytes - before else {
                throw GatewayError(.messageTooBig, "a frame of \(header.length) bytes passes the limit")
            }
            if isMasked {
                guard bytes.count >= header.size + 4 else { return nil }
                header.mask = WebSocketMaskingKey(bytes[header.size..<header.size + 4])
                header.size += 4
            }
            return header
        }
    }

    /// The rules that hold before the length is known (RFC 6455, sections 5.4 and 5.5).
    private func check(_ header: Header) throws(GatewayError) {
        switch header.opcode {
        case Opcode.continuation:
            guard self.fragmentedOpcode != nil else { throw Self.violation("a continuation continues nothing") }
        case Opcode.text, Opcode.binary:
            guard self.fragmentedOpcode == nil else { throw Self.violation("a message began inside another") }
        case Opcode.close, Opcode.ping, Opcode.pong:
            guard header.isFinal else { throw Self.violation("a control frame is fragmented") }
            guard header.length <= 125 else { throw Self.violation("a control frame is longer than 125 bytes") }
        default:
            throw Self.violation("opcode \(header.opcode) is reserved")
        }
    }

    private static func extendedLength(_ bytes: UnsafeRawBufferPointer, isLong: Bool) throws(GatewayError) -> Int {
        let length: UInt64
        if isLong {
            length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard length >> 63 == 0 else { throw Self.violation("the top bit of a length is set") }
        } else {
            length = UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
        guard length > (isLong ? 0xFFFF : 125) else { throw Self.violation("a length has a needlessly long form") }
        return Int(length)
    }

    private mutating func message(_ header: Header, _ payload: ByteBuffer) throws(GatewayError) -> Event? {
        let whole: ByteBuffer
        let opcode = self.fragmentedOpcode ?? header.opcode
        switch (header.isFinal, header.opcode) {
        case (true, Opcode.continuation):
            self.fragments.writeImmutableBuffer(payload)
            whole = self.fragments
            self.fragments = ByteBuffer()
            self.fragmentedOpcode = nil
        case (true, _):
            whole = payload
        case (false, _):
            self.fragmentedOpcode = opcode
            self.fragments.writeImmutableBuffer(payload)
            return nil
        }
        guard opcode == Opcode.text else { return .binary(whole) }
        guard whole.withUnsafeReadableBytes({ $0.isValidUTF8 }) else {
            throw GatewayError(.invalidUTF8, "a text message is not UTF-8")
        }
        return .text(whole)
    }

    private static func close(_ payload: ByteBuffer) throws(GatewayError) -> Event {
        var payload = payload
        guard payload.readableBytes > 0 else { return .close(code: nil, reason: "") }
        guard let code = payload.readInteger(as: UInt16.self) else { throw Self.violation("a close code is cut short") }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw Self.violation("\(code) is no close code for the wire")
        }
        guard payload.withUnsafeReadableBytes({ $0.isValidUTF8 }) else {
            throw GatewayError(.invalidUTF8, "a close reason is not UTF-8")
        }
        return .close(code: code, reason: String(buffer: payload))
    }

    private static func violation(_ what: String) -> GatewayError {
        GatewayError(.protocolViolation, "the peer broke RFC 6455: \(what)")
    }
}
