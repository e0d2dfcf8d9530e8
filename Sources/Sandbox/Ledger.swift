import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A file of JSON lines that tells what happened at the sandbox's edges, for checkers to read afterwards.
///
/// Lines wait in memory until the next write, at most 16 MiB of them; past that they are dropped, and the next write
/// says how many.
final class Ledger: Service {
    private struct Pending: Sendable {
        var bytes = ByteBuffer()
        var dropped: Int64 = 0
        var number: Int64 = 0
    }

    private static let limit = 16 << 20
    private let pending = Mutex(Pending())
    private let file: FileHandle
    private let writeLock = Mutex(())
    private let logger: Logger

    /// Appends to the file, which is made when there is none.
    init(path: String, logger: Logger) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw SandboxError(
                .ledgerUnusable, "can't open the ledger file \(path): \(String(cString: strerror(errno)))")
        }
        self.file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        self.logger = logger
    }

    /// One line: `at` in milliseconds since the Unix epoch, `n` counting lines, `kind` and the facts.
    func record(_ kind: String, _ facts: JSONObject) {
        self.pending.withLock { pending in
            guard pending.bytes.readableBytes < Self.limit else {
                pending.dropped += 1
                return
            }
            pending.number += 1
            var line: JSONObject = [
                "at": .integer(WallClock.now.milliseconds), "n": .integer(pending.number), "kind": .string(kind),
            ]
            line.members += facts.members
            JSONValue.object(line).write(to: &pending.bytes)
            pending.bytes.writeStaticString("\n")
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.flush()
                // Cancellation only ends the wait: the loop looks at it.
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        self.flush()
    }

    func flush() {
        self.writeLock.withLock { _ in
            let (bytes, dropped) = self.pending.withLock { pending in
                defer {
                    pending.bytes = ByteBuffer()
                    pending.dropped = 0
                }
                return (pending.bytes, pending.dropped)
            }
            do {
                if bytes.readableBytes > 0 { try self.file.write(contentsOf: Data(bytes.readableBytesView)) }
            } catch {
                self.logger.error("can't write the ledger", metadata: ["error": "\(error)"])
            }
            if dropped > 0 { self.record("dropped", ["lines": .integer(dropped)]) }
        }
    }
}
