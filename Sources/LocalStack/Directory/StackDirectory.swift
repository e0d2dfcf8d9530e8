import Foundation

/// The folder that a stack keeps everything in, and that only one stack uses at a time.
struct StackDirectory: Sendable {
    /// Absolute, without symbolic links.
    let path: String

    var logs: String { "\(self.path)/logs" }
    var redis: String { "\(self.path)/redis" }
    var rabbitMQ: String { "\(self.path)/rabbitmq" }
    var postgres: String { "\(self.path)/postgres" }
    var sandbox: String { "\(self.path)/sandbox" }

    /// Makes the folder where it is missing. Others may pass through it, for PostgreSQL's own user, but not list it.
    /// A folder that was there keeps its mode: it may be anybody's.
    ///
    /// - Parameter user: who uses it, by default this process' user. Another user's stack is not taken over, not even
    ///   by root: its owner could never use it again.
    init(creating path: String, for user: uid_t = geteuid()) throws(LocalStackError) {
        let isThere = FileManager.default.fileExists(atPath: path)
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw LocalStackError(.files, "can't make the directory \(path)", underlying: error)
        }
        guard let resolved = realpath(path, nil) else {
            throw LocalStackError(.files, "can't reach \(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        self.path = String(cString: resolved)
        if !isThere { try Self.make(self.path, mode: 0o711) }
        try self.refuseStackOfOthers(than: user)
        for folder in [self.logs, self.redis, self.rabbitMQ, self.sandbox] { try Self.make(folder, mode: 0o700) }
    }

    private func refuseStackOfOthers(than user: uid_t) throws(LocalStackError) {
        let parts = ["lock", "secrets", "ports.json", "logs", "redis", "rabbitmq", "sandbox"]
        for part in parts.map({ "\(self.path)/\($0)" }) {
            // What isn't there yet is nobody's.
            let owner = try? FileManager.default.attributesOfItem(atPath: part)[.ownerAccountID] as? NSNumber
            guard let owner = owner?.uint32Value, owner != user else { continue }
            throw LocalStackError(
                .files,
                "\(part) belongs to user \(UserName.of(owner)), and this is \(UserName.of(user)): "
                    + "be that user, choose another directory (--directory), or remove \(self.path)")
        }
    }

    static func make(_ path: String, mode: Int) throws(LocalStackError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        } catch {
            throw LocalStackError(.files, "can't make the directory \(path)", underlying: error)
        }
    }

    /// Writes a file that only its owner may read, so that no reader ever sees half of it.
    static func writePrivately(_ text: String, to path: String) throws(LocalStackError) {
        let temporary = "\(path).new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LocalStackError(.files, "can't write \(temporary): \(String(cString: strerror(errno)))")
        }
        do {
            try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: Data(text.utf8))
        } catch {
            throw LocalStackError(.files, "can't write \(temporary)", underlying: error)
        }
        guard rename(temporary, path) == 0 else {
            throw LocalStackError(.files, "can't write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
