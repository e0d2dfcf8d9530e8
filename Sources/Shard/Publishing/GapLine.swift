import ClusterAPI
import NIOCore

/// The line that every lane gets when a session is lost (docs/protocol.md): what came after its watermark may be
/// missing.
enum GapLine {
    static func line(_ gap: SessionGap, slot: Slot) -> ByteBuffer {
        ByteBuffer(
            string: #"{"s":\#(gap.after),"t":"\#(GapRecord.eventName)","at":\#(gap.atMilliseconds),"d":{"#
                + #""application":"\#(slot.application)","generation":\#(slot.generation),"shard":\#(slot.shard),"#
                + #""num_shards":\#(gap.numShards),"session":\#(self.quoted(gap.session)),"after":\#(gap.after),"#
                + #""reason":\#(self.quoted(gap.reason))}}"# + "\n")
    }

    /// As a JSON string. A session id is the gateway's own text.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
