/// Whom to answer.
struct ControlRequester: Sendable, Hashable {
    /// The routing key of the answer; `nil`: none is wanted.
    let replyTo: String?
    let correlationID: String?
    /// The guild cache itself wants this guild's members.
    var cachedGuild: UInt64?
}
