import NIOCore

/// Arguments of one command, encoded as they are added: for values whose bytes lie elsewhere, and are not to be copied
/// twice.
package struct RedisArguments: Sendable {
    private(set) var bytes: ByteBuffer
    package private(set) var count = 0

    package init(reservingBytes capacity: Int = 256) {
        self.bytes = ByteBufferAllocator().buffer(capacity: capacity)
    }

    package var byteCount: Int { self.bytes.readableBytes }

    package mutating func append(_ argument: RedisArgument) {
        RESPEncoder.write(argument, to: &self.bytes)
        self.count += 1
    }

    package mutating func append(_ argument: UnsafeRawBufferPointer) {
        RESPEncoder.write(argument, to: &self.bytes)
        self.count += 1
    }
}

extension RedisPipeline {
    /// Appends a command, its name included in the arguments.
    package mutating func append(_ arguments: RedisArguments) {
        precondition(arguments.count > 0, "a command has at least its name")
        self.append(header: arguments.count, encoded: arguments.bytes)
    }

    /// Appends a call of the script, as `append(_:keys:arguments:)` does.
    package mutating func append(_ script: RedisScript, keys: [RedisArgument], arguments: RedisArguments) {
        self.append(script, keys: keys, argumentCount: arguments.count) { $0.writeImmutableBuffer(arguments.bytes) }
    }
}
