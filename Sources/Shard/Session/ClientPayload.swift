import Foundation
import NIOCore
import Runtime

/// The JSON of what a client sends. Discord takes at most 4,096 bytes each.
enum ClientPayload {
    static let maximumBytes = 4_096

    static func heartbeat(watermark: Int64?) -> ByteBuffer {
        ByteBuffer(string: "{\"op\":1,\"d\":\(watermark.map(String.init) ?? "null")}")
    }

    static func identify(token: Secret, intents: UInt64, shard: Int, numShards: Int) throws -> ByteBuffer {
        try self.encode(
            Payload(
                op: 2,
                d: Identify(
                    token: token.reveal(), intents: intents, shard: [shard, numShards],
                    properties: .init(os: "linux", browser: "flotilla", device: "flotilla"))))
    }

    static func resume(token: Secret, sessionID: String, sequence: Int64) throws -> ByteBuffer {
        try self.encode(Payload(op: 6, d: Resume(token: token.reveal(), session_id: sessionID, seq: sequence)))
    }

    private static func encode(_ payload: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(payload))
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
    }

    private struct Resume: Encodable {
        let token: String
        let session_id: String
        let seq: Int64
    }
}
