/// Why the sandbox could not start or go on.
package struct SandboxError: Error, CustomStringConvertible {
    package enum Code: Sendable { case storeUnusable, ledgerUnusable, noEntropy, tlsUnusable, stopped }
    package let code: Code
    package let message: String
    package let underlying: (any Error)?

    init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    package var description: String { self.underlying.map { "\(self.message): \($0)" } ?? self.message }
}
