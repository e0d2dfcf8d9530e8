import ArgumentParser
import ClusterAPI
import ClusterClient
import Discord
import Foundation
import OperatorConsole
import Runtime

/// Where the coordinator is.
struct ConnectionArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The coordinator's address; several with commas between.", discussion: "Else FLOTILLA_COORDINATOR_URL.",
            valueName: "url"), completion: .list([]))
    var coordinator: String?

    @Option(
        help: ArgumentHelp("A file with an operator's token.", discussion: "Else FLOTILLA_OPERATOR_TOKEN."),
        completion: .file())
    var tokenFile: String?

    @Option(help: "Where `flotilla up` keeps its data (default: .flotilla).", completion: .directory)
    var directory: String?

    private var choice: CoordinatorAddress.Choice {
        .init(coordinator: self.coordinator, tokenFile: self.tokenFile, directory: self.directory)
    }

    /// - Throws: the exit code; what went wrong has been told.
    func run(_ body: (Session) async throws -> Void) async throws {
        let console = Console.standard(environment: ProcessInfo.processInfo.environment)
        let code = await Session.run(self.choice, console: console, body)
        if code != 0 { throw ArgumentParser.ExitCode(code) }
    }
}

struct OutputArguments: ParsableArguments {
    enum Style: String, CaseIterable, ExpressibleByArgument {
        case wide, json
    }

    @Flag(help: "The API's JSON instead of text for people.")
    var json = false

    @Option(name: .shortAndLong, help: "More columns (wide), or JSON (json).")
    var output: Style?

    var isJSON: Bool { self.json || self.output == .json }
    var isWide: Bool { self.output == .wide }

    func validate() throws {
        if self.json, self.output == .wide { throw ValidationError("--json and -o wide exclude each other") }
    }
}

struct WaitArguments: ParsableArguments {
    @Flag(help: "Show progress until it is done, failed or rolled back.")
    var wait = false

    @Option(
        help: ArgumentHelp(
            "How long to wait at most, such as 90s or 10m (default: 10m).", discussion: "Exit code 5 when it is over.",
            valueName: "duration"), completion: .list([]),
        transform: { text in
            guard let duration = parseDuration(text), duration > .zero else {
                throw ValidationError("a duration such as 90s, 10m or 1h is expected")
            }
            return duration
        })
    var timeout: Duration?

    /// What changes nothing can't be waited for.
    func refuse(dryRun: Bool) throws {
        if dryRun, self.wait {
            throw ValidationError("--dry-run changes nothing: there is nothing to wait for")
        }
    }

    func validate() throws {
        if self.timeout != nil, !self.wait { throw ValidationError("--timeout goes with --wait") }
    }
}

extension OperationOptions {
    init(_ output: OutputArguments, _ wait: WaitArguments? = nil, isDryRun: Bool = false, isConfirmed: Bool = true) {
        self.init()
        self.isJSON = output.isJSON
        self.isWide = output.isWide
        self.waits = wait?.wait ?? false
        self.timeout = wait?.timeout
        self.isDryRun = isDryRun
        self.isConfirmed = isConfirmed
    }
}

/// Which application.
struct ApplicationArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("Id of the application, where there are several.", valueName: "id"),
        completion: .custom { _, _, _ in
            await Completion.values { $0.applications.map { "\($0.id)" } }
        },
        transform: { text in
            guard let id = Snowflake(text) else { throw ValidationError("an application's id is expected") }
            return id
        })
    var application: Snowflake?
}

/// What completion offers is asked of the fleet; without an answer nothing is offered.
enum Completion {
    static let members = CompletionKind.custom { _, _, _ in
        await Completion.values { $0.members.map(\.id) }
    }

    static let shardMembers = CompletionKind.custom { _, _, _ in
        await Completion.values { view in view.members.filter { $0.kind == .shard }.map(\.id) }
    }

    static let shards = CompletionKind.custom { _, _, _ in
        await Completion.values { view in Set(view.slots.map(\.shard)).sorted().map(String.init) }
    }

    static func values(_ pick: @escaping @Sendable (ClusterView) -> [String]) async -> [String] {
        // Whoever presses Tab wants no error.
        let values = try? await withDeadline(.seconds(1)) {
            let address = try CoordinatorAddress.find(.init(), settings: try SettingsSource.process())
            return pick(try await OperatorClient(address.urls, token: address.token).cluster())
        }
        // What could be more than a word to a shell is not offered.
        return (values ?? []).filter { MemberRegistration.isValid(id: $0) }
    }
}
