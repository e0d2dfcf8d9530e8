import Foundation

/// The executable `flotilla coordinator` beside this one, as it is run in production.
struct CoordinatorProcess {
    static let memberToken = "bench-member"

    let url: String
    private let process: Process

    static func start(database: String, broker: String, discord: String, shards: Int) throws -> CoordinatorProcess {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("flotilla")
        guard FileManager.default.isExecutableFile(atPath: executable.path) else {
            throw BenchmarkError(
                "\(executable.path) is missing: build it with swift build -c release --product flotilla")
        }
        let environment = [
            "FLOTILLA_DATABASE_URL": database, "FLOTILLA_AMQP_URL": broker, "FLOTILLA_MEMBER_TOKEN": self.memberToken,
            "FLOTILLA_OPERATOR_TOKEN": "bench-operator", "FLOTILLA_DISCORD_TOKEN": "bench-bot", "DISCORD_TOKEN": "",
            "FLOTILLA_DISCORD_API_URL": discord, "FLOTILLA_SHARDS": "\(shards)", "FLOTILLA_LOG_LEVEL": "warning",
        ]
        let migration = Process()
        migration.executableURL = executable
        migration.arguments = ["migrate"]
        migration.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try migration.run()
        migration.waitUntilExit()
        guard migration.terminationStatus == 0 else { throw BenchmarkError("flotilla migrate failed") }
        for _ in 0..<5 {
            let port = Int.random(in: 20_000...30_000)
            let process = Process()
            process.executableURL = executable
            process.arguments = ["coordinator"]
            process.environment = migration.environment?.merging(["FLOTILLA_HTTP_PORT": "\(port)"]) { $1 }
            try process.run()
            // A port that is taken ends it at once.
            for _ in 0..<300 where process.isRunning {
                if ListeningProcess.id(port: port) == process.processIdentifier {
                    return CoordinatorProcess(url: "http://127.0.0.1:\(port)", process: process)
                }
                Thread.sleep(forTimeInterval: 0.05)
            }
            process.terminate()
        }
        throw BenchmarkError("flotilla coordinator does not listen: its log tells why")
    }

    /// CPU that it has used, in seconds: user and system time of proc(5), in ticks of 10 ms.
    func cpuSeconds() throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(self.process.processIdentifier)/stat", encoding: .utf8)
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw BenchmarkError("the coordinator has ended")
        }
        return (user + system) / 100
    }

    func residentMegabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(self.process.processIdentifier)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
    }

    func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }
}
