/// Finds commands by the text of a message or the name of an interaction.
struct CommandRegistry: Sendable {
    static let prefix: Character = "!"

    let commands: [Command]
    private let byName: [String: Command]

    /// Of two commands with one name, the first counts.
    init(modules: [any WorkerModule]) {
        self.commands = modules.flatMap(\.commands)
        self.byName = Dictionary(self.commands.map { ($0.name, $0) }) { first, _ in first }
    }

    func command(named name: String) -> Command? { self.byName[name] }

    /// The command that a message gives: `!name`, alone or before a space; nil for every other text.
    func command(in content: String) -> Command? {
        guard content.first == Self.prefix else { return nil }
        let word = content.dropFirst().prefix { !$0.isWhitespace }
        return self.byName[word.lowercased()]
    }
}
