import ArgumentParser
import Foundation
import Runtime

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
            SettingsCommand.self, UpCommand.self, WithStoresCommand.self, CtlCommand.self,
        ]
    )

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try await asyncParseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard arguments.first == "ctl", self.exitCode(for: error) == .validationFailure else {
                self.exit(withError: error)
            }
            var message = self.fullMessage(for: error)
            if let suggestion = CtlCommand.suggestion(for: Array(arguments.dropFirst())) {
                message =
                    "Error: there is no `flotilla ctl \(suggestion.given)`. "
                    + "Did you mean `flotilla ctl \(suggestion.meant)`?"
            }
            StandardError.write("\(message)\n")
            Foundation.exit(CtlCommand.usageExitCode)
        }
    }
}
