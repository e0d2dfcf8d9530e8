import Foundation

/// Reads a ledger line by line, also while the sandbox still writes it.
package struct LedgerReader {
    private static let blockSize = 1 << 20

    private let path: String
    private var offset: UInt64 = 0
    /// The beginning of a line whose end is not written yet.
    private var rest = Data()
    /// Whether what comes up to the next line feed belongs to a line that began before.
    private var isWithinLine = false

    package init(path: String) { self.path = path }

    /// Reads what is written from now on.
    init(endOf path: String) throws {
        self.path = path
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }  // only read from
            let size = try file.seekToEnd()
            // The last byte tells whether a line is half written.
            self.offset = max(size, 1) - 1
            self.isWithinLine = size > 0
        } catch {
            throw HarnessError("the ledger \(path) can't be read: \(error)")
        }
    }

    /// Reads from where it stopped to the end of what is written; a line without its end is left for the next time.
    package mutating func readOn(_ body: (LedgerLine) throws -> Void) throws {
        let file: FileHandle
        do {
            file = try FileHandle(forReadingFrom: URL(fileURLWithPath: self.path))
        } catch {
            throw HarnessError("the ledger \(self.path) can't be read: \(error)")
        }
        defer { try? file.close() }  // only read from
        try file.seek(toOffset: self.offset)
        while let block = try file.read(upToCount: Self.blockSize), !block.isEmpty {
            self.offset += UInt64(block.count)
            self.rest += block
            let used = try self.rest.withUnsafeBytes { bytes in
                var start = 0
                while let end = bytes[start...].firstIndex(of: 0x0A) {
                    if end > start, !self.isWithinLine {
                        try body(try LedgerLine(UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
                    }
                    self.isWithinLine = false
                    start = end + 1
                }
                return start
            }
            self.rest = Data(self.rest.dropFirst(used))
        }
    }
}
