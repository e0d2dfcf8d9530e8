import Foundation
import SystemPackage

/// A PostgreSQL of our own, on loopback, behind a password, without a Unix socket.
struct PostgresServer: Sendable {
    static let user = "flotilla"
    static let database = "flotilla"

    let directory: String
    let port: Int
    private let account: UnprivilegedAccount?

    /// - Parameter directory: may become a symbolic link, when PostgreSQL's user can't reach it.
    init(directory: String, port: Int) throws(LocalStackError) {
        self.directory = directory
        self.port = port
        self.account = getuid() == 0 ? try UnprivilegedAccount.forPostgres() : nil
    }

    init(directory: String, ports: inout StackPorts) throws(LocalStackError) {
        try self.init(directory: directory, port: try ports.choose("postgres", usual: 5432))
    }

    func url(password: String) -> String {
        "postgres://\(Self.user):\(password)@127.0.0.1:\(self.port)/\(Self.database)"
    }

    /// Past the symbolic link, if it is one: its own folder may be closed to PostgreSQL's user.
    private var folder: String {
        // Not a link in most cases.
        (try? FileManager.default.destinationOfSymbolicLink(atPath: self.directory)) ?? self.directory
    }

    private var data: String { "\(self.folder)/data" }

    private static let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"]

    var settings: [String] {
        [
            "listen_addresses=127.0.0.1", "port=\(self.port)", "unix_socket_directories=", "max_connections=200",
            "log_min_messages=warning", "logging_collector=off",
        ]
    }

    /// Makes the data at the first start: all or nothing.
    func prepare(_ secrets: StackSecrets, mark: MarkedProcesses, log: ChildLog) async throws(LocalStackError) {
        try self.makeDirectory()
        if FileManager.default.fileExists(atPath: "\(self.data)/PG_VERSION") { return }
        let programs = try InstalledPrograms.postgres(version: nil)
        let unfinished = "\(self.folder)/unfinished"
        let passwordFile = "\(self.folder)/password"
        // Left by a first start that was cut off.
        try? FileManager.default.removeItem(atPath: unfinished)
        try StackDirectory.writePrivately("\(secrets.database)\n", to: passwordFile)
        defer { unlink(passwordFile) }
        if let account = self.account { try account.own(passwordFile) }
        try await self.runToEnd(
            "\(programs)/initdb",
            [
                "-D", unfinished, "-U", Self.user, "--pwfile=\(passwordFile)", "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8", "--no-sync", "--no-instructions",
            ], mark: mark, log: log)
        // The server's own single-user mode needs neither a port nor the client package.
        try await self.runToEnd(
            "/bin/sh",
            [
                "-c", #"echo 'create database "\#(Self.database)"' | "$1" --single -D "$2" postgres"#, "sh",
                "\(programs)/postgres", unfinished,
            ], mark: mark, log: log)
        guard rename(unfinished, self.data) == 0 else {
            throw LocalStackError(.files, "can't rename \(unfinished): \(String(cString: strerror(errno)))")
        }
    }

    func specification(mark: MarkedProcesses) throws(LocalStackError) -> ChildSpecification {
        // Readable for root and for the owner; without it the newest version is tried.
        let version = try? String(contentsOfFile: "\(self.data)/PG_VERSION", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let programs = try InstalledPrograms.postgres(version: version)
        let arguments = ["-D", self.data] + self.settings.flatMap { ["-c", $0] }
        let command = try self.command("\(programs)/postgres", arguments)
        return ChildSpecification(
            name: "postgres",
            title: "PostgreSQL",
            executable: command.executable,
            arguments: command.arguments,
            environment: mark.adding(to: Self.environment),
            readiness: .probe(.postgres(port: self.port, user: Self.user, database: Self.database)),
            stopSignal: SIGINT,  // "fast": ends its clients' sessions
            stopLimit: .seconds(4))
    }

    private func command(
        _ executable: String, _ arguments: [String]
    ) throws(LocalStackError) -> (executable: String, arguments: [String]) {
        guard let account = self.account else { return (executable, arguments) }
        return (
            try InstalledPrograms.named("setpriv", package: "util-linux"),
            ["--reuid=\(account.name)", "--regid=\(account.group)", "--init-groups", "--", executable] + arguments
        )
    }

    private func runToEnd(
        _ executable: String, _ arguments: [String], mark: MarkedProcesses, log: ChildLog
    ) async throws(LocalStackError) {
        let offset = log.size
        let output = try log.openForAppending()
        defer { try? output.close() }  // nothing of ours was written
        let command = try self.command(executable, arguments)
        let exit = await ProcessLaunch.run(
            command.executable, command.arguments, environment: mark.adding(to: Self.environment), output: output
        ) { _ in }
        guard exit == .exited(0) else {
            let lines = log.lastLines(6, after: offset).joined(separator: "\n  ")
            throw LocalStackError(.notStarted, "can't make PostgreSQL's data: \(executable): \(exit)\n  \(lines)")
        }
    }

    /// A folder of PostgreSQL's user. Where the way to it is closed to that user, as below a private home, a link to
    /// one in /var/tmp.
    private func makeDirectory() throws(LocalStackError) {
        if FileManager.default.fileExists(atPath: self.data) { return }
        guard let account = self.account else { return try StackDirectory.make(self.directory, mode: 0o700) }
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: self.directory)) != nil {
            // Made below at an earlier start; when its target is gone, so is the data.
            if FileManager.default.fileExists(atPath: self.directory) { return }
            unlink(self.directory)
        }
        if account.canReach(URL(fileURLWithPath: self.directory).deletingLastPathComponent().path) {
            try StackDirectory.make(self.directory, mode: 0o700)
            return try account.own(self.directory)
        }
        var template = Array("/var/tmp/flotilla-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw LocalStackError(.files, "can't make a directory in /var/tmp: \(String(cString: strerror(errno)))")
        }
        let target = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try account.own(target)
        // An empty folder of a start that was cut off.
        rmdir(self.directory)
        guard symlink(target, self.directory) == 0 else {
            throw LocalStackError(.files, "can't link \(self.directory): \(String(cString: strerror(errno)))")
        }
    }
}
