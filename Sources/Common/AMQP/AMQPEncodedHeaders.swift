package import NIOCore

/// Headers in AMQP's own bytes: written once for many messages that share most of them, and free of dictionaries.
package struct AMQPEncodedHeaders: Sendable, Equatable {
    /// The entries of a field table, without its length (AMQP 0-9-1, section 4.2.5.5).
    private(set) var entries = ByteBuffer()

    package init() {}

    /// - Parameter name: at most 255 bytes, and none that was appended before.
    package mutating func append(_ name: StaticString, _ value: Int64) {
        self.append(name, kind: UInt8(ascii: "l"))
        self.entries.writeInteger(value)
    }

    /// - Parameter name: at most 255 bytes, and none that was appended before.
    package mutating func append(_ name: StaticString, _ value: String) {
        self.append(name, bytes: value.utf8.count) { $0.writeString(value) }
    }

    /// A text of `bytes` bytes of UTF-8, which `write` writes.
    package mutating func append(_ name: StaticString, bytes: Int, write: (inout ByteBuffer) -> Void) {
        self.append(name, kind: UInt8(ascii: "S"))
        self.entries.writeInteger(UInt32(bytes))
        let start = self.entries.writerIndex
        write(&self.entries)
        precondition(self.entries.writerIndex == start + bytes, "\(name) has another length than was told")
    }

    private mutating func append(_ name: StaticString, kind: UInt8) {
        precondition((1...255).contains(name.utf8CodeUnitCount), "\(name) is no name of a header")
        self.entries.writeInteger(UInt8(name.utf8CodeUnitCount))
        self.entries.writeStaticString(name)
        self.entries.writeInteger(kind)
    }
}
