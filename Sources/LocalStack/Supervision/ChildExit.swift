/// How a process ended.
package enum ChildExit: Sendable, Equatable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)
    case notLaunched(String)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signaled(9): "killed (signal 9)"
        case .signaled(let signal): "signal \(signal)"
        case .notLaunched(let reason): reason
        }
    }

    /// As a shell gives it: 128 and the signal's number, 127 when nothing ran.
    package var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        case .notLaunched: 127
        }
    }
}
