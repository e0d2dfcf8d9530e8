import Logging
import Runtime
import Synchronization

/// What a process logs, for a test to look at.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var logger: Logger {
        Logger(label: "shard") { label in
            LineLogHandler(
                label: label, level: .info, format: .text,
                output: LogOutput { line in self.lines.withLock { $0.append(line) } })
        }
    }

    func last(_ count: Int) -> String { self.lines.withLock { $0.suffix(count).joined() } }

    func count(of text: String) -> Int { self.lines.withLock { $0.count { $0.contains(text) } } }
}
