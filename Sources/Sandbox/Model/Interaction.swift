import Discord

/// One use of a command or a component, from its INTERACTION_CREATE until its token dies.
struct Interaction: Sendable {
    enum Kind { static let command = 2, component = 3, autocomplete = 4, modalSubmit = 5 }

    /// The first answer must come within 3 s; afterwards the token lives 15 min (Discord docs, Interaction Callback).
    static let answerWindow: Int64 = 3_000
    static let tokenLifetime: Int64 = 900_000

    enum State: Sendable, Equatable {
        case waiting
        /// Answered; the reply may be none (component acknowledgement) or gone.
        case answered(original: Snowflake?)
        /// The window passed without an answer.
        case expired
    }

    let id: Snowflake
    let kind: Int
    let token: String
    let applicationID: Snowflake
    let guildID: Snowflake?
    let channelID: Snowflake
    let userID: Snowflake
    let name: String?
    let nonce: JSONValue?
    /// The message whose component was used.
    let sourceMessageID: Snowflake?
    let createdAt: Timestamp
    var state = State.waiting
    /// Ephemeral replies: they are in no channel's history.
    var ephemeral: [Snowflake: Message] = [:]
    /// The modal that it was answered with, until it is submitted.
    var modal: JSONValue?
}
