/// Exit codes of Flotilla's programs, after sysexits.h.
package enum ExitCode {
    package static let failure: Int32 = 1
    /// A service that is needed is away (EX_UNAVAILABLE).
    package static let unavailable: Int32 = 69
    /// The configuration is wrong; starting again changes nothing (EX_CONFIG).
    package static let configuration: Int32 = 78

    package static func code(for error: any Error) -> Int32 {
        switch error {
        case is ConfigurationError: self.configuration
        case is ListenerError: self.unavailable
        default: self.failure
        }
    }
}
