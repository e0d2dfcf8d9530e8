import CHiredis
import NIOCore

/// Turns the bytes of a connection into replies by hiredis' reader. All pointers and C types of this module are here.
///
/// hiredis owns the input buffer and finds the bounds; its callbacks build Swift values at once, so no tree of
/// `redisReply` is made. hiredis itself refuses arrays nested deeper than 7. After an error the reader is of no more
/// use.
final class RESPReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder: ReplyBuilder
    private let maximumReplyBytes: Int
    /// Bytes fed since the last whole reply.
    private var unansweredBytes = 0

    init(limits: RedisConfiguration.Limits) throws(RedisError) {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: ReplyBuilder.functions)
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            functions.deallocate()
            throw RedisError(.connectionLost, "out of memory for the reply reader")
        }
        self.functions = functions
        self.reader = reader
        self.builder = ReplyBuilder(maximumElements: limits.replyElements)
        self.maximumReplyBytes = limits.replyBytes
        // The reader keeps up to this much buffer when it is empty: more than a socket read, so that it is kept.
        reader.pointee.maxbuf = 256 << 10
        reader.pointee.privdata = Unmanaged.passUnretained(self.builder).toOpaque()
    }

    deinit {
        redisReaderFree(self.reader)
        self.functions.deinitialize(count: 1)
        self.functions.deallocate()
    }

    func feed(_ buffer: ByteBuffer) throws(RedisError) {
        self.unansweredBytes += buffer.readableBytes
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(self.reader, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count)
        }
        guard status == REDIS_OK else { throw self.violation() }
    }

    /// The next whole reply, `nil` when more bytes are needed.
    func next() throws(RedisError) -> RESPValue? {
        // Not asked when it is empty: hiredis would answer the same after more work.
        guard self.reader.pointee.len > 0 else { return nil }
        var root: UnsafeMutableRawPointer?
        guard redisReaderGetReply(self.reader, &root) == REDIS_OK else { throw self.violation() }
        guard root != nil, let reply = self.builder.takeRoot() else {
            guard self.unansweredBytes <= self.maximumReplyBytes else {
                throw RedisError(.protocolViolation, "a reply exceeds \(self.maximumReplyBytes) bytes")
            }
            return nil
        }
        self.unansweredBytes = self.reader.pointee.len - self.reader.pointee.pos
        return reply
    }

    private func violation() -> RedisError {
        if self.builder.isOverLimit { return RedisError(.protocolViolation, "a reply has too many elements") }
        let text = withUnsafeBytes(of: self.reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError(.protocolViolation, text)
    }
}

/// Collects what hiredis' callbacks tell about one reply after the other.
private final class ReplyBuilder {
    private struct OpenArray {
        var elements: [RESPValue]
        let count: Int
    }

    private let maximumElements: Int
    private var elementCount = 0
    private var open: [OpenArray] = []
    private var root: RESPValue?
    private(set) var isOverLimit = false

    init(maximumElements: Int) { self.maximumElements = maximumElements }

    func takeRoot() -> RESPValue? {
        self.elementCount = 0
        return self.root.take()
    }

    private func beginArray(count: Int) -> Bool {
        guard count <= self.maximumElements - self.elementCount else {
            self.isOverLimit = true
            return false
        }
        self.elementCount += count
        if count <= 0 {
            self.add(.array([]))
        } else {
            var elements: [RESPValue] = []
            // What the peer announces is not believed beyond this: memory grows with what really comes.
            elements.reserveCapacity(min(count, 256))
            self.open.append(OpenArray(elements: elements, count: count))
        }
        return true
    }

    private func add(_ value: RESPValue) {
        var value = value
        while let last = self.open.indices.last {
            self.open[last].elements.append(value)
            guard self.open[last].elements.count == self.open[last].count else { return }
            value = .array(self.open.removeLast().elements)
        }
        self.root = value
    }

    private func addText(type: CInt, _ bytes: UnsafeRawBufferPointer) {
        switch type {
        case REDIS_REPLY_STATUS:
            self.add(.simpleString(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR:
            self.add(.error(RedisError(serverLine: String(decoding: bytes, as: UTF8.self))))
        default:
            var buffer = ByteBufferAllocator().buffer(capacity: bytes.count)
            buffer.writeBytes(bytes)
            self.add(.bulkString(buffer))
        }
    }

    /// hiredis wants an object for each value: any pointer that is not null serves, and it is never looked into.
    private typealias Task = UnsafePointer<redisReadTask>

    private static func builder(of task: Task?) -> (ReplyBuilder, UnsafeMutableRawPointer)? {
        guard let pointer = task?.pointee.privdata else { return nil }
        return (Unmanaged<ReplyBuilder>.fromOpaque(pointer).takeUnretainedValue(), pointer)
    }

    static var functions: redisReplyObjectFunctions {
        redisReplyObjectFunctions(
            createString: { task, text, length in
                guard let (builder, object) = ReplyBuilder.builder(of: task) else { return nil }
                builder.addText(type: task?.pointee.type ?? 0, UnsafeRawBufferPointer(start: text, count: length))
                return object
            },
            createArray: { task, count in
                guard let (builder, object) = ReplyBuilder.builder(of: task) else { return nil }
                return builder.beginArray(count: Int(count)) ? object : nil
            },
            createInteger: { task, value in
                guard let (builder, object) = ReplyBuilder.builder(of: task) else { return nil }
                builder.add(.integer(Int64(value)))
                return object
            },
            createNil: { task in
                guard let (builder, object) = ReplyBuilder.builder(of: task) else { return nil }
                builder.add(.null)
                return object
            },
            freeObject: { _ in }
        )
    }
}
