import Discord
import Runtime

/// The bot tokens of this process, by application.
struct ApplicationTokens: Sendable {
    private let only: Secret?
    private let byApplication: [Snowflake: Secret]

    /// None.
    init() {
        self.only = nil
        self.byApplication = [:]
    }

    /// - Parameters:
    ///   - only: for every application that `list` does not name.
    ///   - list: `application=token` pairs with commas between. `nil` when it can't be read.
    init?(only: Secret?, list: Secret?) {
        var tokens: [Snowflake: Secret] = [:]
        for pair in list?.reveal().split(separator: ",") ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let application = Snowflake(parts[0].filter { $0 != " " }) else { return nil }
            tokens[application] = Secret(String(parts[1].filter { $0 != " " && $0 != "\n" }))
        }
        self.only = only
        self.byApplication = tokens
    }

    func token(of application: Snowflake) -> Secret? { self.byApplication[application] ?? self.only }
}
