import Discord
import Foundation

/// Tokens have Discord's shape: base64 of the user's id, then two more parts. Some libraries read the id out of it.
enum Token {
    static func prefix(of user: Snowflake) -> String {
        var text = Data(user.description.utf8).base64EncodedString()
        while text.hasSuffix("=") { text.removeLast() }
        return text
    }

    /// A token that nobody can guess; `nil` without entropy.
    static func random(for user: Snowflake) -> String? {
        guard let middle = SecureRandom.bytes(6), let end = SecureRandom.bytes(27) else { return nil }
        return "\(self.prefix(of: user)).\(self.urlSafe(middle)).\(self.urlSafe(end))"
    }

    /// Some 68 characters, as webhooks and interactions have them; `nil` without entropy.
    static func opaque() -> String? { SecureRandom.bytes(51).map(self.urlSafe) }

    /// The development bot's token: the same on each machine, so that no setting is needed. Worth nothing outside the
    /// sandbox.
    static func development(for bot: Snowflake) -> String {
        "\(self.prefix(of: bot)).sandbx.development-token-of-the-sandbox"
    }

    private static func urlSafe(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
