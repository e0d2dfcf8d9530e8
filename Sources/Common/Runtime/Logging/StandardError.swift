import Foundation

/// Standard error, as a place that may be gone or full.
package enum StandardError {
    /// What can't be written is lost: a process must not end for want of a reader.
    package static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
