import NIOCore

/// Commands that leave in one write, already encoded. Building one costs no allocation a command beyond its arguments.
package struct RedisPipeline: Sendable {
    /// A call by SHA-1 that may have to be sent again with its source.
    struct ScriptCall: Sendable {
        let index: Int
        let script: RedisScript
        let argumentCount: Int
        /// Where the key count and all that follows begin, and end, in `bytes`.
        let tail: Range<Int>
    }

    private(set) var bytes: ByteBuffer
    private(set) var scriptCalls: [ScriptCall] = []
    /// How many commands it holds.
    package private(set) var count = 0
    package var isEmpty: Bool { self.count == 0 }
    package var byteCount: Int { self.bytes.readableBytes }

    package init(reservingBytes capacity: Int = 256) {
        self.bytes = ByteBufferAllocator().buffer(capacity: capacity)
    }

    package init(_ commands: [RedisCommand]) {
        self.init(reservingBytes: commands.count &* 64)
        for command in commands { self.append(command) }
    }

    package mutating func append(_ arguments: RedisArgument...) {
        self.append(RedisCommand(arguments))
    }

    package mutating func append(_ command: RedisCommand) {
        precondition(!command.arguments.isEmpty, "a command has at least its name")
        RESPEncoder.write(command.arguments, to: &self.bytes)
        self.count += 1
    }

    /// Appends a call of the script. If the server lacks the script, the call is repeated with its source after the
    /// rest of the pipeline has run: a script must not rely on its place among the other commands of one pipeline.
    package mutating func append(_ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument] = []) {
        self.append(script, keys: keys, argumentCount: arguments.count) { bytes in
            for argument in arguments { RESPEncoder.write(argument, to: &bytes) }
        }
    }

    /// - Parameter write: writes the arguments, encoded.
    mutating func append(
        _ script: RedisScript, keys: [RedisArgument], argumentCount: Int, write: (inout ByteBuffer) -> Void
    ) {
        let count = 3 + keys.count + argumentCount
        RESPEncoder.writeArrayHeader(count: count, to: &self.bytes)
        RESPEncoder.write(.string("EVALSHA"), to: &self.bytes)
        RESPEncoder.write(.string(script.sha1), to: &self.bytes)
        let start = self.bytes.writerIndex
        RESPEncoder.write(.integer(Int64(keys.count)), to: &self.bytes)
        for key in keys { RESPEncoder.write(key, to: &self.bytes) }
        write(&self.bytes)
        let tail = start..<self.bytes.writerIndex
        self.scriptCalls.append(ScriptCall(index: self.count, script: script, argumentCount: count, tail: tail))
        self.count += 1
    }

    /// Appends one command that is encoded already.
    mutating func append(encoded command: ByteBuffer) {
        self.bytes.writeImmutableBuffer(command)
        self.count += 1
    }

    mutating func append(header count: Int, encoded arguments: ByteBuffer) {
        RESPEncoder.writeArrayHeader(count: count, to: &self.bytes)
        self.bytes.writeImmutableBuffer(arguments)
        self.count += 1
    }

    /// The calls among these whose results say NOSCRIPT, as EVAL with the source; `nil` when there are none.
    func reloading(after results: [RESPValue]) -> (pipeline: RedisPipeline, indices: [Int])? {
        var pipeline = RedisPipeline(reservingBytes: 0)
        var indices: [Int] = []
        for call in self.scriptCalls where call.index < results.count {
            guard results[call.index].error?.serverKind == "NOSCRIPT" else { continue }
            RESPEncoder.writeArrayHeader(count: call.argumentCount, to: &pipeline.bytes)
            RESPEncoder.write(.string("EVAL"), to: &pipeline.bytes)
            RESPEncoder.write(.string(call.script.source), to: &pipeline.bytes)
            let tail = self.bytes.getSlice(at: call.tail.lowerBound, length: call.tail.count)
            pipeline.bytes.writeImmutableBuffer(tail ?? ByteBuffer())
            pipeline.count += 1
            indices.append(call.index)
        }
        return indices.isEmpty ? nil : (pipeline, indices)
    }
}
