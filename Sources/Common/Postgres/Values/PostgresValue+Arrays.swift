package import Foundation

/// What an array may hold. An array of bytes is `bytea`; the others are PostgreSQL arrays of one dimension.
package protocol PostgresArrayElement: PostgresEncodable, PostgresDecodable {
    static var postgresArrayType: PostgresType { get }
    static func encodeArray(_ array: [Self], into bytes: inout [UInt8]) -> PostgresEncoding
    static func decodeArray(_ bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) -> [Self]
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: PostgresType { Element.postgresArrayType }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding { Element.encodeArray(self, into: &bytes) }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package static var expectedTypes: String {
        Element.self == UInt8.self ? "bytea" : "an array of one dimension, each element \(Element.expectedTypes)"
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        self = try Element.decodeArray(bytes, type: type)
    }
}

extension PostgresArrayElement {
    package static func encodeArray(_ array: [Self], into bytes: inout [UInt8]) -> PostgresEncoding {
        guard let count = Int32(exactly: array.count) else { return .invalid(reason: "the array is too long") }
        BinaryCodec.append(Int32(count == 0 ? 0 : 1), to: &bytes)  // dimensions
        BinaryCodec.append(Int32(0), to: &bytes)  // no nulls
        BinaryCodec.append(Self.postgresType.rawValue, to: &bytes)
        guard count > 0 else { return .value }
        BinaryCodec.append(count, to: &bytes)
        BinaryCodec.append(Int32(1), to: &bytes)  // the index of the first
        for element in array {
            let start = bytes.count
            BinaryCodec.append(Int32(0), to: &bytes)
            let encoding = element.encode(into: &bytes)
            guard encoding == .value else { return encoding }
            guard let length = UInt32(exactly: bytes.count - start - 4) else {
                return .invalid(reason: "an element is too long")
            }
            for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: length >> (24 - place * 8)) }
        }
        return .value
    }

    package static func decodeArray(
        _ bytes: ArraySlice<UInt8>,
        type: PostgresType
    ) throws(PostgresValueProblem) -> [Self] {
        guard type.isArray else { throw .otherType }
        var rest = bytes
        func take(_ count: Int) throws(PostgresValueProblem) -> ArraySlice<UInt8> {
            guard count >= 0, rest.count >= count else { throw .malformed("the array ends too early") }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        let dimensions: Int32 = try BinaryCodec.integer(take(4))
        _ = try take(4)
        let element = PostgresType(rawValue: try BinaryCodec.integer(take(4)))
        guard dimensions != 0 else { return [] }
        guard dimensions == 1 else { throw .malformed("it has \(dimensions) dimensions") }
        let count: Int32 = try BinaryCodec.integer(take(4))
        _ = try take(4)
        // Each element has a length of 4 bytes, so a count that lies reserves nothing.
        guard count >= 0, rest.count / 4 >= Int(count) else { throw .malformed("the array ends too early") }
        var array: [Self] = []
        array.reserveCapacity(Int(count))
        for _ in 0..<count {
            let length: Int32 = try BinaryCodec.integer(take(4))
            guard length >= 0 else {
                guard let null = Self.valueForNull else { throw .malformed("an element is null") }
                array.append(null)
                continue
            }
            array.append(try Self(postgres: take(Int(length)), type: element))
        }
        guard rest.isEmpty else { throw .malformed("bytes follow the array") }
        return array
    }
}

extension Int16: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .int2Array }
}

extension Int32: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .int4Array }
}

extension Int64: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .int8Array }
}

extension Int: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .int8Array }
}

extension UInt64: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .int8Array }
}

extension String: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .textArray }
}

extension UUID: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .uuidArray }
}

/// Only as the element of `bytea`.
extension UInt8: PostgresArrayElement {
    package static var postgresType: PostgresType { .int2 }
    package static var postgresArrayType: PostgresType { .bytea }
    package static var expectedTypes: String { "int2, int4, int8, or a whole numeric, within 8 bits" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding { Int16(self).encode(into: &bytes) }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard let value = UInt8(exactly: try BinaryCodec.wholeNumber(bytes, type)) else {
            throw .malformed("it does not fit into 8 bits")
        }
        self = value
    }

    package static func encodeArray(_ array: [UInt8], into bytes: inout [UInt8]) -> PostgresEncoding {
        bytes.append(contentsOf: array)
        return .value
    }

    package static func decodeArray(
        _ bytes: ArraySlice<UInt8>,
        type: PostgresType
    ) throws(PostgresValueProblem) -> [UInt8] {
        guard type == .bytea else { throw .otherType }
        return Array(bytes)
    }
}
