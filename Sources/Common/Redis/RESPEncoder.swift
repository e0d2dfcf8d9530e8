import NIOCore

/// Writes commands as RESP arrays of bulk strings straight into a buffer. `redisFormatCommandArgv` makes the same
/// bytes, but needs an array of C pointers, a `malloc` and a copy for each command: 170 ns for a SET of 100 bytes
/// before that copy.
enum RESPEncoder {
    static func writeArrayHeader(count: Int, to buffer: inout ByteBuffer) {
        self.writeHeader(UInt8(ascii: "*"), count, to: &buffer)
    }

    static func write(_ argument: RedisArgument, to buffer: inout ByteBuffer) {
        switch argument {
        case .string(let string):
            self.writeHeader(UInt8(ascii: "$"), string.utf8.count, to: &buffer)
            buffer.writeString(string)
        case .buffer(let content):
            self.writeHeader(UInt8(ascii: "$"), content.readableBytes, to: &buffer)
            buffer.writeImmutableBuffer(content)
        case .integer(let value):
            self.writeHeader(UInt8(ascii: "$"), self.length(of: value), to: &buffer)
            self.writeDecimal(value, to: &buffer)
        }
        buffer.writeInteger(UInt16(0x0D0A))
    }

    private static func writeHeader(_ type: UInt8, _ count: Int, to buffer: inout ByteBuffer) {
        if count < 10 {
            // One store for the most common header, such as "$3\r\n".
            let digit = UInt32(0x30) &+ UInt32(truncatingIfNeeded: count)
            buffer.writeInteger(UInt32(type) << 24 | digit << 16 | 0x0D0A)
        } else {
            buffer.writeInteger(type)
            self.writeDecimal(Int64(count), to: &buffer)
            buffer.writeInteger(UInt16(0x0D0A))
        }
    }

    private static func length(of value: Int64) -> Int {
        var length = value < 0 ? 2 : 1
        var rest = value.magnitude
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        return length
    }

    private static func writeDecimal(_ value: Int64, to buffer: inout ByteBuffer) {
        let length = self.length(of: value)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
            var rest = value.magnitude
            var index = length
            repeat {
                index -= 1
                bytes[index] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 { bytes[0] = UInt8(ascii: "-") }
            return length
        }
    }
}
