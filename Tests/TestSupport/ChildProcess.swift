import Foundation
import Synchronization

/// A program that a test starts, watches, signals and leaves no trace of.
package final class ChildProcess: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package let processIdentifier: Int32
    /// The raw wait status; nil while the program runs.
    private let status = Mutex<Int32?>(nil)
    private let logPath: String
    private let directory: TemporaryDirectory?

    /// - Parameters:
    ///   - program: an absolute path, or a name looked up in `PATH`.
    ///   - environment: added to the test's own.
    ///   - log: the file that gets its output, after what is in it; nil: one that goes with this value.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], log: String? = nil
    ) throws {
        let directory = try log == nil ? TemporaryDirectory("child") : nil
        self.directory = directory
        self.logPath = log ?? directory?.path("output.log") ?? "/dev/null"
        self.processIdentifier = try Self.spawn(
            [program] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            output: self.logPath)
    }

    /// Foundation's `Process` hands the caller's blocked signals down; a child that can't be asked to end is of no use
    /// here.
    private static func spawn(_ words: [String], environment: [String: String], output: String) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var identifier: pid_t = 0
        let code = posix_spawnp(&identifier, words[0], &actions, &attributes, &arguments, &variables)
        guard code == 0 else {
            throw Failure(description: "can't start \(words[0]): \(String(cString: strerror(code)))")
        }
        return identifier
    }

    deinit {
        if self.isRunning {
            Foundation.kill(self.processIdentifier, SIGKILL)
            var status: Int32 = 0
            waitpid(self.processIdentifier, &status, 0)
        }
    }

    package var isRunning: Bool {
        self.status.withLock { status in
            guard status == nil else { return false }
            var raw: Int32 = 0
            guard waitpid(self.processIdentifier, &raw, WNOHANG) == self.processIdentifier else { return true }
            status = raw
            return false
        }
    }

    /// Standard output and standard error so far.
    package var output: String {
        // Not readable means nothing was written.
        (try? String(contentsOfFile: self.logPath, encoding: .utf8)) ?? ""
    }

    package func signal(_ signal: Int32) {
        // A number that was waited for may belong to another process by now.
        if self.isRunning { Foundation.kill(self.processIdentifier, signal) }
    }

    /// Waits for the end of the program and returns its exit status, or minus the signal that ended it.
    package func exitStatus(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await eventually(within: limit, "end of process \(self.processIdentifier)") { !self.isRunning }
        let raw = self.status.withLock { $0 } ?? 0
        let signal = raw & 0x7f
        return signal == 0 ? (raw >> 8) & 0xff : -signal
    }

    /// Waits for a text in the output.
    package func wait(for text: String, within limit: Duration = .seconds(20)) async throws {
        try await eventually(within: limit, "\"\(text)\" in the output") {
            if self.output.contains(text) { return true }
            if !self.isRunning { throw Failure(description: "the program ended; its output:\n\(self.output)") }
            return false
        }
    }

    /// Waits until something listens on a port of the loopback interface.
    package func wait(forPort port: Int, within limit: Duration = .seconds(20)) async throws {
        try await eventually(within: limit, "a listener on port \(port)") {
            if canConnect(toPort: port) { return true }
            if !self.isRunning { throw Failure(description: "the program ended; its output:\n\(self.output)") }
            return false
        }
    }

    /// Asks the program to end, then makes it.
    package func stop(within limit: Duration = .seconds(10)) async throws {
        self.signal(SIGTERM)
        do {
            _ = try await self.exitStatus(within: limit)
        } catch is NeverHappened {
            self.signal(SIGKILL)
            _ = try await self.exitStatus(within: limit)
        }
    }
}

/// Whether something accepts connections on a port of the loopback interface.
package func canConnect(toPort port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
