import Foundation
package import NIOCore
import NIOFoundationCompat

/// One GUILD_MEMBERS_CHUNK of a request.
package struct MembersChunk: Sendable, Equatable {
    package struct Position: Sendable, Codable, Equatable {
        /// Which of the request's parts: each has up to 100 of its user ids.
        package let part: Int
        package let parts: Int
        /// Grows when the part is asked for again: chunks of an earlier attempt count no more.
        package let attempt: Int
        /// Of this part's chunks.
        package let index: Int
        package let count: Int

        package init(part: Int, parts: Int, attempt: Int, index: Int, count: Int) {
            self.part = part
            self.parts = parts
            self.attempt = attempt
            self.index = index
            self.count = count
        }
    }

    package let position: Position
    /// The event's `d`, as Discord sent it.
    package let payload: ByteBuffer

    package init(position: Position, payload: ByteBuffer) {
        self.position = position
        self.payload = payload
    }

    /// Keys are Discord's, such as `not_found`.
    package func decode<Body: Decodable>(_ type: Body.Type) throws -> Body {
        try JSONDecoder().decode(type, from: self.payload)
    }
}
