/// PostgreSQL's binary integers are big-endian, and lengths are exact.
enum BinaryCodec {
    static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    static func integer<Value: FixedWidthInteger>(
        _ bytes: ArraySlice<UInt8>,
        as type: Value.Type = Value.self
    ) throws(PostgresValueProblem) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count == size else { throw .malformed("\(bytes.count) bytes instead of \(size)") }
        return bytes.reduce(0) { ($0 << 8) | Value(truncatingIfNeeded: $1) }
    }

    static func text(_ bytes: ArraySlice<UInt8>) throws(PostgresValueProblem) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed("it is not UTF-8") }
        return text
    }

    /// Any whole number, from any type that holds one.
    static func wholeNumber(_ bytes: ArraySlice<UInt8>, _ type: PostgresType) throws(PostgresValueProblem) -> Int64 {
        switch type {
        case .int2: return Int64(try self.integer(bytes, as: Int16.self))
        case .int4: return Int64(try self.integer(bytes, as: Int32.self))
        case .int8: return try self.integer(bytes, as: Int64.self)
        case .oid: return Int64(try self.integer(bytes, as: UInt32.self))
        case .numeric:
            let parts = try NumericText.decode(bytes).split(separator: ".", maxSplits: 1)
            guard parts.count < 2 || parts[1].allSatisfy({ $0 == "0" }), let value = parts.first.flatMap({ Int64($0) })
            else { throw .malformed("it is not a whole number of 64 bits") }
            return value
        default: throw .otherType
        }
    }
}

/// The binary form of `numeric`: digits of base 10000.
enum NumericText {
    static func decode(_ bytes: ArraySlice<UInt8>) throws(PostgresValueProblem) -> String {
        func field(_ index: Int) -> Int16 {
            let start = bytes.startIndex + index * 2
            return Int16(bitPattern: UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1]))
        }
        guard bytes.count >= 8 else { throw .malformed("\(bytes.count) bytes instead of 8 or more") }
        let count = Int(field(0))
        let weight = Int(field(1))
        let scale = Int(field(3))
        guard count >= 0, bytes.count == 8 + count * 2 else {
            throw .malformed("\(bytes.count) bytes for \(count) digits")
        }
        switch UInt16(bitPattern: field(2)) {
        case 0x0000, 0x4000: break
        case 0xC000: return "NaN"
        case 0xD000: return "Infinity"
        case 0xF000: return "-Infinity"
        default: throw .malformed("its sign is unknown")
        }
        guard scale >= 0 else { throw .malformed("its scale is negative") }
        func group(_ place: Int) throws(PostgresValueProblem) -> String {
            guard (0..<count).contains(place) else { return "0000" }
            let digits = field(4 + place)
            guard (0..<10_000).contains(digits) else { throw .malformed("a digit is not below 10000") }
            let text = String(digits)
            return String(repeating: "0", count: 4 - text.count) + text
        }
        var whole = ""
        if weight >= 0 { for place in 0...weight { whole += try group(place) } }
        let kept = whole.drop { $0 == "0" }
        var fraction = ""
        var place = weight + 1
        while fraction.utf8.count < scale {
            fraction += try group(place)
            place += 1
        }
        let text = (kept.isEmpty ? "0" : String(kept)) + (scale > 0 ? "." + fraction.prefix(scale) : "")
        return (field(2) == 0x4000 ? "-" : "") + text
    }
}
