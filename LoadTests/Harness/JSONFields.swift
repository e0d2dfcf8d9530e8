import Foundation

/// Reads the members of one JSON object in their order and builds nothing for those that nobody asks for. For lines of
/// our own programs: what breaks JSON's grammar is told, but not every breach is found.
struct JSONFields {
    typealias Bytes = UnsafeRawBufferPointer

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    enum Value {
        /// Without its quotes, as written.
        case string(Bytes)
        case integer(Int64)
        /// Any other value, as written.
        case other(Bytes)
    }

    private let bytes: Bytes
    /// Where the next byte to be read lies; after `nextKey` that is the first byte of the value.
    private(set) var position = 0
    private var isFirst = true

    init(_ bytes: Bytes) throws(Malformed) {
        self.bytes = bytes
        self.skipSpace()
        try self.take(UInt8(ascii: "{"))
    }

    /// The next member's name as written; nil at the end of the object.
    mutating func nextKey() throws(Malformed) -> Bytes? {
        self.skipSpace()
        if self.peek == UInt8(ascii: "}") {
            self.position += 1
            return nil
        }
        if !self.isFirst {
            try self.take(UInt8(ascii: ","))
            self.skipSpace()
        }
        self.isFirst = false
        let key = try self.string()
        self.skipSpace()
        try self.take(UInt8(ascii: ":"))
        self.skipSpace()
        return key
    }

    /// The value of the member that `nextKey` told.
    mutating func value() throws(Malformed) -> Value {
        guard let first = self.peek else { throw self.malformed("a value") }
        switch first {
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "{"), UInt8(ascii: "["): return .other(try self.container())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return self.number()
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): return .other(self.word())
        default: throw self.malformed("a value")
        }
    }

    private var peek: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { self.position += 1 }
    }

    private mutating func take(_ byte: UInt8) throws(Malformed) {
        guard self.peek == byte else { throw self.malformed("\"\(Character(UnicodeScalar(byte)))\"") }
        self.position += 1
    }

    private mutating func string() throws(Malformed) -> Bytes {
        try self.take(UInt8(ascii: "\""))
        let start = self.position
        while let byte = self.peek {
            if byte == UInt8(ascii: "\"") {
                defer { self.position += 1 }
                return Bytes(rebasing: self.bytes[start..<self.position])
            }
            self.position += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        throw self.malformed("the end of a string")
    }

    private mutating func container() throws(Malformed) -> Bytes {
        let start = self.position
        var depth = 0
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                _ = try self.string()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            self.position += 1
            if depth == 0 { return Bytes(rebasing: self.bytes[start..<self.position]) }
        }
        throw self.malformed("the end of a container")
    }

    private mutating func number() -> Value {
        let word = self.word()
        var value: Int64 = 0
        let isNegative = word.first == UInt8(ascii: "-")
        for byte in word.dropFirst(isNegative ? 1 : 0) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return .other(word) }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !overflows, !overflowsToo else { return .other(word) }
            value = sum
        }
        return .integer(isNegative ? -value : value)
    }

    private mutating func word() -> Bytes {
        let start = self.position
        while let byte = self.peek, ![0x2C, 0x7D, 0x5D, 0x20, 0x09, 0x0A, 0x0D].contains(byte) { self.position += 1 }
        return Bytes(rebasing: self.bytes[start..<self.position])
    }

    private func malformed(_ expected: String) -> Malformed {
        Malformed(description: "byte \(self.position) of \(self.bytes.count): expected \(expected)")
    }
}

extension JSONFields.Value {
    /// A string's text, or a number's digits.
    var text: String? {
        switch self {
        case .string(let bytes):
            guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
            // What is no string after all has no text.
            return try? JSONDecoder().decode(String.self, from: Data("\"".utf8) + bytes + Data("\"".utf8))
        case .integer(let value): return String(value)
        case .other: return nil
        }
    }

    var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// A number written as a string, as Discord writes ids.
    var snowflake: UInt64? {
        switch self {
        case .string(let bytes): UInt64(String(decoding: bytes, as: UTF8.self))
        case .integer(let value): UInt64(exactly: value)
        case .other: nil
        }
    }

    /// A string of hexadecimal digits.
    var hexadecimal: UInt64? {
        guard case .string(let bytes) = self else { return nil }
        return UInt64(String(decoding: bytes, as: UTF8.self), radix: 16)
    }

    /// As written, a string without its quotes.
    var written: String {
        switch self {
        case .string(let bytes), .other(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let value): String(value)
        }
    }
}

extension UnsafeRawBufferPointer {
    func equals(_ text: StaticString) -> Bool {
        self.count == text.utf8CodeUnitCount
            && self.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
