import Discord

/// What a handler wants done. Each can be done again without being seen twice.
enum Effect: Sendable, Equatable {
    /// Discord drops a second message with the same nonce of the same author: the nonce is the id of the message
    /// answered.
    case sendMessage(channel: Snowflake, replyTo: Snowflake, content: String)
    /// Discord refuses a second answer to the same interaction.
    case respond(interaction: Snowflake, token: String, content: String)
}
