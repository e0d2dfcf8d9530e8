import ArgumentParser
import ClusterAPI
import Discord
import OperatorConsole

/// One slot.
struct SlotArguments: ParsableArguments {
    @Argument(
        help: "The shard's number, or application.generation.shard.", completion: Completion.shards)
    var shard: String

    @OptionGroup var application: ApplicationArguments

    @Option(help: ArgumentHelp("Its generation, if not the one in force.", valueName: "number"), completion: .list([]))
    var generation: Int?

    func reference() throws -> SlotReference {
        try SlotReference(self.shard, application: self.application.application, generation: self.generation)
    }
}

extension OperatorRequest {
    fileprivate init(_ name: Name, _ slot: SlotReference, member: String? = nil) {
        self.init(
            name, application: slot.application, shard: slot.shard, generation: slot.generation, member: member)
    }
}

struct CtlMoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Hands one shard over to another member, which RESUMEs its session.")

    @OptionGroup var slot: SlotArguments
    @Argument(help: "Id of the member that gets it.", completion: Completion.shardMembers)
    var member: String

    @OptionGroup var wait: WaitArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let slot = try self.slot.reference()
            let member = self.member
            try await session.operate(
                OperatorRequest(.move, slot, member: member), OperationOptions(self.output, self.wait)
            ) { before, _ in slot.slot(in: before).map { MoveWatch($0, to: member, before: before) } }
        }
    }
}

struct CtlPinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keeps a shard with a member for as long as that one is there.")

    @OptionGroup var slot: SlotArguments
    @Argument(help: "Id of the member.", completion: Completion.shardMembers)
    var member: String

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(
                OperatorRequest(.pin, try self.slot.reference(), member: self.member), OperationOptions(self.output))
        }
    }
}

struct CtlUnpinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unpin", abstract: "Lets a pinned shard go anywhere.")

    @OptionGroup var slot: SlotArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(
                OperatorRequest(.unpin, try self.slot.reference()), OperationOptions(self.output))
        }
    }
}

struct CtlRebalanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebalance", abstract: "Spreads shards evenly at once, by RESUME.",
        discussion: "A fleet evens itself out slowly; this does the rest now.")

    @Flag(help: "Only print the plan and its cost.")
    var dryRun = false

    @OptionGroup var wait: WaitArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func validate() throws { try self.wait.refuse(dryRun: self.dryRun) }

    func run() async throws {
        try await self.connection.run { session in
            try await session.operate(
                OperatorRequest(.rebalance), OperationOptions(self.output, self.wait, isDryRun: self.dryRun)
            ) { before, answer in answer.plan.map { RebalanceWatch($0, before: before) } }
        }
    }
}

struct CtlReshardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reshard", abstract: "Changes the shard count while everything runs.",
        discussion: """
            The new sessions are brought up beside the old ones, lanes are switched over, and then the old ones are \
            closed. It takes as many session starts as there are new shards. What fails is rolled back by itself.
            """)

    @Argument(help: "The new shard count, from 1 to 100000.", completion: .list([]))
    var shards: Int?

    @Flag(help: "Only print what it would take.")
    var dryRun = false

    @Flag(help: "Go back to the old count, while that is possible.")
    var abort = false

    @Flag(name: .shortAndLong, help: "Don't ask.")
    var yes = false

    @OptionGroup var application: ApplicationArguments
    @OptionGroup var wait: WaitArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func validate() throws {
        if self.abort {
            if self.shards != nil || self.dryRun { throw ValidationError("--abort stands alone") }
        } else if let shards = self.shards {
            guard (1...100_000).contains(shards) else { throw ValidationError("shard counts go from 1 to 100000") }
            try self.wait.refuse(dryRun: self.dryRun)
        } else {
            throw ValidationError("a shard count is expected, or --abort")
        }
    }

    func run() async throws {
        let application = self.application.application
        try await self.connection.run { session in
            guard let shards = self.shards else {
                return try await session.operate(
                    OperatorRequest(.abortReshard, application: application), OperationOptions(self.output, self.wait)
                ) { before, _ in
                    let meant = before.applications.first {
                        $0.reshard != nil && (application == nil || $0.id == application)
                    }
                    return meant.flatMap { meant in
                        meant.reshard.map { ReshardWatch(meant.id, to: $0.toShards, isAbort: true) }
                    }
                }
            }
            try await session.operate(
                OperatorRequest(.reshard, application: application, shards: shards),
                OperationOptions(self.output, self.wait, isDryRun: self.dryRun, isConfirmed: self.yes),
                question: "Begin to reshard?", hasPlan: true
            ) { _, answer in answer.reshard.map { ReshardWatch($0.application, to: $0.toShards) } }
        }
    }
}
