package import Foundation

extension UUID: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .uuid }
    package static var expectedTypes: String { "uuid" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        withUnsafeBytes(of: self.uuid) { bytes.append(contentsOf: $0) }
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard type == .uuid else { throw .otherType }
        guard bytes.count == 16 else { throw .malformed("\(bytes.count) bytes instead of 16") }
        var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
        self.init(uuid: value)
    }
}

/// `timestamptz`, in microseconds; from 4713 BC to AD 294276.
extension Date: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .timestamptz }
    package static var expectedTypes: String { "timestamptz" }

    /// From PostgreSQL's epoch, 2000-01-01, to Foundation's, 2001-01-01.
    private static let secondsBetweenEpochs = 31_622_400.0
    /// MIN_TIMESTAMP and END_TIMESTAMP in PostgreSQL's `datatype/timestamp.h`.
    private static let microseconds: Range<Int64> = -211_813_488_000_000_000..<9_223_371_331_200_000_000

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        let seconds = self.timeIntervalSinceReferenceDate + Self.secondsBetweenEpochs
        guard let value = Int64(exactly: (seconds * 1_000_000).rounded()), Self.microseconds.contains(value) else {
            return .invalid(reason: "the date is outside of what timestamptz holds")
        }
        BinaryCodec.append(value, to: &bytes)
        return .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard type == .timestamptz else { throw .otherType }
        let value: Int64 = try BinaryCodec.integer(bytes)
        guard Self.microseconds.contains(value) else { throw .malformed("it is infinite or out of range") }
        self.init(timeIntervalSinceReferenceDate: Double(value) / 1_000_000 - Self.secondsBetweenEpochs)
    }
}
