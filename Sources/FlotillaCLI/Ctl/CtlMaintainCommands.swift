import ArgumentParser
import ClusterAPI
import OperatorConsole

struct CtlCordonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cordon", abstract: "A member keeps what it has and gets nothing new.")

    @Argument(help: "Id of the member.", completion: Completion.members)
    var member: String

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(OperatorRequest(.cordon, member: self.member), OperationOptions(self.output))
        }
    }
}

struct CtlUncordonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uncordon", abstract: "A cordoned or drained member may get shards and lanes again.")

    @Argument(help: "Id of the member.", completion: Completion.members)
    var member: String

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(OperatorRequest(.uncordon, member: self.member), OperationOptions(self.output))
        }
    }
}

struct CtlDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "A member hands over all that it has, and gets nothing new.",
        discussion: "Its process goes on, and may be stopped or updated then. `uncordon` takes it back.")

    @Argument(help: "Id of the member.", completion: Completion.members)
    var member: String

    @Flag(help: "Only print the plan and its cost.")
    var dryRun = false

    @Flag(help: "Also where the others have no room for everything: some shards are run by nobody then.")
    var force = false

    @Flag(name: .shortAndLong, help: "Don't ask.")
    var yes = false

    @OptionGroup var wait: WaitArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func validate() throws { try self.wait.refuse(dryRun: self.dryRun) }

    func run() async throws {
        let member = self.member
        try await self.connection.run { session in
            try await session.operate(
                OperatorRequest(.drain, member: member, force: self.force ? true : nil),
                OperationOptions(self.output, self.wait, isDryRun: self.dryRun, isConfirmed: self.yes),
                question: "Drain \(HarmlessText.of(member))?", hasPlan: true
            ) { before, _ in DrainWatch(member, before: before) }
        }
    }
}

struct CtlRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Restarts shards and workers one after the other, by RESUME.",
        discussion: """
            Each process hands over what it has and ends; whoever supervises it starts it again, and the next one goes \
            when everything is ready. One that does not come back stops the restart.
            """)

    @Flag(help: "Restart every member, one after the other.")
    var rolling = false

    @Flag(help: "Restart no further member.")
    var abort = false

    @Flag(name: .shortAndLong, help: "Don't ask.")
    var yes = false

    @OptionGroup var wait: WaitArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func validate() throws {
        guard self.rolling != self.abort else { throw ValidationError("either --rolling or --abort is expected") }
        if self.abort, self.wait.wait { throw ValidationError("--abort is done at once: there is nothing to wait for") }
    }

    func run() async throws {
        try await self.connection.run { session in
            guard self.rolling else {
                return try await session.operate(OperatorRequest(.abortRestart), OperationOptions(self.output))
            }
            try await session.operate(
                OperatorRequest(.restart), OperationOptions(self.output, self.wait, isConfirmed: self.yes),
                question: "Restart every member, one after the other?"
            ) { before, _ in RestartWatch(before: before) }
        }
    }
}

struct CtlRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Tries again what Discord refused: failed shards, stopped IDENTIFYs.")

    @OptionGroup var application: ApplicationArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(
                OperatorRequest(.retry, application: self.application.application), OperationOptions(self.output))
        }
    }
}
