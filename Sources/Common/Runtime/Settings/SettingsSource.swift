import Foundation

/// Where settings come from: environment variables first, then one JSON file.
package struct SettingsSource: Sendable {
    package var environment: [String: String]
    /// Values of the file under dotted keys: `{"http": {"port": 1}}` is `http.port`.
    var file: [String: String]

    package init(environment: [String: String], file: [String: String] = [:]) {
        self.environment = environment
        self.file = file
    }

    /// The process' environment, and the file that `FLOTILLA_CONFIG` names, if it names one.
    package static func process() throws(ConfigurationError) -> SettingsSource {
        let environment = ProcessInfo.processInfo.environment
        guard let path = environment["FLOTILLA_CONFIG"] else { return SettingsSource(environment: environment) }
        func problem(_ expected: String) -> ConfigurationError {
            ConfigurationError(problems: [.init(variable: "FLOTILLA_CONFIG", given: path, expected: expected)])
        }
        // Why it can't be read does not change what to do.
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw problem("the path of a readable file")
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw problem("a file that holds one JSON object")
        }
        return SettingsSource(environment: environment, file: flatten(object, prefix: ""))
    }

    private static func flatten(_ object: [String: Any], prefix: String) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in object {
            switch value {
            case let nested as [String: Any]:
                values.merge(flatten(nested, prefix: "\(prefix)\(name).")) { first, _ in first }
            case let list as [Any]:
                values[prefix + name] = list.map { "\($0)" }.joined(separator: ",")
            case let number as NSNumber where CFBooleanLike.isBoolean(number):
                values[prefix + name] = number.boolValue ? "true" : "false"
            default:
                values[prefix + name] = "\(value)"
            }
        }
        return values
    }
}

/// JSON's true and false arrive as numbers; their type code tells them apart.
private enum CFBooleanLike {
    static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
