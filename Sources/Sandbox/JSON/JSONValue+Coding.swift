import NIOCore

extension JSONValue {
    init(parsing text: String) throws(JSONError) {
        var bytes = Array(text.utf8)
        self = try Self.parse(&bytes)
    }

    init(parsing buffer: ByteBuffer) throws(JSONError) {
        var bytes = Array(buffer.readableBytesView)
        self = try Self.parse(&bytes)
    }

    // A typed throw does not pass through `withUnsafeBytes` in every toolchain: carry it out as a result.
    private static func parse(_ bytes: inout [UInt8]) throws(JSONError) -> JSONValue {
        let result = bytes.withUnsafeBytes { pointer -> Result<JSONValue, JSONError> in
            do throws(JSONError) { return .success(try JSONParser.parse(pointer)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func write(to buffer: inout ByteBuffer) {
        switch self {
        case .null: buffer.writeStaticString("null")
        case .bool(let value): buffer.writeStaticString(value ? "true" : "false")
        case .integer(let value): buffer.writeString(String(value))
        case .number(let literal): buffer.writeString(literal)
        case .string(let value): Self.write(string: value, to: &buffer)
        case .array(let values):
            buffer.writeInteger(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
                value.write(to: &buffer)
            }
            buffer.writeInteger(UInt8(ascii: "]"))
        case .object(let object):
            buffer.writeInteger(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
                Self.write(string: member.key, to: &buffer)
                buffer.writeInteger(UInt8(ascii: ":"))
                member.value.write(to: &buffer)
            }
            buffer.writeInteger(UInt8(ascii: "}"))
        }
    }

    private static func write(string: String, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: "\""))
        if string.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
                case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
                case 0x0A: buffer.writeStaticString("\\n")
                case 0x0D: buffer.writeStaticString("\\r")
                case 0x09: buffer.writeStaticString("\\t")
                case 0..<0x20:
                    let digits = String(byte, radix: 16)
                    buffer.writeString("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
                default: buffer.writeInteger(byte)
                }
            }
        } else {
            buffer.writeString(string)
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        self.write(to: &buffer)
        return buffer
    }

    var text: String { String(buffer: self.encoded) }
}

/// Stored rows hold passed-through JSON as its text.
extension JSONValue: Codable {
    init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}
