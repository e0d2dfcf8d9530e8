import Discord

/// A command, declared once for both of its forms: `!name` in a message, and `/name` as an interaction.
struct Command: Sendable {
    /// 1 to 32 lower-case letters, digits, `-` or `_`, as Discord asks of slash commands.
    let name: String
    /// 1 to 100 characters.
    let description: String
    let run: @Sendable (CommandInvocation) async -> CommandReply
}

struct CommandInvocation: Sendable {
    enum Form: Sendable {
        case prefix, slash
    }

    let form: Form
    /// When the person asked, by Discord's clock: milliseconds since 1970, out of the message's or interaction's id.
    let askedAt: Int64
    /// Milliseconds since 1970.
    let now: Int64
    /// Every command there is, for `help`.
    let commands: [Command]
    /// Where it was given; nil in a direct message.
    var guild: Snowflake?
    /// Whose command it is.
    var application: Snowflake?
}

struct CommandReply: Sendable, Equatable {
    /// At most 2,000 characters.
    let content: String
}
