/// Walks JSON bytes in place. Every read is checked against the end; nothing is copied or allocated.
struct JSONCursor {
    let base: UnsafeRawPointer
    let count: Int
    var offset = 0

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return nil }
        self.base = base
        self.count = bytes.count
    }

    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    private static var quotes: SIMD16<UInt8> { SIMD16(repeating: 0x22) }
    private static var backslashes: SIMD16<UInt8> { SIMD16(repeating: 0x5C) }
    private static var spaces: SIMD16<UInt8> { SIMD16(repeating: 0x20) }

    func error(_ code: SliceError.Code) -> SliceError { SliceError(code: code, offset: self.offset) }

    /// The byte at `offset`, which the caller has checked.
    @inline(__always)
    func byte(at offset: Int) -> UInt8 { self.base.load(fromByteOffset: offset, as: UInt8.self) }

    /// The next byte; the end of the bytes is an error.
    @inline(__always)
    func peek() throws(SliceError) -> UInt8 {
        guard self.offset < self.count else { throw self.error(.truncated) }
        return self.byte(at: self.offset)
    }

    @inline(__always)
    mutating func skipWhiteSpace() {
        while self.offset < self.count {
            let byte = self.byte(at: self.offset)
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            self.offset += 1
        }
    }

    @inline(__always)
    mutating func expect(_ expected: UInt8) throws(SliceError) {
        guard try self.peek() == expected else { throw self.error(.unexpectedByte) }
        self.offset += 1
    }

    // MARK: Strings

    /// Skips a string, from its opening quote to behind its closing one. Returns whether it has escapes.
    @inline(__always)
    mutating func skipString() throws(SliceError) -> Bool {
        try self.expect(Self.quote)
        var escaped = false
        while true {
            self.skipPlainBytes()
            switch try self.peek() {
            case Self.quote:
                self.offset += 1
                return escaped
            case Self.backslash:
                escaped = true
                try self.skipEscape()
            default:
                throw self.error(.controlCharacter)
            }
        }
    }

    /// Moves to the next quote, backslash or control character, or to the end.
    @inline(__always)
    private mutating func skipPlainBytes() {
        var at = self.offset
        while self.count - at >= 16 {
            let bytes = self.base.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
            // Vectors on both sides: comparing with a scalar goes lane by lane, 25 times slower.
            let stops = (bytes .== Self.quotes) .| (bytes .== Self.backslashes) .| (bytes .< Self.spaces)
            // A lane that stops is all ones: the first one is where the trailing zeros end.
            let halves = unsafeBitCast(stops, to: SIMD2<UInt64>.self)
            let low = UInt64(littleEndian: halves[0])
            if low != 0 {
                self.offset = at + low.trailingZeroBitCount / 8
                return
            }
            let high = UInt64(littleEndian: halves[1])
            if high != 0 {
                self.offset = at + 8 + high.trailingZeroBitCount / 8
                return
            }
            at += 16
        }
        while at < self.count {
            let byte = self.byte(at: at)
            if byte == Self.quote || byte == Self.backslash || byte < 0x20 { break }
            at += 1
        }
        self.offset = at
    }

    private mutating func skipEscape() throws(SliceError) {
        self.offset += 1
        switch try self.peek() {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            self.offset += 1
        case UInt8(ascii: "u"):
            self.offset += 1
            for _ in 0..<4 {
                guard Self.hexValue(try self.peek()) != nil else { throw self.error(.invalidEscape) }
                self.offset += 1
            }
        default:
            throw self.error(.invalidEscape)
        }
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte &- 0x30)
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte &- 0x61 &+ 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte &- 0x41 &+ 10)
        default: nil
        }
    }

    /// The next UTF-16 unit of an escape, or the next raw byte, of string contents that were skipped (so: checked)
    /// before.
    func nextUnit(at offset: inout Int, end: Int) -> UInt32 {
        let byte = self.byte(at: offset)
        offset += 1
        guard byte == Self.backslash, offset < end else { return UInt32(byte) }
        let kind = self.byte(at: offset)
        offset += 1
        switch kind {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            var unit: UInt32 = 0
            for _ in 0..<4 where offset < end {
                unit = unit << 4 | (Self.hexValue(self.byte(at: offset)) ?? 0)
                offset += 1
            }
            return unit
        default: return UInt32(kind)
        }
    }

    /// Whether bytes of a string without escapes are an ASCII word.
    @inline(__always)
    func contents(_ range: Range<Int>, are word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount
        where self.byte(at: range.lowerBound + index) != word.utf8Start[index] { return false }
        return true
    }

    /// Whether the contents of a skipped string spell an ASCII word.
    func contents(_ range: Range<Int>, spell word: StaticString) -> Bool {
        var at = range.lowerBound
        var matched = 0
        while at < range.upperBound {
            let unit = self.nextUnit(at: &at, end: range.upperBound)
            guard matched < word.utf8CodeUnitCount, unit == UInt32(word.utf8Start[matched]) else { return false }
            matched += 1
        }
        return matched == word.utf8CodeUnitCount
    }

    // MARK: Other values

    /// Skips a number by JSON's grammar. Returns whether it is written as an integer.
    mutating func skipNumber() throws(SliceError) -> Bool {
        let start = self.offset
        var isInteger = true
        if try self.peek() == UInt8(ascii: "-") { self.offset += 1 }
        let first = try self.peek()
        guard first &- 0x30 < 10 else { throw self.error(self.offset == start ? .unexpectedByte : .invalidNumber) }
        self.offset += 1
        if first != UInt8(ascii: "0") { self.skipDigits() }
        if self.offset < self.count, self.byte(at: self.offset) == UInt8(ascii: ".") {
            isInteger = false
            self.offset += 1
            try self.requireDigits()
        }
        if self.offset < self.count, self.byte(at: self.offset) | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            self.offset += 1
            let sign = try self.peek()
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { self.offset += 1 }
            try self.requireDigits()
        }
        return isInteger
    }

    /// The number that the contents of a skipped string or number spell; `nil`: none of 64 bits.
    func decimal(_ contents: Range<Int>, isEscaped: Bool) -> UInt64? {
        // Without escapes a byte is a digit, and 19 digits always fit.
        guard !isEscaped, 1...19 ~= contents.count else { return self.longDecimal(contents, isEscaped: isEscaped) }
        var value: UInt64 = 0
        for offset in contents {
            let digit = self.byte(at: offset) &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    private func longDecimal(_ contents: Range<Int>, isEscaped: Bool) -> UInt64? {
        var value: UInt64 = 0
        var digits = 0
        var at = contents.lowerBound
        while at < contents.upperBound {
            let unit: UInt32
            if isEscaped {
                unit = self.nextUnit(at: &at, end: contents.upperBound)
            } else {
                unit = UInt32(self.byte(at: at))
                at += 1
            }
            let digit = unit &- 0x30
            guard digit < 10, digits < 20 else { return nil }
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !over, !carry else { return nil }
            value = sum
            digits += 1
        }
        return digits == 0 ? nil : value
    }

    @inline(__always)
    private mutating func skipDigits() {
        while self.offset < self.count, self.byte(at: self.offset) &- 0x30 < 10 { self.offset += 1 }
    }

    private mutating func requireDigits() throws(SliceError) {
        guard try self.peek() &- 0x30 < 10 else { throw self.error(.invalidNumber) }
        self.skipDigits()
    }

    @inline(__always)
    private mutating func skipLiteral(_ word: StaticString) throws(SliceError) {
        let end = self.offset + word.utf8CodeUnitCount
        if end <= self.count, self.contents(self.offset..<end, are: word) {
            self.offset = end
            return
        }
        // Only to tell where it goes wrong.
        for index in 0..<word.utf8CodeUnitCount {
            try self.expect(word.utf8Start[index])
        }
    }

    /// Skips a value that is no container; white space before it is skipped already.
    @inline(__always)
    private mutating func skipScalar(_ first: UInt8) throws(SliceError) {
        switch first {
        case Self.quote: _ = try self.skipString()
        case UInt8(ascii: "n"): try self.skipLiteral("null")
        case UInt8(ascii: "t"): try self.skipLiteral("true")
        case UInt8(ascii: "f"): try self.skipLiteral("false")
        default: _ = try self.skipNumber()
        }
    }

    /// Skips a key and its colon.
    @inline(__always)
    private mutating func skipKey() throws(SliceError) {
        self.skipWhiteSpace()
        _ = try self.skipString()
        self.skipWhiteSpace()
        try self.expect(UInt8(ascii: ":"))
    }

    /// Skips one value of any kind that lies inside `outer` containers. No recursion: hostile depth costs no stack.
    mutating func skipValue(within outer: Int) throws(SliceError) {
        var depth = 0
        // The kinds of the open containers, the innermost one lowest: 1 for an object.
        var kinds: UInt128 = 0
        while true {
            self.skipWhiteSpace()
            let first = try self.peek()
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                guard outer + depth < FrameSlice.maximumDepth else { throw self.error(.tooDeep) }
                self.offset += 1
                self.skipWhiteSpace()
                // `}` and `]` are two after their opening bytes.
                if try self.peek() == first + 2 {
                    self.offset += 1
                } else {
                    let isObject = first == UInt8(ascii: "{")
                    kinds = kinds << 1 | (isObject ? 1 : 0)
                    depth += 1
                    if isObject { try self.skipKey() }
                    continue
                }
            } else {
                try self.skipScalar(first)
            }
            closing: while true {
                if depth == 0 { return }
                self.skipWhiteSpace()
                let byte = try self.peek()
                let isObject = kinds & 1 == 1
                if byte == UInt8(ascii: ",") {
                    self.offset += 1
                    if isObject { try self.skipKey() }
                    break closing
                }
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw self.error(.unexpectedByte)
                }
                self.offset += 1
                kinds >>= 1
                depth -= 1
            }
        }
    }
}
