package import ClusterClient

/// Why a command didn't do what was asked; the raw value of its code is the program's exit code.
package struct ConsoleError: Error, CustomStringConvertible {
    package enum Code: Int32, Sendable {
        /// The coordinator refused, or the operator said no when asked.
        case refused = 1
        /// The command line or the settings are wrong.
        case usage = 2
        /// The coordinator can't be reached, or none leads.
        case unreachable = 3
        case unauthorized = 4
        /// With `--wait`: time ran out, or the operation was rolled back or stopped.
        case unfinished = 5
    }

    package let code: Code
    /// For people: what was wrong and what to do. Harmless on a terminal.
    package let message: String
    package var description: String { self.message }

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = HarmlessText.of(message)
    }

    package init(_ failure: OperatorClient.Failure) {
        let code: Code =
            switch failure.code {
            case .unreachable, .unclear: .unreachable
            case .unauthorized: .unauthorized
            case .refused: .refused
            }
        self.init(code, failure.message)
    }
}
