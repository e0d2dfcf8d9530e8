import Discord
import NIOCore

/// One event on its way to gateway sessions. `d` is encoded once here; a session only puts its envelope around it.
struct Dispatch: Sendable {
    enum Audience: Sendable, Equatable {
        /// Every member of the guild.
        case guild(Snowflake)
        /// The members who may view this channel of a guild.
        case channel(Snowflake, guild: Snowflake)
        /// These users only; a bot hears it on the shard of `guildID`, else on shard 0.
        case users([Snowflake])
    }

    let name: EventName
    let audience: Audience
    let guildID: Snowflake?
    let data: ByteBuffer
    /// What a bot without the MESSAGE_CONTENT intent gets instead.
    var strippedData: ByteBuffer?
    /// Who sees the content in any case: the author and those mentioned.
    var contentReaders: Set<Snowflake> = []
    /// Who hears it whatever its intents: a bot hears of changes to its own member.
    var subject: Snowflake?

    init(_ name: EventName, to audience: Audience, guild: Snowflake?, data: JSONValue) {
        self.name = name
        self.audience = audience
        self.guildID = guild
        self.data = data.encoded
    }
}
