import NIOCore

/// Writes commands as RESP arrays of bulk strings straight into a buffer. `redisFormatCommandArgv` makes the same
/// bytes, but needs an array of C pointers, a `malloc` and a copy for each command: 170 ns for a SET of 100 bytes
/// before that copy.
enum RESPEncoder {
    /// The type, the digits of a length, and CRLF.
    private static let headerBound = 24

    /// A whole command. All of it goes into the buffer in one step: each step has a price of its own.
    static func write(_ arguments: [RedisArgument], to buffer: inout ByteBuffer) {
        var bound = self.headerBound
        for index in arguments.indices { bound += self.bound(arguments[index]) }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
            var output = Output(memory: memory)
            output.writeHeader(UInt8(ascii: "*"), arguments.count)
            for index in arguments.indices { output.write(arguments[index]) }
            return output.count
        }
    }

    static func writeArrayHeader(count: Int, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: self.headerBound) { memory in
            var output = Output(memory: memory)
            output.writeHeader(UInt8(ascii: "*"), count)
            return output.count
        }
    }

    static func write(_ argument: RedisArgument, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: self.bound(argument)) { memory in
            var output = Output(memory: memory)
            output.write(argument)
            return output.count
        }
    }

    static func write(_ argument: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: self.headerBound + argument.count + 2) { memory in
            var output = Output(memory: memory)
            output.write(argument: argument)
            return output.count
        }
    }

    /// Bytes that it takes at most.
    private static func bound(_ argument: RedisArgument) -> Int {
        let content =
            switch argument {
            case .string(let string): string.utf8.count
            case .buffer(let content): content.readableBytes
            // The 19 digits of a 64-bit number and its sign.
            case .integer: 20
            }
        return self.headerBound + content + 2
    }

    /// Memory that is filled from its start; `bound` says how much there has to be.
    private struct Output {
        let memory: UnsafeMutableRawBufferPointer
        var count = 0

        mutating func write(_ argument: RedisArgument) {
            switch argument {
            case .string(let string):
                let length = string.utf8.count
                self.writeHeader(UInt8(ascii: "$"), length)
                var string = string
                string.withUTF8 { self.write(UnsafeRawBufferPointer($0)) }
            case .buffer(let content):
                self.writeHeader(UInt8(ascii: "$"), content.readableBytes)
                content.withUnsafeReadableBytes { self.write($0) }
            case .integer(let value):
                self.writeHeader(UInt8(ascii: "$"), Self.length(of: value))
                self.writeDecimal(value)
            }
            self.writeEnd()
        }

        mutating func write(argument: UnsafeRawBufferPointer) {
            self.writeHeader(UInt8(ascii: "$"), argument.count)
            self.write(argument)
            self.writeEnd()
        }

        mutating func writeHeader(_ type: UInt8, _ count: Int) {
            if count < 10 {
                // One store for the most common header, such as "$3\r\n".
                let digit = UInt32(0x30) &+ UInt32(truncatingIfNeeded: count)
                let header = UInt32(type) << 24 | digit << 16 | 0x0D0A
                self.memory.storeBytes(of: header.bigEndian, toByteOffset: self.count, as: UInt32.self)
                self.count += 4
            } else {
                self.memory[self.count] = type
                self.count += 1
                self.writeDecimal(Int64(count))
                self.writeEnd()
            }
        }

        private mutating func writeEnd() {
            self.memory.storeBytes(of: UInt16(0x0D0A).bigEndian, toByteOffset: self.count, as: UInt16.self)
            self.count += 2
        }

        private mutating func write(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: self.memory[self.count...]).copyMemory(from: bytes)
            self.count += bytes.count
        }

        private mutating func writeDecimal(_ value: Int64) {
            let length = Self.length(of: value)
            var rest = value.magnitude
            var index = self.count + length
            repeat {
                index -= 1
                self.memory[index] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 { self.memory[self.count] = UInt8(ascii: "-") }
            self.count += length
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
    }
}
