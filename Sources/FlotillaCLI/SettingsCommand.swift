import APIServer
import ArgumentParser
import Coordinator
import Runtime
import Shard
import Worker

/// Prints the settings of a role out of the same declarations that read them.
struct SettingsCommand: ParsableCommand {
    enum Role: String, CaseIterable, ExpressibleByArgument {
        case coordinator, shard, worker, api, migrate
    }

    static let configuration = CommandConfiguration(commandName: "settings", abstract: "Lists the settings of a role.")

    @Argument(help: "coordinator, shard, worker, api or migrate")
    var role: Role

    func run() {
        let reader = SettingsReader(SettingsSource(environment: [:]))
        _ = LoggingSettings(reader)
        switch self.role {
        case .coordinator: _ = CoordinatorSettings(reader, processID: 0)
        case .shard: _ = ShardSettings(reader, processID: 0, version: FlotillaCommand.version)
        case .worker: _ = WorkerSettings(reader, processID: 0, version: FlotillaCommand.version)
        case .api: _ = APIServerSettings(reader)
        case .migrate: _ = MigrateCommand.database(reader)
        }
        for setting in reader.declarations {
            let names = ([setting.variable] + setting.aliases).joined(separator: ", ")
            print(
                "\(names)\n    \(setting.help) \(setting.type); default: \(setting.defaultValue ?? "none"). In the file: \(setting.key)"
            )
        }
    }
}
