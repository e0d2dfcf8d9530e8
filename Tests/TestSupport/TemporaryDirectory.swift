import Foundation

/// A folder of its own for one test; gone when the value is released.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(_ name: String = "flotilla") throws {
        self.path = NSTemporaryDirectory() + "\(name)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        // What can't be removed lies in the system's temporary folder and is removed with it.
        try? FileManager.default.removeItem(atPath: self.path)
    }

    package func path(_ name: String) -> String { "\(self.path)/\(name)" }

    package func write(_ text: String, to name: String) throws -> String {
        let path = self.path(name)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}
