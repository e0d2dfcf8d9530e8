import Applications
import Discord

/// The REST client of each application's bot.
struct ApplicationClients: Sendable {
    /// This worker has no token for an application.
    struct NoToken: Error, CustomStringConvertible {
        let application: Snowflake?

        var description: String {
            guard let application = self.application else {
                return "the message's header application is missing, and this worker has several applications"
            }
            return "this worker has no token for application \(application): name it in FLOTILLA_DISCORD_TOKENS"
        }
    }

    /// With what names it in logs.
    let all: [(name: String, client: DiscordREST)]
    private let tokens: ApplicationTokens
    private let byApplication: [Snowflake: DiscordREST]
    /// Its application is not known without asking Discord.
    private let unnamed: DiscordREST?

    init(_ tokens: ApplicationTokens, _ make: (ApplicationTokens.Entry) -> DiscordREST) {
        var all: [(name: String, client: DiscordREST)] = []
        var byApplication: [Snowflake: DiscordREST] = [:]
        var unnamed: DiscordREST?
        for entry in tokens.entries {
            let client = make(entry)
            all.append((entry.likelyApplication.map { "\($0)" } ?? "unknown", client))
            if let application = entry.application { byApplication[application] = client } else { unnamed = client }
        }
        self.all = all
        self.tokens = tokens
        self.byApplication = byApplication
        self.unnamed = unnamed
    }

    /// - Parameter application: nil where the message does not tell.
    func client(of application: Snowflake?) throws(NoToken) -> DiscordREST {
        guard let application else {
            guard self.all.count == 1 else { throw NoToken(application: nil) }
            return self.all[0].client
        }
        guard self.tokens.token(of: application) != nil, let client = self.byApplication[application] ?? self.unnamed
        else { throw NoToken(application: application) }
        return client
    }
}
