/// One statement whose interpolated values are parameters, never text:
/// `"select name from guild where id = \(id)"` is sent as `select name from guild where id = $1`.
///
/// `\(unsafeIdentifier: name)` quotes a name that can not be a parameter, such as a table. `\(fragment)`, itself an
/// `SQL`, is spliced in with its parameters renumbered.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// Text with `$1…` in place of values.
    package private(set) var text: String
    package private(set) var parameters: PostgresParameters
    /// The pieces of text around the parameters: what splicing into another statement renumbers.
    private var segments: [String]

    package init(stringLiteral value: String) {
        self.text = value
        self.parameters = PostgresParameters()
        self.segments = [value]
    }

    package init(stringInterpolation: StringInterpolation) {
        self.text = stringInterpolation.text
        self.parameters = stringInterpolation.parameters
        self.segments = stringInterpolation.segments
    }

    package struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var text = ""
        fileprivate var parameters = PostgresParameters()
        fileprivate var segments = [""]

        package init(literalCapacity: Int, interpolationCount: Int) {
            self.text.reserveCapacity(literalCapacity + interpolationCount * 3)
        }

        package mutating func appendLiteral(_ literal: String) { self.append(literal) }

        /// A value, sent as the next parameter.
        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            self.parameters.append(value)
            self.appendPlaceholder()
        }

        /// A value or, for `nil`, null.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            self.parameters.append(value)
            self.appendPlaceholder()
        }

        /// A name, put in double quotes; quotes inside are doubled, NUL is dropped. A dot does not separate: give
        /// schema and table as two names.
        package mutating func appendInterpolation(unsafeIdentifier name: String) {
            self.append(SQL.quoted(identifier: name))
        }

        /// Another statement's text and parameters.
        package mutating func appendInterpolation(_ fragment: SQL) {
            self.append(fragment.segments[0])
            for index in fragment.segments.indices.dropFirst() {
                self.parameters.append(copying: index - 1, of: fragment.parameters)
                self.appendPlaceholder()
                self.append(fragment.segments[index])
            }
        }

        private mutating func append(_ piece: String) {
            self.text += piece
            self.segments[self.segments.count - 1] += piece
        }

        private mutating func appendPlaceholder() {
            self.text += "$"
            self.text += String(self.parameters.count)
            self.segments.append("")
        }
    }

    static func quoted(identifier name: String) -> String {
        var quoted = "\""
        for scalar in name.unicodeScalars where scalar != "\0" {
            if scalar == "\"" { quoted.unicodeScalars.append("\"") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
