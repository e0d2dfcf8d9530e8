import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A file of JSON lines that tells what happened at the sandbox's edges, for checkers to read afterwards.
///
/// Lines wait in memory until the next write, at most 256 MiB of them; past that they are dropped, and the next write
/// says how many. A file that is there already is gone on with: its line numbers too.
final class Ledger: Service {
    private struct Pending: Sendable {
        var bytes = ByteBuffer()
        /// Lines in `bytes`.
        var lines: Int64 = 0
        var dropped: Int64 = 0
        /// Of the last line.
        var number: Int64
    }

    private static let limit = 256 << 20
    /// A larger buffer is given back after use.
    private static let keptBytes = 8 << 20

    /// The number of the last line that was in the file before. Connections are numbered from here on, so that no two
    /// in one file share a number: each has a line.
    let lastNumberBefore: Int64
    private let pending: Mutex<Pending>
    private let descriptor: CInt
    /// One write at a time; holds the buffer that the next lines go to.
    private let writing = Mutex(ByteBuffer())
    private let logger: Logger

    /// Makes the file, for its owner alone, when there is none.
    init(path: String, logger: Logger) throws(SandboxError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SandboxError(
                .ledgerUnusable, "can't open the ledger file \(path): \(String(cString: strerror(errno)))")
        }
        let number = Self.lastNumber(descriptor)
        self.descriptor = descriptor
        self.lastNumberBefore = number
        self.pending = Mutex(Pending(number: number))
        self.logger = logger
    }

    deinit { close(self.descriptor) }

    func record(_ entry: LedgerEntry) {
        let now = WallClock.now
        self.pending.withLock { pending in
            guard pending.bytes.readableBytes < Self.limit else {
                pending.dropped += 1
                return
            }
            pending.number += 1
            pending.lines += 1
            pending.bytes.writeLedgerLine(entry, at: now, number: pending.number)
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.flush()
                // Cancellation only ends the wait: the loop looks at it.
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        self.flush()
    }

    /// Writes what waits.
    func flush() {
        let lost = self.writing.withLock { spare -> Int64 in
            spare.clear()
            let lines = self.pending.withLock { pending -> Int64 in
                if pending.dropped > 0 {
                    pending.number += 1
                    pending.lines += 1
                    pending.bytes.writeLedgerLine(
                        .dropped(lines: pending.dropped), at: WallClock.now, number: pending.number)
                    pending.dropped = 0
                }
                swap(&pending.bytes, &spare)
                defer { pending.lines = 0 }
                return pending.lines
            }
            let isWritten = self.write(spare)
            if spare.capacity > Self.keptBytes { spare = ByteBuffer() }
            return isWritten ? 0 : lines
        }
        if lost > 0 { self.pending.withLock { $0.dropped += lost } }
    }

    private func write(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = Foundation.write(self.descriptor, part.baseAddress, part.count)
                guard count >= 0 || errno == EINTR else {
                    let reason = String(cString: strerror(errno))
                    self.logger.error("can't write the ledger", metadata: ["error": "\(reason)"])
                    // None of the lines counts as written, half a line least of all.
                    let end = lseek(self.descriptor, 0, SEEK_END)
                    let written = off_t(bytes.count - rest.count)
                    if written > 0, end >= written { _ = ftruncate(self.descriptor, end - written) }
                    return false
                }
                rest = rest.dropFirst(max(count, 0))
            }
            return true
        }
    }

    /// Of the last whole line in the file; 0 without one. What a crash left of a line that was being written is cut
    /// off.
    private static func lastNumber(_ descriptor: CInt) -> Int64 {
        // What can't be sought, such as a pipe, has nothing in it.
        let size = lseek(descriptor, 0, SEEK_END)
        guard size > 0 else { return 0 }
        var tail = [UInt8](repeating: 0, count: Int(min(size, 1 << 20)))
        let start = size - off_t(tail.count)
        guard pread(descriptor, &tail, tail.count, start) == tail.count else { return 0 }
        guard let end = tail.lastIndex(of: UInt8(ascii: "\n")) else { return 0 }
        if end + 1 < tail.count { _ = ftruncate(descriptor, start + off_t(end) + 1) }
        let line = tail[..<end].split(separator: UInt8(ascii: "\n")).last ?? []
        // A line that is none of ours has no number.
        let json = try? JSONValue(parsing: String(decoding: line, as: UTF8.self))
        return json?["n"]?.integer ?? 0
    }
}
