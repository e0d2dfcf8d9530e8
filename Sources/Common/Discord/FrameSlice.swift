/// Where the parts of one gateway payload lie, found in one pass that builds no objects. Ranges are byte offsets into
/// the bytes that were sliced.
///
/// The whole payload is checked against JSON's grammar (RFC 8259), except that strings may hold any bytes from 0x20 up:
/// UTF-8 is not checked, and lone surrogates in escapes are let through. Of duplicate keys the last one counts, at the
/// top and in `d`, as with Foundation and most parsers. Keys written with escapes count as what they spell.
package struct FrameSlice: Equatable, Sendable {
    /// How deep containers may lie within each other, the payload's own object included.
    package static let maximumDepth = 128

    package var op: Int
    /// `s`; `nil` when absent or null.
    package var sequence: Int64?
    /// `t` without its quotes, as written; `nil` when absent or null.
    package var name: Range<Int>?
    /// `d.guild_id`, or `d.id` for GUILD_CREATE, GUILD_UPDATE and GUILD_DELETE. Never one from deeper inside. `nil`
    /// when absent, null or no 64-bit unsigned number (as a string or as a number).
    package var guildID: UInt64?
    /// `d.channel_id`, by the same rules.
    package var channelID: UInt64?
    /// `d` as written, `null` included; `nil` when absent.
    package var data: Range<Int>?

    /// Slices one payload.
    package static func slice(_ bytes: UnsafeRawBufferPointer) throws(SliceError) -> FrameSlice {
        try PayloadScanner.slice(bytes)
    }
}
