/// Reads settings and remembers every problem, so that all of them are told at once.
///
/// A setting's key is dotted (`coordinator.url`); its environment variable is derived from it
/// (`FLOTILLA_COORDINATOR_URL`). Aliases are well-known names without the prefix, such as `REDIS_URL`. A secret, a URL
/// with a password included, may come from a file instead: `FLOTILLA_MEMBER_TOKEN_FILE`.
package final class SettingsReader {
    private let source: SettingsSource
    package private(set) var declarations: [SettingDeclaration] = []
    private var problems: [ConfigurationError.Problem] = []

    package init(_ source: SettingsSource) { self.source = source }

    /// - Throws: `ConfigurationError` with all problems of all settings read so far.
    package func finish() throws(ConfigurationError) {
        guard self.problems.isEmpty else { throw ConfigurationError(problems: self.problems) }
    }

    /// Environment variables with Flotilla's prefix that no setting read so far has, with the nearest name that one
    /// has.
    package func unknownVariables() -> [(variable: String, nearest: String?)] {
        let known = Set(self.declarations.flatMap { [$0.variable, $0.variable + "_FILE"] } + ["FLOTILLA_CONFIG"])
        return self.source.environment.keys
            .filter { $0.hasPrefix("FLOTILLA_") && !$0.hasPrefix("FLOTILLA_TEST_") && !known.contains($0) }
            .sorted()
            .map { name in (name, known.min { editDistance(name, $0) < editDistance(name, $1) }) }
    }

    // MARK: Types

    package func string(_ key: String, default value: String, aliases: [String] = [], help: String) -> String {
        self.read(key, "text", default: value, shown: value, aliases: aliases, help: help, expected: "a text") { $0 }
    }

    package func optionalString(_ key: String, aliases: [String] = [], help: String) -> String? {
        self.read(key, "text", default: nil, shown: nil, aliases: aliases, help: help, expected: "a text") { $0 }
    }

    package func requiredString(_ key: String, aliases: [String] = [], example: String, help: String) -> String {
        let value = self.optionalString(key, aliases: aliases, help: help)
        if value == nil { self.reportProblem(key, given: nil, expected: "a text such as \(example)") }
        return value ?? ""
    }

    package func int(_ key: String, default value: Int, in range: ClosedRange<Int>, help: String) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return self.read(key, "number", default: value, shown: "\(value)", aliases: [], help: help, expected: expected)
        {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package func bool(_ key: String, default value: Bool, help: String) -> Bool {
        self.read(
            key, "true or false", default: value, shown: "\(value)", aliases: [], help: help, expected: "true or false"
        ) {
            switch $0.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// Written as `500ms`, `30s`, `5m` or `1h`; a bare number counts seconds.
    package func duration(
        _ key: String,
        default value: Duration,
        in range: ClosedRange<Duration>,
        help: String
    ) -> Duration {
        let expected = "a duration from \(range.lowerBound) to \(range.upperBound), such as 500ms, 30s or 5m"
        return self.read(
            key, "duration", default: value, shown: "\(value)", aliases: [], help: help, expected: expected
        ) {
            parseDuration($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        default value: Choice,
        aliases: [String] = [],
        help: String
    ) -> Choice {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return self.read(
            key, names, default: value, shown: value.rawValue, aliases: aliases, help: help, expected: "one of \(names)"
        ) { Choice(rawValue: $0.lowercased()) }
    }

    package func optionalSecret(_ key: String, aliases: [String] = [], help: String) -> Secret? {
        let declaration = self.declare(key, "secret", shown: nil, aliases: aliases, help: help)
        return self.secretText(declaration).map(Secret.init)
    }

    /// The value itself, or what is in the file that `…_FILE` names; both is a mistake.
    private func secretText(_ declaration: SettingDeclaration) -> String? {
        let fileVariable = declaration.variable + "_FILE"
        let direct = self.value(for: declaration)
        guard let path = self.source.environment[fileVariable] else { return direct }
        if direct != nil {
            self.problems.append(
                .init(variable: fileVariable, given: path, expected: "\(declaration.variable) not to be set as well"))
        }
        guard let text = readTextFile(path), !text.isEmpty else {
            self.problems.append(
                .init(variable: fileVariable, given: path, expected: "the path of a readable file with the secret"))
            return nil
        }
        return text
    }

    package func requiredSecret(_ key: String, aliases: [String] = [], help: String) -> Secret {
        let before = self.problems.count
        let value = self.optionalSecret(key, aliases: aliases, help: help)
        if value == nil, self.problems.count == before {
            self.reportProblem(
                key, given: nil, expected: "a secret, here or in the file that \(Self.variable(for: key))_FILE names")
        }
        return value ?? Secret("")
    }

    /// Reads a value through a parser whose error says what is expected, such as a URL's.
    package func parsed<Value>(
        _ key: String,
        default text: String?,
        aliases: [String] = [],
        secret: Bool = false,
        expected: String,
        help: String,
        _ parse: (String) throws -> Value
    ) -> Value? {
        let declaration = self.declare(
            key, secret ? "secret URL" : "text", shown: secret ? nil : text, aliases: aliases, help: help)
        let before = self.problems.count
        guard let given = (secret ? self.secretText(declaration) : self.value(for: declaration)) ?? text else {
            if self.problems.count == before { self.reportProblem(key, given: nil, expected: expected) }
            return nil
        }
        do {
            return try parse(given)
        } catch {
            self.reportProblem(key, given: secret ? "***" : given, expected: "\(expected) (\(error))")
            return nil
        }
    }

    /// Adds a problem that only shows when several settings are seen together.
    package func reportProblem(_ key: String, given: String?, expected: String) {
        self.problems.append(.init(variable: Self.variable(for: key), given: given, expected: expected))
    }

    // MARK: Looking up

    static func variable(for key: String) -> String {
        "FLOTILLA_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    private func declare(
        _ key: String, _ type: String, shown: String?, aliases: [String], help: String
    ) -> SettingDeclaration {
        let declaration = SettingDeclaration(
            key: key, variable: Self.variable(for: key), aliases: aliases, type: type, defaultValue: shown, help: help)
        self.declarations.append(declaration)
        return declaration
    }

    private func value(for declaration: SettingDeclaration) -> String? {
        for name in [declaration.variable] + declaration.aliases {
            if let value = self.source.environment[name], !value.isEmpty { return value }
        }
        return self.source.file[declaration.key]
    }

    private func read<Value>(
        _ key: String,
        _ type: String,
        default fallback: Value,
        shown: String?,
        aliases: [String],
        help: String,
        expected: String,
        _ parse: (String) -> Value?
    ) -> Value {
        let declaration = self.declare(key, type, shown: shown, aliases: aliases, help: help)
        guard let text = self.value(for: declaration) else { return fallback }
        guard let value = parse(text) else {
            self.problems.append(.init(variable: declaration.variable, given: text, expected: expected))
            return fallback
        }
        return value
    }
}
