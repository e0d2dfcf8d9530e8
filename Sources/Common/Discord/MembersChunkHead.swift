/// What tells which request a GUILD_MEMBERS_CHUNK answers, read without building its members.
package struct MembersChunkHead: Equatable, Sendable {
    package let nonce: String
    package let index: Int
    package let count: Int

    /// Reads the event's `d`, which was sliced before. `nil`: no nonce, or no numbers.
    package static func read(_ data: UnsafeRawBufferPointer) -> MembersChunkHead? {
        guard var cursor = JSONCursor(data) else { return nil }
        do throws(SliceError) {
            return try self.read(&cursor)
        } catch {
            // Bytes that were sliced are JSON; anything else has no head.
            return nil
        }
    }

    private static func read(_ cursor: inout JSONCursor) throws(SliceError) -> MembersChunkHead? {
        var nonce: String?
        var index: Int?
        var count: Int?
        cursor.skipWhiteSpace()
        try cursor.expect(UInt8(ascii: "{"))
        cursor.skipWhiteSpace()
        guard try cursor.peek() != UInt8(ascii: "}") else { return nil }
        while true {
            cursor.skipWhiteSpace()
            let key = try self.text(&cursor)
            cursor.skipWhiteSpace()
            try cursor.expect(UInt8(ascii: ":"))
            cursor.skipWhiteSpace()
            let start = cursor.offset
            switch key {
            case "nonce" where try cursor.peek() == JSONCursor.quote: nonce = try self.text(&cursor)
            case "chunk_index":
                try cursor.skipValue(within: 1)
                index = self.number(cursor, start)
            case "chunk_count":
                try cursor.skipValue(within: 1)
                count = self.number(cursor, start)
            default: try cursor.skipValue(within: 1)
            }
            cursor.skipWhiteSpace()
            guard try cursor.peek() == UInt8(ascii: ",") else { break }
            cursor.offset += 1
        }
        guard let nonce, let index, let count else { return nil }
        return MembersChunkHead(nonce: nonce, index: index, count: count)
    }

    /// Our nonces and Discord's keys have no escapes; a text with some is none of them.
    private static func text(_ cursor: inout JSONCursor) throws(SliceError) -> String {
        let start = cursor.offset + 1
        let isEscaped = try cursor.skipString()
        return isEscaped ? "" : self.string(cursor, start..<(cursor.offset - 1))
    }

    private static func number(_ cursor: JSONCursor, _ start: Int) -> Int? {
        Int(self.string(cursor, start..<cursor.offset))
    }

    private static func string(_ cursor: JSONCursor, _ range: Range<Int>) -> String {
        String(
            decoding: UnsafeRawBufferPointer(start: cursor.base + range.lowerBound, count: range.count), as: UTF8.self)
    }
}
