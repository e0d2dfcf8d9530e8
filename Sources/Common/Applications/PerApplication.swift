package import Discord

/// A setting that applications may have values of their own for.
package struct PerApplication<Value: Sendable>: Sendable {
    /// Why a list of values can't be used.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    /// For all that have no other.
    package let common: Value
    package let own: [Snowflake: Value]

    package init(common: Value, own: [Snowflake: Value] = [:]) {
        self.common = common
        self.own = own
    }

    /// - Parameter list: `application=value` pairs with commas between.
    package init(common: Value, list: String, _ parse: (String) -> Value?) throws(Malformed) {
        var own: [Snowflake: Value] = [:]
        for pair in list.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            guard parts.count == 2, let application = Snowflake(parts[0]) else {
                throw Malformed(description: "\"\(pair)\" is none")
            }
            guard own[application] == nil else {
                throw Malformed(description: "application \(application) is named twice")
            }
            guard let value = parse(parts[1]) else {
                throw Malformed(description: "\"\(parts[1])\" is given for application \(application)")
            }
            own[application] = value
        }
        self.init(common: common, own: own)
    }

    package subscript(application: Snowflake) -> Value { self.own[application] ?? self.common }
}
