import Dispatch
import Foundation
import Synchronization

/// The terminal without lines and echo, on a screen of its own. Has to be left by ``leave()``.
final class RawTerminal: Sendable {
    private let saved: termios
    private let write: @Sendable (String) -> Void
    private let isLeft = Mutex(false)

    /// nil: standard input is no terminal.
    init?(write: @escaping @Sendable (String) -> Void) {
        var saved = termios()
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { return nil }
        var raw = saved
        // Ctrl-C comes as a key, so that the screen is put right in one place.
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        guard tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else { return nil }
        self.saved = saved
        self.write = write
        write("\u{1B}[?1049h\u{1B}[?25l")
    }

    /// Puts everything back. Safe to repeat.
    func leave() {
        let isFirst = self.isLeft.withLock { isLeft in
            defer { isLeft = true }
            return !isLeft
        }
        guard isFirst else { return }
        self.write("\u{1B}[?25h\u{1B}[?1049l")
        var saved = self.saved
        tcsetattr(STDIN_FILENO, TCSANOW, &saved)
    }

    /// Replaces the whole screen without flicker.
    func show(_ lines: [String]) {
        self.write("\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Hands on bytes as they are typed, until standard input or the task ends.
    static func forEachKey(_ body: (UInt8) -> Void) async {
        let (keys, continuation) = AsyncStream.makeStream(of: UInt8.self, bufferingPolicy: .bufferingNewest(64))
        let source = DispatchSource.makeReadSource(
            fileDescriptor: STDIN_FILENO, queue: DispatchQueue(label: "flotilla.keys"))
        source.setEventHandler {
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            guard count > 0 else { return continuation.finish() }
            for byte in bytes.prefix(count) { continuation.yield(byte) }
        }
        source.resume()
        defer { source.cancel() }
        for await key in keys { body(key) }
    }
}
