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

    func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.raw("null")
        case .bool(let value): writer.bool(value)
        case .integer(let value): writer.integer(Int(value))
        case .number(let literal): writer.text(literal)
        case .string(let value): writer.string(value)
        case .array(let values): writer.list(values) { $1.write(to: &$0) }
        case .object(let object):
            writer.raw("{")
            var isFirst = true
            for member in object.members {
                if !isFirst { writer.raw(",") }
                isFirst = false
                writer.string(member.key)
                writer.raw(":")
                member.value.write(to: &writer)
            }
            writer.raw("}")
        }
    }

    func write(to buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self.encoded) }

    var encoded: ByteBuffer {
        var writer = JSONWriter(capacity: 512)
        self.write(to: &writer)
        return writer.bytes
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
