/// Checks a table's bounds and depth before librabbitmq decodes it: its decoder recurses as deep as the bytes say.
struct AMQPTableScanner {
    static let maximumDepth = 32

    private let bytes: UnsafeRawBufferPointer
    private var offset: Int

    init(_ bytes: UnsafeRawBufferPointer, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// Whether a whole, sane table starts at the offset.
    mutating func acceptsTable(depth: Int = 1) -> Bool {
        guard depth <= Self.maximumDepth, let limit = self.limitOfLongLength() else { return false }
        while self.offset < limit {
            guard let keyLength = self.byte(), self.skip(Int(keyLength)), self.acceptsValue(depth: depth) else {
                return false
            }
        }
        return self.offset == limit
    }

    private mutating func acceptsArray(depth: Int) -> Bool {
        guard depth <= Self.maximumDepth, let limit = self.limitOfLongLength() else { return false }
        while self.offset < limit {
            guard self.acceptsValue(depth: depth) else { return false }
        }
        return self.offset == limit
    }

    private mutating func acceptsValue(depth: Int) -> Bool {
        guard let kind = self.byte() else { return false }
        switch kind {
        case UInt8(ascii: "V"): return true
        case UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "B"): return self.skip(1)
        case UInt8(ascii: "s"), UInt8(ascii: "u"): return self.skip(2)
        case UInt8(ascii: "I"), UInt8(ascii: "i"), UInt8(ascii: "f"): return self.skip(4)
        case UInt8(ascii: "D"): return self.skip(5)
        case UInt8(ascii: "l"), UInt8(ascii: "L"), UInt8(ascii: "d"), UInt8(ascii: "T"): return self.skip(8)
        case UInt8(ascii: "S"), UInt8(ascii: "x"):
            guard let limit = self.limitOfLongLength() else { return false }
            self.offset = limit
            return true
        case UInt8(ascii: "A"): return self.acceptsArray(depth: depth + 1)
        case UInt8(ascii: "F"): return self.acceptsTable(depth: depth + 1)
        default: return false
        }
    }

    mutating func skipShortString() -> Bool {
        guard let length = self.byte() else { return false }
        return self.skip(Int(length))
    }

    private mutating func byte() -> UInt8? {
        guard self.offset < self.bytes.count else { return nil }
        defer { self.offset += 1 }
        return self.bytes[self.offset]
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard count <= self.bytes.count - self.offset else { return false }
        self.offset += count
        return true
    }

    private mutating func limitOfLongLength() -> Int? {
        guard self.bytes.count - self.offset >= 4 else { return nil }
        let length = Int(UInt32(bigEndian: self.bytes.loadUnaligned(fromByteOffset: self.offset, as: UInt32.self)))
        self.offset += 4
        guard length <= self.bytes.count - self.offset else { return nil }
        return self.offset + length
    }
}
