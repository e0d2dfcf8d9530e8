import ArgumentParser
import Foundation
import LocalStack

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Runs everything on this machine until Ctrl-C.",
        discussion:
            "With DISCORD_TOKEN or DISCORD_TOKENS the fleet talks to Discord; else to a sandbox that is started with it."
    )

    @Option(help: "Where data, logs, passwords and the choice of ports are kept.")
    var directory = ".flotilla"

    @Option(help: "Coordinators, from 1 to 3: one leads, the others stand by.")
    var coordinators = 1

    @Option(help: "Shard processes, from 1 to 64.")
    var shards = 2

    @Option(help: "Worker processes, from 1 to 64.")
    var workers = 2

    func validate() throws {
        guard (1...64).contains(self.shards), (1...64).contains(self.workers) else {
            throw ValidationError("--shards and --workers take whole numbers from 1 to 64")
        }
        guard (1...3).contains(self.coordinators) else { throw ValidationError("--coordinators takes 1, 2 or 3") }
    }

    func run() async throws {
        let options = UpOptions(
            directory: self.directory, executable: try OwnExecutable.path(), coordinators: self.coordinators,
            shards: self.shards, workers: self.workers, environment: ProcessInfo.processInfo.environment)
        throw ExitCode(try await up(options: options))
    }
}

struct WithStoresCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "with-stores",
        abstract: "Runs a command beside private RabbitMQ, Redis and PostgreSQL servers.",
        discussion:
            "FLOTILLA_TEST_AMQP_URL, FLOTILLA_TEST_REDIS_URL and FLOTILLA_TEST_DATABASE_URL tell the command where they are."
    )

    @Option(help: "Where the servers' data lies.")
    var directory: String

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String]

    func run() async throws {
        guard !self.command.isEmpty else { throw ValidationError("a command is expected after --") }
        throw ExitCode(
            try await runWithStores(
                directory: self.directory, command: self.command, environment: ProcessInfo.processInfo.environment))
    }
}
