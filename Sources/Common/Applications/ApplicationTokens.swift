package import Discord
package import Runtime

/// The bot tokens that a process was given, by application.
package struct ApplicationTokens: Sendable {
    /// Why a list of tokens can't be used. It never holds a token.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    package struct Entry: Sendable {
        /// nil: the token was given without one.
        package let application: Snowflake?
        package let token: Secret

        package init(application: Snowflake?, token: Secret) {
            self.application = application
            self.token = token
        }

        /// The application's id, as far as it is known without asking Discord.
        package var likelyApplication: Snowflake? { self.application ?? self.token.botID }

        /// For logs and errors.
        package var name: String {
            self.likelyApplication.map { "application \($0)" } ?? "the application of FLOTILLA_DISCORD_TOKEN"
        }
    }

    private let unnamed: Secret?
    private let byApplication: [Snowflake: Secret]

    /// None.
    package init() {
        self.unnamed = nil
        self.byApplication = [:]
    }

    /// - Parameters:
    ///   - unnamed: for every application that `list` does not name and that it may be a token of.
    ///   - list: `application=token` pairs with commas or line ends between.
    package init(unnamed: Secret?, list: Secret?) throws(Malformed) {
        var tokens: [Snowflake: Secret] = [:]
        let pairs = list?.reveal().split { $0 == "," || $0.isNewline } ?? []
        for (index, pair) in pairs.enumerated() {
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            guard parts.count == 2, let application = Snowflake(parts[0]), !parts[1].isEmpty else {
                throw Malformed(description: "pair \(index + 1) is none")
            }
            guard tokens[application] == nil else {
                throw Malformed(description: "application \(application) is named twice")
            }
            let token = Secret(parts[1])
            guard token.mayBelong(to: application) else {
                throw Malformed(
                    description: "what is given for application \(application) is the token of application "
                        + (token.botID.map { "\($0)" } ?? "?"))
            }
            tokens[application] = token
        }
        if list != nil, tokens.isEmpty { throw Malformed(description: "there is none") }
        self.unnamed = unnamed
        self.byApplication = tokens
    }

    package func token(of application: Snowflake) -> Secret? {
        if let own = self.byApplication[application] { return own }
        guard let unnamed = self.unnamed, unnamed.mayBelong(to: application) else { return nil }
        return unnamed
    }

    /// Each token once, those with an application first, by its id.
    package var entries: [Entry] {
        var entries = self.byApplication.sorted { $0.key < $1.key }.map { Entry(application: $0.key, token: $0.value) }
        if let unnamed = self.unnamed, !entries.contains(where: { Self.isTheSame($0, unnamed) }) {
            entries.append(Entry(application: nil, token: unnamed))
        }
        return entries
    }

    private static func isTheSame(_ entry: Entry, _ unnamed: Secret) -> Bool {
        entry.token == unnamed || entry.application == unnamed.botID
    }
}
