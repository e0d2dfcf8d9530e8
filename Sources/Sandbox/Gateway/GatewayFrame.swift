import NIOCore

/// Gateway messages that are no dispatch, and WebSocket frames that no encoder would make.
enum GatewayFrame {
    /// They have neither number nor name.
    static func encode(op: Int, _ data: JSONValue) -> ByteBuffer {
        JSONValue.object(["t": .null, "s": .null, "op": .integer(op), "d": data]).encoded
    }

    static let acknowledgement = Self.encode(op: 11, .null)

    /// A close frame without a code (RFC 6455, section 7.1.5: the peer takes it for 1005).
    static let emptyClose = ByteBuffer(bytes: [0x88, 0x00])

    /// One whole, unmasked frame of at most 125 bytes.
    static func raw(opcode: UInt8, _ payload: [UInt8]) -> ByteBuffer {
        ByteBuffer(bytes: [0x80 | opcode, UInt8(min(payload.count, 125))] + payload.prefix(125))
    }
}
