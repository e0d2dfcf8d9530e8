/// `nil` is null.
extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding { self?.encode(into: &bytes) ?? .null }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static var expectedTypes: String { "\(Wrapped.expectedTypes), or null" }
    package static var valueForNull: Wrapped?? { .some(nil) }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        self = try Wrapped(postgres: bytes, type: type)
    }
}

/// A type with a raw value conforms with `extension Name: PostgresEncodable, PostgresDecodable {}`.
extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    package static var postgresType: PostgresType { RawValue.postgresType }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding { self.rawValue.encode(into: &bytes) }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    package static var expectedTypes: String { "\(RawValue.expectedTypes), a \(Self.self)" }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        guard let value = Self(rawValue: try RawValue(postgres: bytes, type: type)) else {
            throw .malformed("it is none of the values of \(Self.self)")
        }
        self = value
    }
}
