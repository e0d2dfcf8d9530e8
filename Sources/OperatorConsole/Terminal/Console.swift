import Foundation
import Synchronization

/// Standard output for data, standard error for talk. What is not a terminal gets no colours and no rewritten lines.
package final class Console: Sendable {
    package let outputIsTerminal: Bool
    package let paint: Paint
    /// Whether somebody can be asked.
    package let canAsk: Bool
    private let errorIsTerminal: Bool
    private let errorPaint: Paint
    private let writeOutput: @Sendable (String) -> Void
    private let writeError: @Sendable (String) -> Void
    private let columns: @Sendable () -> Int
    private let progressLine = Mutex("")

    package init(
        outputIsTerminal: Bool, errorIsTerminal: Bool, inputIsTerminal: Bool, usesColor: Bool,
        columns: @escaping @Sendable () -> Int,
        output: @escaping @Sendable (String) -> Void, error: @escaping @Sendable (String) -> Void
    ) {
        self.outputIsTerminal = outputIsTerminal
        self.errorIsTerminal = errorIsTerminal
        self.canAsk = inputIsTerminal && errorIsTerminal
        self.paint = Paint(isOn: usesColor && outputIsTerminal)
        self.errorPaint = Paint(isOn: usesColor && errorIsTerminal)
        self.columns = columns
        self.writeOutput = output
        self.writeError = error
    }

    /// The one of this process. Colour is off when `NO_COLOR` is set, to whatever value but the empty one
    /// (no-color.org).
    package static func standard(environment: [String: String]) -> Console {
        let isCapable = environment["TERM"] != "dumb"
        return Console(
            outputIsTerminal: isatty(STDOUT_FILENO) == 1 && isCapable,
            errorIsTerminal: isatty(STDERR_FILENO) == 1 && isCapable,
            inputIsTerminal: isatty(STDIN_FILENO) == 1,
            usesColor: (environment["NO_COLOR"] ?? "").isEmpty,
            columns: { TerminalSize.current.columns },
            // Nobody is left to be told of a reader that is gone.
            output: { try? FileHandle.standardOutput.write(contentsOf: Data($0.utf8)) },
            error: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) })
    }

    // MARK: Data

    /// The terminal's width; nil: no terminal, nothing has to be cut.
    package var width: Int? { self.outputIsTerminal ? self.columns() : nil }

    package func print(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        self.endProgress()
        self.writeOutput(lines.joined(separator: "\n") + "\n")
    }

    package func print(_ table: TextTable) { self.print(table.lines(width: self.width, paint: self.paint)) }

    package func write(_ text: String) { self.writeOutput(text) }

    // MARK: Talk

    package func note(_ text: String) {
        self.endProgress()
        self.writeError("\(text)\n")
    }

    package func tellError(_ text: String) {
        self.endProgress()
        self.writeError("\(self.errorPaint("error:", .bad)) \(text)\n")
    }

    /// On a terminal a line that is rewritten; else a line whenever `text` is another one.
    package func progress(_ text: String, after elapsed: Duration) {
        self.progressLine.withLock { last in
            guard self.errorIsTerminal else {
                if last != text { self.writeError("\(text)\n") }
                last = text
                return
            }
            last = text
            let line = "\(text) (\(Phrase.duration(elapsed)))"
            // A line that the terminal breaks can't be rewritten.
            self.writeError("\r\u{1B}[K\(line.cut(to: max(1, self.columns() - 1)))")
        }
    }

    package func endProgress() {
        self.progressLine.withLock { last in
            if self.errorIsTerminal, !last.isEmpty { self.writeError("\r\u{1B}[K") }
            last = ""
        }
    }

    /// - Returns: whether the answer was yes.
    package func confirm(_ question: String) -> Bool {
        self.writeError("\(self.errorPaint(question, .strong)) [y/N] ")
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }
}

/// How large the terminal is.
struct TerminalSize: Sendable, Equatable {
    var columns: Int
    var rows: Int

    /// Of standard output, or else standard error; 80 by 24 where neither tells.
    static var current: TerminalSize {
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            var size = winsize()
            if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 {
                return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
            }
        }
        return TerminalSize(columns: 80, rows: 24)
    }
}
