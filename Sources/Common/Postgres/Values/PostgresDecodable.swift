/// A value that can be read from a column.
package protocol PostgresDecodable: Sendable {
    /// What columns it reads, for messages: `int2, int4 or int8`.
    static var expectedTypes: String { get }
    /// Reads the binary form of a value that is not null.
    init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem)
    /// `nil` unless the type has a value for null.
    static var valueForNull: Self? { get }
}

extension PostgresDecodable {
    package static var valueForNull: Self? { nil }
}

/// Why the bytes of one column are not the value asked for.
package enum PostgresValueProblem: Error, Equatable, Sendable {
    case otherType
    /// Such as `4 bytes instead of 8`; never the value itself.
    case malformed(String)
}
