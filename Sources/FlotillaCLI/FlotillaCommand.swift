import ArgumentParser

@main
struct FlotillaCommand: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "flotilla",
        abstract: "Runs large fleets of Discord bots.",
        discussion: """
            Each role of a fleet is a subcommand. Settings are environment variables (FLOTILLA_…) or keys of the JSON file that \
            FLOTILLA_CONFIG names; `flotilla settings ROLE` lists them.
            """,
        version: version,
        subcommands: [
            CoordinatorCommand.self, ShardCommand.self, WorkerCommand.self, APICommand.self, MigrateCommand.self,
            SettingsCommand.self, UpCommand.self, WithStoresCommand.self,
        ]
    )
}
