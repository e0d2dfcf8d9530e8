import ArgumentParser
import Runtime

/// `flotilla ctl`: the operator's command line.
struct CtlCommand: AsyncParsableCommand {
    static let groups = [
        CommandGroup(
            name: "Look",
            subcommands: [
                CtlStatusCommand.self, CtlTopCommand.self, CtlMembersCommand.self, CtlShardsCommand.self,
                CtlFindCommand.self, CtlLanesCommand.self, CtlBudgetCommand.self, CtlGapsCommand.self,
                CtlAuditCommand.self, CtlWatchCommand.self,
            ]),
        CommandGroup(
            name: "Place",
            subcommands: [
                CtlMoveCommand.self, CtlPinCommand.self, CtlUnpinCommand.self, CtlRebalanceCommand.self,
                CtlReshardCommand.self,
            ]),
        CommandGroup(
            name: "Maintain",
            subcommands: [
                CtlCordonCommand.self, CtlUncordonCommand.self, CtlDrainCommand.self, CtlRestartCommand.self,
                CtlRetryCommand.self,
            ]),
    ]

    static let configuration = CommandConfiguration(
        commandName: "ctl",
        abstract: "Shows and steers a fleet.",
        discussion: """
            Beside a fleet that `flotilla up` runs (the folder .flotilla) nothing has to be told. Anywhere else set \
            FLOTILLA_COORDINATOR_URL and FLOTILLA_OPERATOR_TOKEN, or FLOTILLA_OPERATOR_TOKEN_FILE.

            Examples:
              flotilla ctl status                          is everything all right?
              flotilla ctl shards --not-ready              what is not, and why
              flotilla ctl find 1100000000000000100        where a guild's events go
              flotilla ctl drain shard-1 --wait            empty a process, and wait until it is
              flotilla ctl reshard 32 --dry-run            what another shard count would cost
              flotilla ctl shards --json | jq '.[].shard'  everything is JSON as well

            Exit codes: 0 done; 1 refused, by the coordinator or when asked; 2 wrong command line or settings;
            3 the coordinator can't be reached; 4 not authorised; 5 --wait: time ran out, or it was rolled back.

            Completion: flotilla --generate-completion-script bash|zsh|fish
            """,
        groupedSubcommands: groups)

    static let usageExitCode: Int32 = 2

    /// The command that was probably meant; nil: the first word is one, or nothing comes near it.
    static func suggestion(for arguments: [String]) -> (given: String, meant: String)? {
        // Closures: with key paths of a metatype the compiler of Swift 6.3 crashes.
        let names = self.groups.flatMap { $0.subcommands }.compactMap { $0.configuration.commandName }
        guard let given = arguments.first, !given.hasPrefix("-"), given != "help", !names.contains(given) else {
            return nil
        }
        let nearest = names.min { editDistance(given, $0) < editDistance(given, $1) }
        guard let nearest, editDistance(given, nearest) <= max(2, given.count / 3) else { return nil }
        return (given, nearest)
    }
}
