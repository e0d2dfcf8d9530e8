import Foundation
import NIOCore

/// One line of a message's body: `{"s":123,"t":"MESSAGE_CREATE","g":"81384788765712384","at":1700000000123,"d":{…}}`
/// and a line feed. `g` is left out for events without a guild. `d` is Discord's own bytes, but for line feeds between
/// tokens, which become spaces.
enum EventEnvelope {
    /// Bytes of a line besides name and data, at most: punctuation, keys and three numbers of 20 digits.
    static let overhead = 100

    static func write(
        into buffer: inout ByteBuffer,
        sequence: Int64,
        name: UnsafeRawBufferPointer,
        guild: UInt64?,
        milliseconds: Int64,
        data: UnsafeRawBufferPointer
    ) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: self.overhead + name.count + data.count) { target in
            var line = LineWriter(target: target)
            line.write("{\"s\":")
            line.write(UInt64(clamping: sequence))
            line.write(",\"t\":\"")
            line.write(name)
            if let guild {
                line.write("\",\"g\":\"")
                line.write(guild)
            }
            line.write("\",\"at\":")
            line.write(UInt64(clamping: milliseconds))
            line.write(",\"d\":")
            line.writeOneLine(data)
            line.write("}\n")
            return line.count
        }
    }

    /// A line with `"old":…` before its `"d"`.
    static func line(_ line: ByteBuffer, with old: ByteBuffer) -> ByteBuffer {
        // Nothing before `d` can hold these bytes: the values are numbers, ids and the event's name.
        let mark = Array(",\"d\":".utf8)
        let view = line.readableBytesView
        guard
            let place = view.indices.first(where: { view[$0] == mark[0] && view[$0...].starts(with: mark) })
        else { return line }
        var result = ByteBufferAllocator().buffer(capacity: line.readableBytes + old.readableBytes + 8)
        result.writeBytes(view[..<place])
        result.writeStaticString(",\"old\":")
        result.writeBytes(old.readableBytesView.lazy.map { $0 == 0x0A ? 0x20 : $0 })
        result.writeBytes(view[place...])
        return result
    }
}

/// Fills memory whose size the caller has made sure of; a write past its end is a bug here, and traps.
private struct LineWriter {
    private static let mostDigits = 20

    let target: UnsafeMutableRawBufferPointer
    var count = 0

    mutating func write(_ text: StaticString) {
        self.write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= self.target.count - self.count)
        UnsafeMutableRawBufferPointer(rebasing: self.target[self.count...]).copyMemory(from: bytes)
        self.count += bytes.count
    }

    /// A line feed inside a value can only be white space: strings hold none unescaped.
    mutating func writeOneLine(_ bytes: UnsafeRawBufferPointer) {
        let start = self.count
        self.write(bytes)
        guard let base = bytes.baseAddress, memchr(base, 0x0A, bytes.count) != nil else { return }
        for index in start..<self.count where self.target[index] == 0x0A { self.target[index] = 0x20 }
    }

    mutating func write(_ value: UInt64) {
        withUnsafeTemporaryAllocation(byteCount: Self.mostDigits, alignment: 1) { digits in
            var start = Self.mostDigits
            var rest = value
            repeat {
                start -= 1
                let tens = rest / 10
                digits[start] = UInt8(truncatingIfNeeded: 0x30 + (rest &- tens &* 10))
                rest = tens
            } while rest > 0
            self.write(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }
}
