import Discord

/// A row to write or to remove, in the order in which the world changed.
enum StoreChange: Sendable {
    case user(User)
    case account(Account)
    case credential(Credential)
    case removeCredential(digest: String)
    case application(SandboxApplication)
    case guild(GuildRecord)
    case role(Role)
    case member(Member)
    case removeMember(guild: Snowflake, user: Snowflake)
    case channel(Channel)
    case removeChannel(Snowflake)
    case message(Message)
    case removeMessage(channel: Snowflake, id: Snowflake)
    case webhook(Webhook)
    case removeWebhook(Snowflake)
    case command(ApplicationCommand)
    case removeCommand(Snowflake)
}
