/// Why bytes are not one JSON value.
struct JSONError: Error, Equatable {
    enum Code: Sendable { case unexpectedEnd, unexpectedByte, badNumber, badString, tooDeep, trailingBytes }
    let code: Code
    let offset: Int
}

/// Parses one JSON value (RFC 8259) out of bytes of any origin. Depth is bounded, so that recursion is too.
struct JSONParser {
    static let maximumDepth = 64

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw parser.error(.trailingBytes) }
        return value
    }

    private func error(_ code: JSONError.Code) -> JSONError { JSONError(code: code, offset: self.position) }

    private mutating func skipWhitespace() {
        while self.position < self.bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(self.bytes[self.position]) {
            self.position += 1
        }
    }

    private mutating func next() throws(JSONError) -> UInt8 {
        guard self.position < self.bytes.count else { throw self.error(.unexpectedEnd) }
        defer { self.position += 1 }
        return self.bytes[self.position]
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw self.error(.tooDeep) }
        self.skipWhitespace()
        guard self.position < self.bytes.count else { throw self.error(.unexpectedEnd) }
        switch self.bytes[self.position] {
        case UInt8(ascii: "{"): return .object(try self.object(depth: depth))
        case UInt8(ascii: "["): return .array(try self.array(depth: depth))
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        default: return try self.number()
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let count = text.utf8CodeUnitCount
        guard self.bytes.count - self.position >= count else { throw self.error(.unexpectedEnd) }
        for index in 0..<count where self.bytes[self.position + index] != text.utf8Start[index] {
            throw self.error(.unexpectedByte)
        }
        self.position += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        self.position += 1
        var object = JSONObject()
        self.skipWhitespace()
        if self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: "}") {
            self.position += 1
            return object
        }
        while true {
            self.skipWhitespace()
            guard self.position < self.bytes.count else { throw self.error(.unexpectedEnd) }
            guard self.bytes[self.position] == UInt8(ascii: "\"") else { throw self.error(.unexpectedByte) }
            let key = try self.string()
            self.skipWhitespace()
            guard try self.next() == UInt8(ascii: ":") else { throw self.error(.unexpectedByte) }
            object.members.append(JSONObject.Member(key: key, value: try self.value(depth: depth + 1)))
            self.skipWhitespace()
            switch try self.next() {
            case UInt8(ascii: ","): continue
            case UInt8(ascii: "}"): return object
            default: throw self.error(.unexpectedByte)
            }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        self.position += 1
        var array: [JSONValue] = []
        self.skipWhitespace()
        if self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: "]") {
            self.position += 1
            return array
        }
        while true {
            array.append(try self.value(depth: depth + 1))
            self.skipWhitespace()
            switch try self.next() {
            case UInt8(ascii: ","): continue
            case UInt8(ascii: "]"): return array
            default: throw self.error(.unexpectedByte)
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = self.position
        var isInteger = true
        if self.peek() == UInt8(ascii: "-") { self.position += 1 }
        let firstDigit = self.peek()
        guard self.digits() > 0 else { throw self.error(start == self.position ? .unexpectedByte : .badNumber) }
        if firstDigit == UInt8(ascii: "0"), self.position - start > (self.bytes[start] == UInt8(ascii: "-") ? 2 : 1) {
            throw self.error(.badNumber)
        }
        if self.peek() == UInt8(ascii: ".") {
            isInteger = false
            self.position += 1
            guard self.digits() > 0 else { throw self.error(.badNumber) }
        }
        if self.peek() == UInt8(ascii: "e") || self.peek() == UInt8(ascii: "E") {
            isInteger = false
            self.position += 1
            if self.peek() == UInt8(ascii: "+") || self.peek() == UInt8(ascii: "-") { self.position += 1 }
            guard self.digits() > 0 else { throw self.error(.badNumber) }
        }
        let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        return .number(text)
    }

    private func peek() -> UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func digits() -> Int {
        let start = self.position
        while let byte = self.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        return self.position - start
    }

    private mutating func string() throws(JSONError) -> String {
        self.position += 1
        let start = self.position
        var hasEscapes = false
        while true {
            switch try self.next() {
            case UInt8(ascii: "\""):
                let content = self.bytes[start..<(self.position - 1)]
                guard hasEscapes else {
                    guard let string = String(validating: content, as: UTF8.self) else { throw self.error(.badString) }
                    return string
                }
                return try self.unescape(content)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                _ = try self.next()
            case 0..<0x20: throw self.error(.badString)
            default: continue
            }
        }
    }

    /// Lone surrogates become U+FFFD: Swift strings cannot hold them.
    private func unescape(_ content: Slice<UnsafeRawBufferPointer>) throws(JSONError) -> String {
        var utf8: [UInt8] = []
        utf8.reserveCapacity(content.count)
        var index = content.startIndex
        while index < content.endIndex {
            guard content[index] == UInt8(ascii: "\\") else {
                utf8.append(content[index])
                index += 1
                continue
            }
            // The scan before made sure that a byte follows each backslash.
            let escape = content[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): utf8.append(escape)
            case UInt8(ascii: "b"): utf8.append(0x08)
            case UInt8(ascii: "f"): utf8.append(0x0C)
            case UInt8(ascii: "n"): utf8.append(0x0A)
            case UInt8(ascii: "r"): utf8.append(0x0D)
            case UInt8(ascii: "t"): utf8.append(0x09)
            case UInt8(ascii: "u"):
                guard let unit = Self.hexadecimal(content, at: index) else { throw self.error(.badString) }
                index += 4
                var scalar = UInt32(unit)
                if (0xD800..<0xDC00).contains(unit), index + 1 < content.endIndex, content[index] == UInt8(ascii: "\\"),
                    content[index + 1] == UInt8(ascii: "u"), let low = Self.hexadecimal(content, at: index + 2),
                    (0xDC00..<0xE000).contains(low)
                {
                    scalar = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
                    index += 6
                }
                utf8.append(contentsOf: Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8))
            default: throw self.error(.badString)
            }
        }
        guard let string = String(validating: utf8, as: UTF8.self) else { throw self.error(.badString) }
        return string
    }

    private static func hexadecimal(_ content: Slice<UnsafeRawBufferPointer>, at index: Int) -> UInt16? {
        guard index + 4 <= content.endIndex else { return nil }
        var value: UInt16 = 0
        for byte in content[index..<(index + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
