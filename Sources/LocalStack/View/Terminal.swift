import Foundation
import Synchronization

/// Standard output: lines that stay, and on a terminal one line at the end that is rewritten in place.
final class Terminal: Sendable {
    /// Whether the last line may be rewritten.
    let isInteractive: Bool
    private let usesColor: Bool
    private let write: @Sendable (String) -> Void
    private let liveLine = Mutex("")

    init(isInteractive: Bool, usesColor: Bool, write: @escaping @Sendable (String) -> Void) {
        self.isInteractive = isInteractive
        self.usesColor = usesColor
        self.write = write
    }

    /// The one of this process. Colour is off when `NO_COLOR` is set, to whatever value but the empty one
    /// (no-color.org).
    static func standardOutput(environment: [String: String]) -> Terminal {
        let isInteractive = isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb"
        return Terminal(
            isInteractive: isInteractive, usesColor: isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
        ) { text in
            // A reader that is gone doesn't stop the stack.
            try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        }
    }

    enum Color: String {
        case green = "32"
        case red = "31"
        case yellow = "33"
        case faint = "2"
        case bold = "1"
    }

    func colored(_ text: String, _ color: Color) -> String {
        self.usesColor ? "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m" : text
    }

    func line(_ text: String) {
        self.liveLine.withLock { live in
            self.write(live.isEmpty ? "\(text)\n" : "\r\u{1B}[K\(text)\n\(live)")
        }
    }

    /// Rewrites the last line; does nothing where that isn't possible.
    func live(_ text: String) {
        guard self.isInteractive else { return }
        self.liveLine.withLock { live in
            guard live != text else { return }
            live = Self.fitting(text)
            self.write("\r\u{1B}[K\(live)")
        }
    }

    /// A line that the terminal breaks can't be rewritten.
    private static func fitting(_ text: String) -> String {
        var size = winsize()
        let columns = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
        return String(text.prefix(columns - 1))
    }
}
