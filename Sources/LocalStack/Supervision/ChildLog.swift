import Foundation
import SystemPackage

/// The file that a process writes its output to. The file before it is kept as `<name>.log.1`.
struct ChildLog: Sendable {
    let path: String
    /// In bytes; past it the file is moved to `.1` and begun anew.
    let limit: Int64

    init(path: String, limit: Int64 = 16 << 20) {
        self.path = path
        self.limit = limit
    }

    /// At the start of the stack.
    func rotate() throws(LocalStackError) {
        guard FileManager.default.fileExists(atPath: self.path) else { return }
        do {
            // Not there at the first rotation.
            try? FileManager.default.removeItem(atPath: "\(self.path).1")
            try FileManager.default.moveItem(atPath: self.path, toPath: "\(self.path).1")
        } catch {
            throw LocalStackError(.files, "can't rotate \(self.path)", underlying: error)
        }
    }

    /// For appending, so that cutting the file while a process writes to it leaves no hole.
    func openForAppending() throws(LocalStackError) -> FileDescriptor {
        do {
            return try FileDescriptor.open(
                FilePath(self.path), .writeOnly, options: [.append, .create, .closeOnExec],
                permissions: [.ownerReadWrite])
        } catch {
            throw LocalStackError(.files, "can't write \(self.path)", underlying: error)
        }
    }

    var size: Int64 {
        // A file that isn't there is empty.
        let attributes = try? FileManager.default.attributesOfItem(atPath: self.path)
        return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
    }

    /// Copies the file to `.1` and empties it once it is larger than its limit. What is written in between is lost.
    func cutIfTooLarge() throws {
        guard self.size > self.limit else { return }
        // Not there at the first time.
        try? FileManager.default.removeItem(atPath: "\(self.path).1")
        try FileManager.default.copyItem(atPath: self.path, toPath: "\(self.path).1")
        guard truncate(self.path, 0) == 0 else {
            throw LocalStackError(.files, "can't empty \(self.path): \(String(cString: strerror(errno)))")
        }
    }

    /// The last lines that were written after `offset`, of the last 16 KiB at most.
    func lastLines(_ count: Int, after offset: Int64) -> [String] {
        // No file, no lines.
        guard let file = try? FileHandle(forReadingFrom: URL(fileURLWithPath: self.path)) else { return [] }
        defer { try? file.close() }  // it was only read
        do {
            let end = Int64(try file.seekToEnd())
            let begin = max(offset <= end ? offset : 0, end - (16 << 10))
            try file.seek(toOffset: UInt64(begin))
            let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            return text.split(whereSeparator: \.isNewline).suffix(count).map(Self.printable)
        } catch {
            return []
        }
    }

    /// Without escape sequences, and of a length that a terminal can show.
    private static func printable(_ line: Substring) -> String {
        String(String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }.prefix(400)))
    }
}
