import NIOCore

/// Encoded bytes on their way to the socket. Small pieces are gathered in one buffer; large bodies stay where they are.
struct AMQPOutgoingBytes {
    struct Mark {
        fileprivate let sealedCount: Int
        fileprivate let sealedBytes: Int
        fileprivate let writerIndex: Int
    }

    private static let sealAt = 128 * 1_024
    /// A body of at least this many bytes is not copied.
    static let largeBody = 16 * 1_024

    private(set) var sealed: [ByteBuffer] = []
    private var sealedBytes = 0
    var current: ByteBuffer

    init(allocator: ByteBufferAllocator) { self.current = allocator.buffer(capacity: 4_096) }

    var count: Int { self.sealedBytes + self.current.readableBytes }

    mutating func append(large body: ByteBuffer) {
        self.seal()
        self.sealed.append(body)
        self.sealedBytes += body.readableBytes
    }

    mutating func sealIfFull() {
        if self.current.readableBytes >= Self.sealAt { self.seal() }
    }

    private mutating func seal() {
        guard self.current.readableBytes > 0 else { return }
        self.sealedBytes += self.current.readableBytes
        self.sealed.append(self.current)
        self.current = ByteBufferAllocator().buffer(capacity: 4_096)
    }

    var mark: Mark {
        Mark(sealedCount: self.sealed.count, sealedBytes: self.sealedBytes, writerIndex: self.current.writerIndex)
    }

    /// Takes back all that was written since `mark`.
    mutating func rollBack(to mark: Mark) {
        if self.sealed.count > mark.sealedCount {
            // With nothing in `current` at the mark, the first piece since then is not its successor.
            self.current = mark.writerIndex > 0 ? self.sealed[mark.sealedCount] : ByteBuffer()
            self.sealed.removeSubrange(mark.sealedCount...)
            self.sealedBytes = mark.sealedBytes
        }
        self.current.moveWriterIndex(to: mark.writerIndex)
    }

    mutating func removeAll() {
        self.sealed.removeAll(keepingCapacity: true)
        self.sealedBytes = 0
        self.current.clear()
    }
}
