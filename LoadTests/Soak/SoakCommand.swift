import ArgumentParser
import Foundation
import Harness
import LocalStack

/// Runs a whole fleet under seeded faults and compares what the sandbox sent with what came out of the queues.
@main
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flotilla-soak",
        abstract: "A fleet under seeded faults, checked against the sandbox' ledger.",
        discussion: """
            It brings its own RabbitMQ, Redis and PostgreSQL, since it kills them. Standard output: one JSON object; \
            standard error: what happens. The exit code is 1 when a verdict is broken; the same seed has the same \
            schedule.
            """,
        subcommands: [Run.self, Failover.self, Operations.self, ShowSchedule.self],
        defaultSubcommand: Run.self)
}

/// Where the programs and the data of a run are.
struct Place: ParsableArguments {
    @Option(help: "Folder of flotilla and flotilla-sandbox; this program's own unless given.")
    var programs: String?

    @Option(help: "Folder for stores, logs and the ledger, new for each run; a temporary one unless given.")
    var directory: String?

    @Flag(help: "Keep a temporary folder after a run that holds.")
    var keep = false

    /// Runs `body` beside private stores.
    func run<Result: Sendable>(
        keepsFolder: (Result) -> Bool, _ body: @escaping @Sendable (FleetPlan, StoreAddresses) async throws -> Result
    ) async throws -> Result {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let programs = self.programs ?? URL(fileURLWithPath: own).deletingLastPathComponent().path
        let folder = self.directory ?? "\(NSTemporaryDirectory())flotilla-soak-\(UUID().uuidString)"
        let plan = FleetPlan(
            flotilla: "\(programs)/flotilla", sandbox: "\(programs)/flotilla-sandbox", directory: "\(folder)/fleet")
        for program in [plan.flotilla, plan.sandbox]
        where !FileManager.default.isExecutableFile(atPath: program) {
            throw ValidationError("\(program) isn't there: build it with make build, or name its folder by --programs")
        }
        Output.say("everything of this run is in \(folder)")
        let result = try await withStores(directory: "\(folder)/stores") { stores in try await body(plan, stores) }
        if self.directory == nil, !self.keep, !keepsFolder(result) {
            try FileManager.default.removeItem(atPath: folder)
        }
        return result
    }
}

enum Output {
    static func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    static func tell(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.tell(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func tell(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}
