import Discord
import Foundation

/// The few server payloads whose body is read; all others travel on as bytes.
enum ServerPayload {
    /// Discord's have 32 bytes. It travels in headers and rows of others.
    static let longestSessionID = 200

    struct Hello: Decodable {
        let heartbeat_interval: Double

        /// `nil` when it can't be one.
        var interval: Duration? {
            self.heartbeat_interval > 0 && self.heartbeat_interval < 1e9
                ? .milliseconds(Int64(self.heartbeat_interval)) : nil
        }
    }

    struct Ready: Decodable {
        struct Guild: Decodable {
            let id: Snowflake
        }

        let session_id: String
        let resume_gateway_url: String?
        let guilds: [Guild]
    }

    struct RateLimited: Decodable {
        struct Meta: Decodable {
            let guild_id: Snowflake
            let nonce: String?
        }

        let opcode: Int
        let retry_after: Double
        let meta: Meta

        /// `nil` when it can't be one.
        var wait: Duration? {
            self.retry_after >= 0 && self.retry_after < 1e6 ? .milliseconds(Int64(self.retry_after * 1000)) : nil
        }
    }

    struct GuildDelete: Decodable {
        let unavailable: Bool?
    }

    static func decode<Body: Decodable>(_ type: Body.Type, from bytes: UnsafeRawBufferPointer) throws -> Body {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
