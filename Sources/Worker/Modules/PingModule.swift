/// `ping`: shows the delay from Discord's time of the question to now.
struct PingModule: WorkerModule {
    let commands = [
        Command(name: "ping", description: "Shows how long a message takes to get here.") { invocation in
            // Clocks differ: a question from the future took no time.
            CommandReply(content: "Pong! \(max(0, invocation.now - invocation.askedAt)) ms")
        }
    ]
}
