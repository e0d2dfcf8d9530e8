/// One byte.
extension Bool: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .bool }
    package static var expectedTypes: String { "bool" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        bytes.append(self ? 1 : 0)
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard type == .bool else { throw .otherType }
        self = try BinaryCodec.integer(bytes, as: UInt8.self) != 0
    }
}

/// Sent as its own width; read from any type of whole numbers, if the value fits.
package protocol PostgresInteger: PostgresEncodable, PostgresDecodable, FixedWidthInteger, SignedInteger {}

extension PostgresInteger {
    package static var expectedTypes: String { "int2, int4, int8, or a whole numeric, within \(Self.bitWidth) bits" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        BinaryCodec.append(self, to: &bytes)
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard let value = Self(exactly: try BinaryCodec.wholeNumber(bytes, type)) else {
            throw .malformed("it does not fit into \(Self.bitWidth) bits")
        }
        self = value
    }
}

extension Int16: PostgresInteger {
    package static var postgresType: PostgresType { .int2 }
}

extension Int32: PostgresInteger {
    package static var postgresType: PostgresType { .int4 }
}

extension Int64: PostgresInteger {
    package static var postgresType: PostgresType { .int8 }
}

extension Int: PostgresInteger {
    package static var postgresType: PostgresType { .int8 }
}

/// Stored as `bigint` with the same 64 bits: values from 2^63 on are negative there, and sort first. Discord's
/// snowflakes stay below 2^63 until the year 2084, so for them numbers and order are the same on both sides.
extension UInt64: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int8 }
    package static var expectedTypes: String { "int8" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        BinaryCodec.append(self, to: &bytes)
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard type == .int8 else { throw .otherType }
        self = try BinaryCodec.integer(bytes)
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .float8 }
    package static var expectedTypes: String { "float8, float4, int2, int4 or numeric" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        BinaryCodec.append(self.bitPattern, to: &bytes)
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        switch type {
        case .float8: self.init(bitPattern: try BinaryCodec.integer(bytes))
        case .float4: self.init(Float(bitPattern: try BinaryCodec.integer(bytes)))
        case .int2, .int4: self.init(try BinaryCodec.wholeNumber(bytes, type))
        case .numeric:
            guard let value = Double(try NumericText.decode(bytes)) else { throw .malformed("it is not a number") }
            self = value
        default: throw .otherType
        }
    }
}
