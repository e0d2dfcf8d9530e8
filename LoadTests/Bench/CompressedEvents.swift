import Gateway
import NIOCore

/// MESSAGE_CREATE events of about 1 KB, as one zstd stream: as WebSocket frames, and the payloads of these alone.
struct CompressedEvents {
    let frames: ByteBuffer
    private(set) var payloads: [UInt8] = []
    /// Of each payload.
    private(set) var lengths: [UInt32] = []
    private(set) var inflatedBytes = 0

    init(count: Int) throws(GatewayError) {
        let encoder = try MessageEncoder(.zstdStream)
        var generator = WordGenerator(state: 1)
        var frames = ByteBuffer()
        for sequence in 1...count {
            let event = ByteBuffer(string: Self.event(sequence, &generator))
            self.inflatedBytes += event.readableBytes
            let start = frames.writerIndex
            try encoder.encode(event, into: &frames)
            // The header of a server's frame: two bytes, with an extended length four (RFC 6455, section 5.2).
            let header = frames.getInteger(at: start + 1, as: UInt8.self) == 126 ? 4 : 2
            let payload = frames.readableBytesView[(start + header)...]
            self.payloads += payload
            self.lengths.append(UInt32(payload.count))
        }
        self.frames = frames
    }

    private static func event(_ sequence: Int, _ generator: inout WordGenerator) -> String {
        let id = 1_200_000_000_000_000_000 + UInt64(sequence) * 4_194_304 + generator.next() % 4096
        let guild = 900_000_000_000_000_000 + generator.next() % 200
        let channel = 910_000_000_000_000_000 + generator.next() % 1000
        let user = 300_000_000_000_000_000 + generator.next() % 5000
        let second = sequence % 60
        let time = "2026-03-14T15:09:\(second < 10 ? "0" : "")\(second).\(100_000 + generator.next() % 900_000)+00:00"
        let head =
            #"{"t":"MESSAGE_CREATE","s":\#(sequence),"op":0,"d":{"type":0,"tts":false,"timestamp":"\#(time)","#
            + #""pinned":false,"nonce":"\#(id + 7)","mentions":[],"mention_roles":[],"mention_everyone":false,"#
            + #""member":{"roles":["\#(guild + 11)","\#(guild + 12)"],"premium_since":null,"pending":false,"nick":null,"#
            + #""mute":false,"joined_at":"2021-05-04T10:11:12.345000+00:00","flags":0,"deaf":false,"#
            + #""communication_disabled_until":null,"banner":null,"avatar":null},"id":"\#(id)","flags":0,"#
            + #""embeds":[],"edited_timestamp":null,"components":[],"channel_type":0,"channel_id":"\#(channel)","#
            + #""author":{"username":"user\#(user % 5000)","public_flags":0,"primary_guild":null,"id":"\#(user)","#
            + #""global_name":"User \#(user % 5000)","discriminator":"0","collectibles":null,"clan":null,"#
            + #""avatar_decoration_data":null,"avatar":"\#(String(user &* 0x9E37_79B9_7F4A_7C15, radix: 16))"},"#
            + #""attachments":[],"guild_id":"\#(guild)","content":""#
        return head + generator.words(bytes: max(16, 1020 - head.utf8.count)) + #""}}"#
    }
}
