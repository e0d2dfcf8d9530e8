/// Sent as `text`; cast it where PostgreSQL does not do so by itself: `\(name)::mood`. Read from any type whose binary
/// form is text, and from `jsonb` and `numeric`.
extension String: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .text }
    package static var expectedTypes: String { "text, varchar, char, name, json, jsonb, numeric or an enum" }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        let start = bytes.count
        bytes.append(contentsOf: self.utf8)
        return bytes[start...].contains(0) ? .invalid(reason: "PostgreSQL's text holds no NUL characters") : .value
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        switch type {
        case .jsonb: self = try PostgresJSON(postgres: bytes, type: type).text
        case .numeric: self = try NumericText.decode(bytes)
        case _ where type.isTextual: self = try BinaryCodec.text(bytes)
        default: throw .otherType
        }
    }
}

/// JSON as text, sent as `jsonb`.
package struct PostgresJSON: Sendable, Equatable, PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .jsonb }
    package static var expectedTypes: String { "jsonb or json" }

    /// The only version there is of `jsonb`'s binary form.
    private static let version: UInt8 = 1

    package let text: String

    package init(text: String) { self.text = text }

    package func encode(into bytes: inout [UInt8]) -> PostgresEncoding {
        bytes.append(Self.version)
        return self.text.encode(into: &bytes)
    }

    package init(postgres bytes: ArraySlice<UInt8>, type: PostgresType) throws(PostgresValueProblem) {
        switch type {
        case .json: self.text = try BinaryCodec.text(bytes)
        case .jsonb:
            guard bytes.first == Self.version else { throw .malformed("its version is unknown") }
            self.text = try BinaryCodec.text(bytes.dropFirst())
        default: throw .otherType
        }
    }
}
