/// Why a command was not done.
package struct ControlProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// What programs switch on. A code that is not listed here is kept as it came.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The request's `v` is not one that the shard knows.
        package static let unsupportedVersion = Code(rawValue: "unsupported_version")
        package static let unknownCommand = Code(rawValue: "unknown_command")
        /// A value is missing or wrong; the message names it.
        package static let badRequest = Code(rawValue: "bad_request")
        /// This process does not run the slot, or lets go of it. It may run elsewhere by now: ask again.
        package static let notRunning = Code(rawValue: "not_running")
        /// Too much waits for the slot already: ask again later.
        package static let busy = Code(rawValue: "busy")
        /// It could not be done within the request's time.
        package static let timeout = Code(rawValue: "timeout")
        /// Discord wants a pause; see ``ControlProblem/retryAfterMilliseconds``.
        package static let rateLimited = Code(rawValue: "rate_limited")
        /// Discord closed the connection because of it.
        package static let refused = Code(rawValue: "refused")
        /// A later command took its place before it was sent.
        package static let superseded = Code(rawValue: "superseded")
    }

    package let code: Code
    package let message: String
    /// When it makes sense to ask again; nil: not known.
    package let retryAfterMilliseconds: Int?

    package init(_ code: Code, _ message: String, retryAfterMilliseconds: Int? = nil) {
        self.code = code
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
