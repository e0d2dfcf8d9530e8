/// Why the stack can't run here, or stopped.
package struct LocalStackError: Error, CustomStringConvertible {
    package enum Code: Sendable {
        /// Another stack runs in the same directory.
        case alreadyRunning
        /// A program of a package that isn't installed.
        case missingProgram
        /// A file or directory can't be made, read or reached.
        case files
        /// A process can't be launched, didn't become ready in time, or died too often before it did.
        case notStarted
        /// A process says that its configuration is wrong; running it again changes nothing.
        case configuration
    }

    package let code: Code
    /// For people: what was attempted, what to do. Never a password.
    package let message: String
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    package var description: String {
        guard let underlying = self.underlying else { return self.message }
        return "\(self.message) (\(underlying))"
    }
}
