/// Reads JSON bytes once, from front to back: each value is taken as it lies there, or gone into. ``JSONSlice`` first
/// looks for a value's end and then into it, so that what lies deep is read once for each container around it.
///
/// Grammar and duplicates are treated as by ``JSONSlice``.
package struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private var cursor: JSONCursor

    package init(_ bytes: UnsafeRawBufferPointer) throws(SliceError) {
        guard let cursor = JSONCursor(bytes) else { throw SliceError(code: .truncated, offset: 0) }
        self.bytes = bytes
        self.cursor = cursor
    }

    /// Takes the next value, whatever it is.
    package mutating func takeValue() throws(SliceError) -> JSONSlice {
        self.cursor.skipWhiteSpace()
        let start = self.cursor.offset
        try self.cursor.skipValue(within: 0)
        return JSONSlice(self.bytes, start..<self.cursor.offset)
    }

    /// Takes the next value if it is `null`.
    package mutating func takeNull() throws(SliceError) -> Bool {
        self.cursor.skipWhiteSpace()
        guard try self.cursor.peek() == UInt8(ascii: "n") else { return false }
        try self.cursor.skipValue(within: 0)
        return true
    }

    /// Goes into the next value, an object; anything else is an error. Calls `body` for each member, which reads its
    /// value.
    package mutating func readMembers(
        _ body: (JSONSlice.Key, inout JSONReader) throws(SliceError) -> Void
    ) throws(SliceError) {
        try self.readContainer("{", "}") { (reader) throws(SliceError) in
            reader.cursor.skipWhiteSpace()
            let start = reader.cursor.offset
            let isEscaped = try reader.cursor.skipString()
            let key = JSONSlice.Key(
                bytes: reader.bytes, isEscaped: isEscaped, range: start..<reader.cursor.offset)
            reader.cursor.skipWhiteSpace()
            try reader.cursor.expect(UInt8(ascii: ":"))
            try body(key, &reader)
        }
    }

    /// Goes into the next value, an array; anything else is an error. Calls `body` for each element, which reads it.
    package mutating func readElements(
        _ body: (inout JSONReader) throws(SliceError) -> Void
    ) throws(SliceError) {
        try self.readContainer("[", "]", body)
    }

    @inline(__always)
    private mutating func readContainer(
        _ opening: Unicode.Scalar, _ closing: Unicode.Scalar,
        _ body: (inout JSONReader) throws(SliceError) -> Void
    ) throws(SliceError) {
        self.cursor.skipWhiteSpace()
        try self.cursor.expect(UInt8(ascii: opening))
        self.cursor.skipWhiteSpace()
        if try self.cursor.peek() == UInt8(ascii: closing) { return self.cursor.offset += 1 }
        while true {
            try body(&self)
            self.cursor.skipWhiteSpace()
            if try self.cursor.peek() == UInt8(ascii: closing) { return self.cursor.offset += 1 }
            try self.cursor.expect(UInt8(ascii: ","))
        }
    }

    /// Makes sure that only white space is left.
    package mutating func expectEnd() throws(SliceError) {
        self.cursor.skipWhiteSpace()
        guard self.cursor.offset == self.cursor.count else { throw self.cursor.error(.trailingBytes) }
    }
}
