import Foundation

/// Holds a stack's directory for as long as the value lives. The kernel lets go of it when the process ends, in
/// whatever way.
final class StackLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `LocalStackError.alreadyRunning` when another process holds it.
    init(_ directory: StackDirectory) throws(LocalStackError) {
        let path = "\(directory.path)/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LocalStackError(.files, "can't open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var bytes = [UInt8](repeating: 0, count: 16)
            let count = max(0, pread(descriptor, &bytes, bytes.count, 0))
            let holder = String(decoding: bytes.prefix(count), as: UTF8.self).filter(\.isNumber)
            close(descriptor)
            throw LocalStackError(
                .alreadyRunning,
                "a stack already runs in \(directory.path)" + (holder.isEmpty ? "" : " (process \(holder))")
                    + ": stop it first, or choose another directory")
        }
        let number = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        pwrite(descriptor, number, number.count, 0)  // for the message above; without it the message is shorter
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }
}
