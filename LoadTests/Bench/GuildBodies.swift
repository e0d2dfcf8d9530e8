import NIOCore

/// What GUILD_CREATE tells, of guilds of which most are small and some are not. No two have texts or ids in common.
struct GuildBodies {
    private(set) var bodies: [ByteBuffer] = []
    let meanBytes: Int
    /// Bytes of a channel, role or member, on average.
    let valueSize: Int

    init(count: Int) {
        var generator = WordGenerator(state: 2)
        var values = 0
        for number in 0..<count {
            let scale = number.isMultiple(of: 50) ? 20 : number.isMultiple(of: 7) ? 5 : 1
            values += 35 * scale
            let roles = (0..<8 * scale).map { _ in generator.id() }
            let channels = (0..<12 * scale).map { Self.channel($0, roles, &generator) }
            let members = (0..<15 * scale).map { _ in Self.member(roles, &generator) }
            let body =
                #"{"id":"\#(generator.id())","name":"\#(generator.words(bytes: 16))","icon":"\#(generator.hash())","#
                + #""owner_id":"\#(generator.id())","features":["COMMUNITY","NEWS"],"member_count":\#(40 * scale),"#
                + #""channels":[\#(channels.joined(separator: ","))],"#
                + #""roles":[\#(roles.enumerated().map { Self.role($0, $1, &generator) }.joined(separator: ","))],"#
                + #""members":[\#(members.joined(separator: ","))],"emojis":[],"stickers":[]}"#
            self.bodies.append(ByteBuffer(string: body))
        }
        let bytes = self.bodies.reduce(0) { $0 + $1.readableBytes }
        self.meanBytes = bytes / max(1, count)
        self.valueSize = bytes / max(1, values)
    }

    private static func channel(_ position: Int, _ roles: [UInt64], _ generator: inout WordGenerator) -> String {
        #"{"id":"\#(generator.id())","type":0,"name":"\#(generator.words(bytes: 10))","position":\#(position),"#
            + #""parent_id":"\#(generator.id())","topic":"\#(generator.words(bytes: 40))","nsfw":false,"#
            + #""rate_limit_per_user":0,"flags":0,"last_message_id":"\#(generator.id())","#
            + #""permission_overwrites":[{"id":"\#(roles[0])","type":0,"allow":"1024","deny":"2048"},"#
            + #"{"id":"\#(roles[roles.count / 2])","type":0,"allow":"0","deny":"1024"}]}"#
    }

    private static func role(_ position: Int, _ id: UInt64, _ generator: inout WordGenerator) -> String {
        #"{"id":"\#(id)","name":"\#(generator.words(bytes: 8))","color":\#(generator.next() % 0xFFFFFF),"#
            + #""colors":{"primary_color":3447003,"secondary_color":null,"tertiary_color":null},"hoist":false,"#
            + #""icon":null,"unicode_emoji":null,"position":\#(position),"permissions":"\#(generator.next() >> 14)","#
            + #""managed":false,"mentionable":false,"flags":0}"#
    }

    private static func member(_ roles: [UInt64], _ generator: inout WordGenerator) -> String {
        let name = generator.words(bytes: 10)
        return #"{"user":{"id":"\#(generator.id())","username":"\#(name)","discriminator":"0","#
            + #""global_name":"\#(generator.words(bytes: 10))","avatar":"\#(generator.hash())","public_flags":0,"#
            + #""bot":false},"nick":null,"avatar":null,"banner":null,"roles":["\#(roles[1])","\#(roles[2])"],"#
            + #""joined_at":"2025-01-01T00:00:00.\#(100_000 + generator.next() % 900_000)+00:00","#
            + #""premium_since":null,"deaf":false,"mute":false,"flags":0,"pending":false,"#
            + #""communication_disabled_until":null}"#
    }
}
