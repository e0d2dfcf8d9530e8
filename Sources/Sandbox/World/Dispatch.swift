import Discord
import NIOCore

/// One event on its way to gateway sessions. `d` is encoded once here; a session only puts its envelope around it.
struct Dispatch: Sendable {
    enum Audience: Sendable, Equatable {
        /// Every member of the guild.
        case guild(Snowflake)
        /// Every member of the guild but this one.
        case others(Snowflake, guild: Snowflake)
        /// The members who may view this channel of a guild.
        case channel(Snowflake, guild: Snowflake)
        /// Those who are shown the channel itself, though it may be gone by now: bots, and members who may view it.
        case shown(Channel)
        /// These users only; a bot hears it on the shard of `guildID`, else on shard 0.
        case users([Snowflake])
    }

    let name: EventName
    let audience: Audience
    let guildID: Snowflake?
    let data: ByteBuffer
    /// What a bot without the MESSAGE_CONTENT intent gets instead.
    var strippedData: ByteBuffer? {
        get { self.wholeStrippedData ?? (self.contents.isEmpty ? nil : self.stripped) }
        set { self.wholeStrippedData = newValue }
    }
    private var wholeStrippedData: ByteBuffer?
    /// Where `content`, `embeds`, `attachments` and `components` of a message and of the one that it answers lie in
    /// `data`, each time one after another: without the intent they are empty.
    var contents: [Range<Int>] = []
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

    init(_ name: EventName, to audience: Audience, guild: Snowflake?, bytes: ByteBuffer) {
        self.name = name
        self.audience = audience
        self.guildID = guild
        self.data = bytes
    }

    /// A guild as each of its hearers may see it; the body is made for each.
    static func guildCreate(_ guild: Snowflake, to audience: Audience) -> Dispatch {
        Dispatch(.guildCreate, to: audience, guild: guild, bytes: ByteBuffer())
    }

    private var stripped: ByteBuffer {
        var bytes = ByteBufferAllocator().buffer(capacity: self.data.readableBytes)
        var rest = self.data
        for content in self.contents {
            let read = self.data.readableBytes - rest.readableBytes
            guard var kept = rest.readSlice(length: max(0, content.lowerBound - read)) else { break }
            bytes.writeBuffer(&kept)
            bytes.writeStaticString("\"content\":\"\",\"embeds\":[],\"attachments\":[],\"components\":[]")
            rest.moveReaderIndex(forwardBy: min(content.count, rest.readableBytes))
        }
        bytes.writeBuffer(&rest)
        return bytes
    }
}
