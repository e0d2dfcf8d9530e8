import Discord
import NIOCore

/// The events that a ``ReplayGateway`` sends. What an event says is decided by its sequence number alone, so that a
/// RESUME repeats it: READY has number 1, the events follow.
struct ReplayScript: Sendable {
    /// After so many events the same come again, with other numbers and ids.
    static let cycleLength = 512
    static let firstSequence: Int64 = 2

    /// All that follows the head of an event.
    let tails: [ByteBuffer]

    /// - Parameters:
    ///   - eventBytes: of each message, its envelope included; 65,536 at most, and about 1,000 at least.
    ///   - guilds: whose events they are; at least one.
    init(eventBytes: Int, guilds: [Snowflake], seed: UInt64) {
        var random = SeededRandom(seed: seed)
        self.tails = (0..<Self.cycleLength).map { _ in
            let guild = guilds.isEmpty ? Snowflake(rawValue: 1 << 22) : guilds[random.below(guilds.count)]
            return ByteBuffer(
                string: Self.tail(bytes: min(eventBytes, 65_536) - ReplayHead.count, guild: guild, &random))
        }
    }

    static func index(of sequence: Int64) -> Int { Int((sequence - Self.firstSequence) % Int64(Self.cycleLength)) }

    /// A message's id: another one for each session and number, and the same when it is repeated.
    static func messageID(session: UInt64, sequence: Int64) -> UInt64 {
        1_200_000_000_000_000_000 &+ session &* 10_000_000_000_000 &+ UInt64(clamping: sequence) &* 1000
    }

    /// One whole gateway message.
    func message(_ sequence: Int64, session: UInt64, nonce: UInt64) -> ByteBuffer {
        let tail = self.tails[Self.index(of: sequence)]
        var message = ByteBufferAllocator().buffer(capacity: ReplayHead.count + tail.readableBytes)
        message.writeBytes(ReplayHead.template)
        message.withUnsafeMutableReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            ReplayHead.fill(
                base, sequence: sequence, id: Self.messageID(session: session, sequence: sequence), nonce: nonce)
        }
        message.writeImmutableBuffer(tail)
        return message
    }

    // ASCII only: see ReplayCycle.
    private static func tail(bytes: Int, guild: Snowflake, _ random: inout SeededRandom) -> String {
        let channel = guild.rawValue + 1 + UInt64(random.below(8))
        let user = 300_000_000_000_000_000 + UInt64(random.below(5000))
        let second = random.below(60)
        let time = "2026-03-14T15:09:\(second < 10 ? "0" : "")\(second).\(100_000 + random.below(900_000))+00:00"
        let head =
            #""type":0,"tts":false,"timestamp":"\#(time)","#
            + #""pinned":false,"mentions":[],"mention_roles":[],"mention_everyone":false,"#
            + #""member":{"roles":["\#(guild.rawValue + 11)","\#(guild.rawValue + 12)"],"premium_since":null,"#
            + #""pending":false,"nick":null,"mute":false,"joined_at":"2021-05-04T10:11:12.345000+00:00","flags":0,"#
            + #""deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null},"flags":0,"#
            + #""embeds":[],"edited_timestamp":null,"components":[],"channel_type":0,"channel_id":"\#(channel)","#
            + #""author":{"username":"user\#(user % 5000)","public_flags":0,"primary_guild":null,"id":"\#(user)","#
            + #""global_name":"User \#(user % 5000)","discriminator":"0","collectibles":null,"clan":null,"#
            + #""avatar_decoration_data":null,"avatar":"\#(String(SeededRandom.mix(user), radix: 16))"},"#
            + #""attachments":[],"guild_id":"\#(guild)","content":""#
        let end = #""}}"#
        return head + Self.words(bytes: max(8, bytes - head.utf8.count - end.utf8.count), &random) + end
    }

    private static func words(bytes: Int, _ random: inout SeededRandom) -> String {
        var text = ""
        while text.utf8.count < bytes { text += self.syllables[random.below(self.syllables.count)] }
        return String(text.prefix(bytes))
    }

    private static let syllables = [
        "ka", "lo", "mi", "re", "sun", "ter", "vo", "wa", "ing", "the ", "and ", "ble", "of ", "qu", "sh", "or", "an ",
        "ee", "st", "ly ", "un", "do ", "er", "on ", "pa", "gri", "zel", "ho", "n ", "ta", "to ", "!",
    ]
}
