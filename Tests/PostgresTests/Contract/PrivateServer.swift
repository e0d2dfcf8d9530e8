import Foundation
import TestSupport

/// A PostgreSQL server of one test: it asks for passwords, and can be stopped and started.
final class PrivateServer {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let port: Int
    private let directory: TemporaryDirectory
    private let data: String
    private var process: ChildProcess?

    private static let programs = "/usr/lib/postgresql/15/bin"

    /// The superuser is `postgres`, with the password `right`.
    init() async throws {
        self.port = try quietPort()
        self.directory = try TemporaryDirectory("postgres")
        self.data = self.directory.path("data")
        let password = try self.directory.write("right\n", to: "password")
        // PostgreSQL refuses to run as root.
        if geteuid() == 0 { try await Self.run("chown", ["-R", "nobody", self.directory.path]) }
        let arguments = [
            "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "--no-sync", "-E", "UTF8",
            "--locale", "C",
        ]
        try await Self.run(Self.command("initdb", arguments)[0], Array(Self.command("initdb", arguments)[1...]))
    }

    private static func command(_ program: String, _ arguments: [String]) -> [String] {
        let user = geteuid() == 0 ? ["setpriv", "--reuid", "nobody", "--clear-groups"] : ["env"]
        return user + ["\(self.programs)/\(program)"] + arguments
    }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let process = try ChildProcess(program, arguments)
        guard try await process.exitStatus(within: .seconds(30)) == 0 else {
            throw Failure(description: "\(program) failed: \(process.output)")
        }
    }

    func url(user: String = "postgres", password: String = "right", database: String = "postgres") -> String {
        "postgres://\(user):\(password)@127.0.0.1:\(self.port)/\(database)"
    }

    func start() async throws {
        let arguments = [
            "-D", self.data, "-p", String(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
            "-c", "unix_socket_directories=\(self.directory.path)",
        ]
        let command = Self.command("postgres", arguments)
        let process = try ChildProcess(command[0], Array(command[1...]))
        self.process = process
        try await process.wait(for: "ready to accept connections")
    }

    /// SIGINT is PostgreSQL's fast shutdown: it ends every session.
    func stop() async throws {
        self.process?.signal(SIGINT)
        _ = try await self.process?.exitStatus()
        self.process = nil
    }
}
