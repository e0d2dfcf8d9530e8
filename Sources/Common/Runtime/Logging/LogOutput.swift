import Synchronization

/// Where log lines go.
package final class LogOutput: Sendable {
    package static let standardError = LogOutput { line in StandardError.write(line) }

    private let lock = Mutex(())
    private let sink: @Sendable (String) -> Void

    package init(_ sink: @escaping @Sendable (String) -> Void) { self.sink = sink }

    /// Lines of several threads never mix.
    func write(_ line: String) { self.lock.withLock { _ in self.sink(line) } }
}
