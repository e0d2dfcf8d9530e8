package import Runtime

extension SettingsReader {
    /// `discord.token` and `discord.tokens`; one of the two is required.
    package func applicationTokens() -> ApplicationTokens {
        let unnamed = self.optionalSecret(
            "discord.token", aliases: ["DISCORD_TOKEN"], help: "The bot's token, where there is one application.")
        let list = self.optionalSecret(
            "discord.tokens", aliases: ["DISCORD_TOKENS"],
            help: "Tokens of several applications: `application=token` with commas between.")
        if unnamed == nil, list == nil {
            self.reportProblem(
                "discord.token", given: nil,
                expected: "the bot's token, here or in the file that FLOTILLA_DISCORD_TOKEN_FILE names; "
                    + "or FLOTILLA_DISCORD_TOKENS")
        }
        do {
            return try ApplicationTokens(unnamed: unnamed, list: list)
        } catch {
            self.reportProblem(
                "discord.tokens", given: "***", expected: "`application=token` pairs with commas between (\(error))")
            return ApplicationTokens()
        }
    }

    /// A whole number for all applications, with others for some: the settings `key` and `key-by-application`.
    ///
    /// - Parameter tokens: an application without one is a mistake.
    package func perApplication(
        _ key: String, default value: Int, in range: ClosedRange<Int>, tokens: ApplicationTokens, help: String
    ) -> PerApplication<Int> {
        let common = self.int(key, default: value, in: range, help: help)
        let ownKey = "\(key)-by-application"
        let list = self.optionalString(
            ownKey, help: "The same for single applications: `application=number` with commas between.")
        guard let list else { return PerApplication(common: common) }
        func report(_ reason: String) {
            self.reportProblem(
                ownKey, given: list,
                expected: "`application=number` pairs with commas between, numbers from \(range.lowerBound) to "
                    + "\(range.upperBound) (\(reason))")
        }
        do {
            let read = try PerApplication(common: common, list: list) { text in
                Int(text).flatMap { range.contains($0) ? $0 : nil }
            }
            for application in read.own.keys.sorted() where tokens.token(of: application) == nil {
                report("there is no token for application \(application)")
            }
            return read
        } catch {
            report("\(error)")
            return PerApplication(common: common)
        }
    }
}
