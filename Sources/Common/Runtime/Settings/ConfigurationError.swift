/// Everything that is wrong with the settings, found in one look, before a socket is opened.
package struct ConfigurationError: Error, CustomStringConvertible {
    package struct Problem: Sendable, Equatable {
        /// The environment variable, such as `FLOTILLA_HTTP_PORT`.
        package let variable: String
        /// What was given, `***` for a secret; nil when nothing was.
        package let given: String?
        package let expected: String
    }

    package let problems: [Problem]

    package var description: String {
        let lines = self.problems.map { problem in
            "  \(problem.variable): \(problem.given.map { "\"\($0)\" given" } ?? "not set"), expected \(problem.expected)"
        }
        return (["The configuration has \(self.problems.count) problem(s):"] + lines).joined(separator: "\n")
    }
}
