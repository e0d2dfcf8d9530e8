/// One line of a message's body, as docs/protocol.md has it.
struct EventLine {
    /// The name of the line that says that events of a session may be missing.
    static let gapName = "FLOTILLA_GAP"

    let sequence: Int64
    let name: String
    let guild: UInt64?
    /// The bytes of `d`, which is always last.
    let data: UnsafeRawBufferPointer

    /// - Parameter bytes: without the line feed.
    init(_ bytes: UnsafeRawBufferPointer) throws(HarnessError) {
        do throws(JSONFields.Malformed) {
            var fields = try JSONFields(bytes)
            var sequence: Int64?
            var name: String?
            var guild: UInt64?
            while let key = try fields.nextKey() {
                if key.equals("d") {
                    guard let sequence, let name, bytes.last == UInt8(ascii: "}"), fields.position < bytes.count - 1
                    else { throw JSONFields.Malformed(description: "s and t before d, and d last") }
                    self.sequence = sequence
                    self.name = name
                    self.guild = guild
                    self.data = UnsafeRawBufferPointer(rebasing: bytes[fields.position..<(bytes.count - 1)])
                    return
                }
                let value = try fields.value()
                if key.equals("s") {
                    sequence = value.integer
                } else if key.equals("t") {
                    name = value.text
                } else if key.equals("g") {
                    guild = value.snowflake
                }
            }
            throw JSONFields.Malformed(description: "no d")
        } catch {
            throw HarnessError(
                "an event line can't be read: \(error): \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        }
    }
}

/// What a gap record tells in its `d`.
struct GapData {
    var session: String?
    var after: Int64?
    var reason = ""

    init(_ bytes: UnsafeRawBufferPointer) throws(JSONFields.Malformed) {
        var fields = try JSONFields(bytes)
        while let key = try fields.nextKey() {
            let value = try fields.value()
            if key.equals("session") {
                self.session = value.text
            } else if key.equals("after") {
                self.after = value.integer
            } else if key.equals("reason") {
                self.reason = value.text ?? ""
            }
        }
    }
}
