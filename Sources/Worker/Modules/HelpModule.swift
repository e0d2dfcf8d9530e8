/// `help`: lists the commands.
struct HelpModule: WorkerModule {
    let commands = [
        Command(name: "help", description: "Lists the commands.") { invocation in
            let sign = invocation.form == .prefix ? String(CommandRegistry.prefix) : "/"
            let lines = invocation.commands.sorted { $0.name < $1.name }.map { "`\(sign)\($0.name)` \($0.description)" }
            return CommandReply(content: lines.joined(separator: "\n"))
        }
    ]
}
