import Foundation

/// Where Debian's packages put the programs that the stack runs.
enum InstalledPrograms {
    static func named(_ name: String, package: String) throws(LocalStackError) -> String {
        let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        guard
            let path = folders.map({ "\($0)/\(name)" }).first(where: {
                FileManager.default.isExecutableFile(atPath: $0)
            })
        else { throw self.missing(name, package) }
        return path
    }

    /// RabbitMQ's own start script. The one in /usr/sbin insists on the user `rabbitmq`.
    static func rabbitMQServer() throws(LocalStackError) -> String {
        let folder = "/usr/lib/rabbitmq/lib"
        let scripts = self.versions(in: folder, prefix: "rabbitmq_server-").map {
            "\(folder)/\($0)/sbin/rabbitmq-server"
        }
        guard let script = scripts.last(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw self.missing("rabbitmq-server", "rabbitmq-server")
        }
        return script
    }

    /// PostgreSQL's folder of programs.
    ///
    /// - Parameter version: that of existing data, such as `15`; nil stands for the newest.
    static func postgres(version: String?) throws(LocalStackError) -> String {
        let folder = "/usr/lib/postgresql"
        let versions = version.map { [$0] } ?? self.versions(in: folder, prefix: "")
        guard
            let found = versions.last(where: {
                FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)/bin/postgres")
            })
        else { throw self.missing("postgres" + (version.map { " \($0)" } ?? ""), "postgresql") }
        return "\(folder)/\(found)/bin"
    }

    /// Oldest first.
    private static func versions(in folder: String, prefix: String) -> [String] {
        // No folder, nothing installed.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix(prefix) }.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    }

    private static func missing(_ program: String, _ package: String) -> LocalStackError {
        LocalStackError(.missingProgram, "\(program) isn't installed: sudo apt-get install \(package)")
    }
}
