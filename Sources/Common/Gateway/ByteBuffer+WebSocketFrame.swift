import NIOCore
import NIOWebSocket

extension ByteBuffer {
    /// Appends one whole, final WebSocket frame (RFC 6455, section 5.2). Clients mask, servers don't.
    mutating func writeFrame(_ opcode: WebSocketOpcode, payload: ByteBuffer, mask: WebSocketMaskingKey? = nil) {
        let length = payload.readableBytes
        self.reserveCapacity(minimumWritableBytes: length + 14)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        self.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch length {
        case ...125:
            self.writeInteger(maskBit | UInt8(length))
        case ...0xFFFF:
            self.writeInteger(maskBit | 126)
            self.writeInteger(UInt16(length))
        default:
            self.writeInteger(maskBit | 127)
            self.writeInteger(UInt64(length))
        }
        guard let mask else {
            self.writeImmutableBuffer(payload)
            return
        }
        self.writeBytes(mask)
        var masked = payload
        masked.webSocketMask(mask)
        self.writeBuffer(&masked)
    }

    /// Appends a close frame. A code is nil where the peer's close frame held none.
    mutating func writeCloseFrame(code: UInt16?, reason: String, mask: WebSocketMaskingKey? = nil) {
        var payload = ByteBuffer()
        if let code {
            payload.writeInteger(code)
            payload.writeString(reason.prefix(utf8Bytes: 123))
        }
        self.writeFrame(.connectionClose, payload: payload, mask: mask)
    }
}

extension String {
    /// The longest beginning of at most so many bytes that doesn't cut a character.
    fileprivate func prefix(utf8Bytes limit: Int) -> String {
        guard self.utf8.count > limit else { return self }
        var result = ""
        var bytes = 0
        for character in self {
            bytes += character.utf8.count
            guard bytes <= limit else { break }
            result.append(character)
        }
        return result
    }
}
