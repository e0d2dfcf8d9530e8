/// A part of the bot that people see. Modules don't call each other.
protocol WorkerModule: Sendable {
    var commands: [Command] { get }
}
