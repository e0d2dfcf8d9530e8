/// Discord's 64-bit id: milliseconds since 2015 in bits 63–22, then worker, process and increment.
package struct Snowflake: RawRepresentable, Hashable, Sendable {
    /// Discord's epoch, 2015-01-01T00:00:00Z, in milliseconds since the Unix epoch.
    package static let epochMilliseconds: Int64 = 1_420_070_400_000

    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The smallest id of that moment (milliseconds since the Unix epoch); earlier than Discord's epoch counts as its
    /// start.
    package init(milliseconds: Int64) {
        let (since, overflow) = milliseconds.subtractingReportingOverflow(Self.epochMilliseconds)
        self.rawValue = overflow || since < 0 ? 0 : UInt64(since) << 22
    }

    /// Parses 1 to 20 decimal digits that fit into 64 bits; signs, spaces and anything else give `nil`.
    package init?(_ text: some StringProtocol) {
        guard let value = DecimalDigits.parse(text.utf8) else { return nil }
        self.rawValue = value
    }

    /// When the id was made, in milliseconds since the Unix epoch.
    package var milliseconds: Int64 { Int64(self.rawValue >> 22) + Self.epochMilliseconds }
}

extension Snowflake: Comparable {
    package static func < (left: Snowflake, right: Snowflake) -> Bool { left.rawValue < right.rawValue }
}

extension Snowflake: CustomStringConvertible {
    package var description: String { String(self.rawValue) }
}

extension Snowflake: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.rawValue = value }
}

extension Snowflake: Codable, CodingKeyRepresentable {
    /// Takes a string or an integer: Discord echoes ids that are too small as integers.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // A value that is no string is tried as an integer, whose error is then the one told.
        if let text = try? container.decode(String.self) {
            guard let value = Snowflake(text) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a snowflake")
            }
            self = value
        } else {
            self.rawValue = try container.decode(UInt64.self)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    package var codingKey: any CodingKey { Key(stringValue: self.description) }

    package init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }
}
