import Discord
import Foundation

/// The few server payloads whose body is read; all others travel on as bytes.
enum ServerPayload {
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

    struct GuildDelete: Decodable {
        let unavailable: Bool?
    }

    static func decode<Body: Decodable>(_ type: Body.Type, from bytes: UnsafeRawBufferPointer) throws -> Body {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
