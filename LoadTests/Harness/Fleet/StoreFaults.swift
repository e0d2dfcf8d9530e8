import Foundation
import Logging
import Redis
import TestSupport

/// What is done to private stores from outside. Their supervisor starts them again. Each tells whether the store was
/// there.
struct StoreFaults: Sendable {
    let brokerPort: Int
    let redisPort: Int
    let databasePort: Int
    let redisURL: String

    func killBroker() throws -> Bool { try self.kill(port: self.brokerPort, "RabbitMQ") }
    func killRedis() throws -> Bool { try self.kill(port: self.redisPort, "Redis") }
    @discardableResult
    func killDatabase() throws -> Bool { try self.kill(port: self.databasePort, "PostgreSQL") }

    private func kill(port: Int, _ name: String) throws -> Bool {
        guard let process = try Listener.process(on: port) else { return false }
        guard Foundation.kill(process, SIGKILL) == 0 || errno == ESRCH else {
            throw HarnessError("can't kill \(name), process \(process): \(String(cString: strerror(errno)))")
        }
        return true
    }

    func flushRedis() async throws -> Bool {
        let client = try RedisClient(
            configuration: RedisConfiguration(url: self.redisURL),
            logger: Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() }))
        // A Redis that is away has nothing to flush.
        let answer = try? await client.command("FLUSHALL", timeout: .seconds(5))
        await client.shutdown()
        return answer != nil
    }

    /// Has the broker believe for so long that its memory is full. One that is killed meanwhile forgets it.
    func alarmBroker(for length: Duration) async throws -> Bool {
        guard let process = try Listener.process(on: self.brokerPort) else { return false }
        // The node's own environment tells the command where its cookie and its port mapper are.
        let entries = FileManager.default.contents(atPath: "/proc/\(process)/environ")?.split(separator: 0) ?? []
        var environment: [String: String] = [:]
        for entry in entries {
            let pair = String(decoding: entry, as: UTF8.self).split(separator: "=", maxSplits: 1)
            if pair.count == 2 { environment[String(pair[0])] = String(pair[1]) }
        }
        guard let node = environment["RABBITMQ_NODENAME"] else {
            throw HarnessError("the broker, process \(process), has no RABBITMQ_NODENAME in its environment")
        }
        let milliseconds = Int(length / .milliseconds(1))
        let script =
            "vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1}), timer:sleep(\(milliseconds)), "
            + "vm_memory_monitor:set_vm_memory_high_watermark(0.4)."
        let command = try ChildProcess(
            try Self.rabbitmqctl(), ["--node", node, "eval", script], environment: environment)
        // Killed meanwhile, or not yet up, it has no answer to give.
        return try await command.exitStatus(within: length + .seconds(60)) == 0
    }

    /// The one in /usr/sbin insists on the user `rabbitmq`.
    private static func rabbitmqctl() throws -> String {
        let folder = "/usr/lib/rabbitmq/lib"
        let versions = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix("rabbitmq_server-")
        }
        guard let newest = versions.max(by: { $0.compare($1, options: .numeric) == .orderedAscending }) else {
            throw HarnessError("no RabbitMQ in \(folder)")
        }
        return "\(folder)/\(newest)/sbin/rabbitmqctl"
    }
}
