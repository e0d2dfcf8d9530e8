import ControlAPI
import Discord
import Foundation
import NIOCore
import Runtime

/// The JSON of what a client sends. Discord takes at most 4,096 bytes each.
enum ClientPayload {
    static let maximumBytes = 4_096

    static func heartbeat(watermark: Int64?) -> ByteBuffer {
        ByteBuffer(string: "{\"op\":1,\"d\":\(watermark.map(String.init) ?? "null")}")
    }

    /// - Returns: the payload, and whether it tells the presence: one that does not fit is left out, since a bot that
    ///   shows something else is better than none.
    static func identify(
        token: Secret, intents: UInt64, shard: Int, numShards: Int, presence: PresenceUpdate? = nil
    ) throws -> (bytes: ByteBuffer, tellsPresence: Bool) {
        var body = Identify(
            token: token.reveal(), intents: intents, shard: [shard, numShards],
            properties: .init(os: "linux", browser: "flotilla", device: "flotilla"), presence: presence)
        let bytes = try self.encode(.identify, body)
        guard presence != nil, bytes.readableBytes > Self.maximumBytes else { return (bytes, true) }
        body.presence = nil
        return (try self.encode(.identify, body), false)
    }

    static func resume(token: Secret, sessionID: String, sequence: Int64) throws -> ByteBuffer {
        try self.encode(.resume, Resume(token: token.reveal(), session_id: sessionID, seq: sequence))
    }

    static func presence(_ update: PresenceUpdate) throws -> ByteBuffer { try self.encode(.presenceUpdate, update) }

    static func voiceState(_ update: VoiceStateUpdate) throws -> ByteBuffer {
        try self.encode(.voiceStateUpdate, update)
    }

    /// - Parameters:
    ///   - userIDs: at most 100; empty for a query.
    ///   - nonce: at most 32 bytes, or Discord ignores it.
    static func requestMembers(
        _ request: MembersRequest, userIDs: [Snowflake], nonce: String
    ) throws -> ByteBuffer {
        try self.encode(
            .requestGuildMembers,
            RequestMembers(
                guild_id: request.guildID, query: request.query, limit: request.limit ?? 0,
                presences: request.presences ? true : nil, user_ids: request.query == nil ? userIDs : nil,
                nonce: nonce))
    }

    static func soundboardSounds(_ guilds: [Snowflake]) throws -> ByteBuffer {
        try self.encode(.requestSoundboardSounds, SoundboardSoundsRequest(guildIDs: guilds))
    }

    static func channelInfo(
        _ guild: Snowflake, fields: [ControlCommand.ChannelInfoField]
    ) throws -> ByteBuffer {
        try self.encode(.requestChannelInfo, ChannelInfoRequest(guildID: guild, fields: fields))
    }

    private static func encode(_ opcode: GatewayOpcode, _ body: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(Payload(op: opcode.rawValue, d: body)))
    }

    private struct Payload<Body: Encodable>: Encodable {
        let op: Int
        let d: Body
    }

    private struct Identify: Encodable {
        struct Properties: Encodable {
            let os: String
            let browser: String
            let device: String
        }

        let token: String
        let intents: UInt64
        let shard: [Int]
        let properties: Properties
        var presence: PresenceUpdate?
    }

    private struct Resume: Encodable {
        let token: String
        let session_id: String
        let seq: Int64
    }

    private struct RequestMembers: Encodable {
        let guild_id: Snowflake
        let query: String?
        let limit: Int
        let presences: Bool?
        let user_ids: [Snowflake]?
        let nonce: String
    }
}
