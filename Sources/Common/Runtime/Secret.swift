/// A text that must not reach a log, an error or an answer. Every way to print it gives `***`.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) { self.value = value }

    /// The text itself. Call it where the text is sent, and nowhere else.
    package func reveal() -> String { self.value }

    package var isEmpty: Bool { self.value.isEmpty }
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }

    /// Whether both hold the same text, in a time that tells only whether the lengths differ.
    package func matches(_ other: Secret) -> Bool {
        let mine = Array(self.value.utf8)
        let theirs = Array(other.value.utf8)
        guard mine.count == theirs.count else { return false }
        return zip(mine, theirs).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
