import NIOCore

/// The part of a replayed event that differs each time: its sequence number, its message's id and its nonce, at fixed
/// places, so that they can be written into bytes that were made before. The number is padded with spaces.
enum ReplayHead {
    static let template = Array(
        (#"{"t":"MESSAGE_CREATE","s":          ,"op":0,"d":{"id":"0000000000000000000","#
            + #""nonce":"0000000000000000000","#).utf8)
    static let count = Self.template.count
    /// The largest sequence number that has room.
    static let lastSequence: Int64 = 9_999_999_999

    private static let sequenceOffset = 26
    private static let sequenceWidth = 10
    private static let idOffset = 55
    private static let nonceOffset = 85
    private static let idWidth = 19

    /// Fills a head in that lies at `base` and was made from the template.
    static func fill(_ base: UnsafeMutableRawPointer, sequence: Int64, id: UInt64, nonce: UInt64) {
        self.write(
            UInt64(clamping: sequence), width: Self.sequenceWidth, padding: UInt8(ascii: " "),
            at: base + Self.sequenceOffset)
        self.write(id, width: Self.idWidth, padding: UInt8(ascii: "0"), at: base + Self.idOffset)
        self.write(nonce, width: Self.idWidth, padding: UInt8(ascii: "0"), at: base + Self.nonceOffset)
    }

    private static func write(_ number: UInt64, width: Int, padding: UInt8, at base: UnsafeMutableRawPointer) {
        var rest = number
        var offset = width
        repeat {
            offset -= 1
            base.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: offset, as: UInt8.self)
            rest /= 10
        } while rest > 0 && offset > 0
        while offset > 0 {
            offset -= 1
            base.storeBytes(of: padding, toByteOffset: offset, as: UInt8.self)
        }
    }
}
