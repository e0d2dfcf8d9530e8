/// One JSON value inside bytes that somebody else keeps: walks objects and arrays without building objects. It is good
/// for as long as the bytes are.
///
/// Grammar and duplicates are treated as by ``FrameSlice``: what is walked over is checked, and of duplicate keys the
/// last one counts.
package struct JSONSlice {
    package let bytes: UnsafeRawBufferPointer
    /// Where the value lies in `bytes`, without white space around it.
    package let range: Range<Int>

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    /// The one value that the bytes hold.
    package init(_ bytes: UnsafeRawBufferPointer) throws(SliceError) {
        guard var cursor = JSONCursor(bytes) else { throw SliceError(code: .truncated, offset: 0) }
        cursor.skipWhiteSpace()
        let start = cursor.offset
        try cursor.skipValue(within: 0)
        let end = cursor.offset
        cursor.skipWhiteSpace()
        guard cursor.offset == bytes.count else { throw cursor.error(.trailingBytes) }
        self.init(bytes, start..<end)
    }

    /// The value that a payload's slicer has found, and checked, before.
    package init(checked bytes: UnsafeRawBufferPointer) { self.init(bytes, 0..<bytes.count) }

    /// The value as written.
    package var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self.bytes[self.range]) }

    private var first: UInt8? { self.range.isEmpty ? nil : self.bytes[self.range.lowerBound] }
    package var isObject: Bool { self.first == UInt8(ascii: "{") }
    package var isArray: Bool { self.first == UInt8(ascii: "[") }
    package var isString: Bool { self.first == JSONCursor.quote }
    package var isNull: Bool { self.first == UInt8(ascii: "n") }
    package var isTrue: Bool { self.first == UInt8(ascii: "t") }

    /// A 64-bit unsigned number, as a string or as a number; `nil` for everything else.
    package var id: UInt64? {
        var range = self.range
        if self.first == JSONCursor.quote {
            range = (range.lowerBound + 1)..<(range.upperBound - 1)
        }
        return DecimalDigits.parse(self.bytes[range])
    }

    /// Whether it is a string that spells this ASCII word.
    package func spells(_ word: StaticString) -> Bool {
        guard self.first == JSONCursor.quote, let cursor = JSONCursor(self.bytes) else { return false }
        return cursor.contents((self.range.lowerBound + 1)..<(self.range.upperBound - 1), spell: word)
    }

    /// The text of a string without escapes; `nil` for everything else.
    package var plainString: String? {
        guard self.first == JSONCursor.quote else { return nil }
        let contents = self.bytes[(self.range.lowerBound + 1)..<(self.range.upperBound - 1)]
        return contents.contains(JSONCursor.backslash) ? nil : String(decoding: contents, as: UTF8.self)
    }

    // MARK: Objects

    /// A key of an object.
    package struct Key {
        let bytes: UnsafeRawBufferPointer
        let isEscaped: Bool
        /// From its opening quote to behind its closing one.
        package let range: Range<Int>

        /// Whether it spells this ASCII word.
        @inline(__always)
        package func `is`(_ word: StaticString) -> Bool {
            guard let cursor = JSONCursor(self.bytes) else { return false }
            let contents = (self.range.lowerBound + 1)..<(self.range.upperBound - 1)
            return self.isEscaped ? cursor.contents(contents, spell: word) : cursor.contents(contents, are: word)
        }
    }

    /// Calls `body` for each member of an object, in order; for anything but an object never.
    package func forEachMember(_ body: (Key, JSONSlice) throws(SliceError) -> Void) throws(SliceError) {
        guard self.isObject, var cursor = JSONCursor(self.bytes) else { return }
        cursor.offset = self.range.lowerBound + 1
        cursor.skipWhiteSpace()
        if try cursor.peek() == UInt8(ascii: "}") { return }
        while true {
            cursor.skipWhiteSpace()
            let keyStart = cursor.offset
            let isEscaped = try cursor.skipString()
            let key = Key(bytes: self.bytes, isEscaped: isEscaped, range: keyStart..<cursor.offset)
            cursor.skipWhiteSpace()
            try cursor.expect(UInt8(ascii: ":"))
            try body(key, try self.takeValue(&cursor))
            cursor.skipWhiteSpace()
            if try cursor.peek() == UInt8(ascii: "}") { return }
            try cursor.expect(UInt8(ascii: ","))
        }
    }

    /// Calls `body` for each element of an array, in order; for anything but an array never.
    package func forEachElement(_ body: (JSONSlice) throws(SliceError) -> Void) throws(SliceError) {
        guard self.isArray, var cursor = JSONCursor(self.bytes) else { return }
        cursor.offset = self.range.lowerBound + 1
        cursor.skipWhiteSpace()
        if try cursor.peek() == UInt8(ascii: "]") { return }
        while true {
            try body(try self.takeValue(&cursor))
            cursor.skipWhiteSpace()
            if try cursor.peek() == UInt8(ascii: "]") { return }
            try cursor.expect(UInt8(ascii: ","))
        }
    }

    /// A member's value; `nil` when there is none.
    package func member(_ name: StaticString) throws(SliceError) -> JSONSlice? {
        var found: JSONSlice?
        try self.forEachMember { (key, value) throws(SliceError) in
            if key.is(name) { found = value }
        }
        return found
    }

    private func takeValue(_ cursor: inout JSONCursor) throws(SliceError) -> JSONSlice {
        cursor.skipWhiteSpace()
        let start = cursor.offset
        try cursor.skipValue(within: 1)
        return JSONSlice(self.bytes, start..<cursor.offset)
    }
}
