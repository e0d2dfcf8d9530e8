import DequeModule
import NIOCore

/// Encoded bytes on their way to the socket. Small pieces are gathered in one buffer; large bodies stay where they are.
struct AMQPOutgoingBytes {
    struct Mark {
        fileprivate let sealedCount: Int
        fileprivate let sealedBytes: Int
        fileprivate let writerIndex: Int
    }

    struct Piece {
        var bytes: ByteBuffer
        /// A large body is somebody else's as well.
        let isOurs: Bool
    }

    /// A body of at least this many bytes is not copied.
    static let largeBody = 16 * 1_024
    /// Of a buffer once more than a little is written at a time.
    private static let fullCapacity = 128 * 1_024
    /// What follows, with its headers, still fits in most cases.
    private static let sealAt = fullCapacity - largeBody
    private static let spareLimit = 4

    private(set) var sealed: [Piece] = []
    private var sealedBytes = 0
    var current: ByteBuffer
    /// Handed to the socket's queue. Nobody else may hold them once they are written, or they can't be used again.
    private(set) var underWay: Deque<Piece> = []
    /// Written and empty again: fresh memory costs more than the writing itself.
    private var spare: [ByteBuffer] = []

    init(allocator: ByteBufferAllocator) { self.current = allocator.buffer(capacity: 4_096) }

    var count: Int { self.sealedBytes + self.current.readableBytes }

    mutating func append(large body: ByteBuffer) {
        self.seal()
        self.sealed.append(Piece(bytes: body, isOurs: false))
        self.sealedBytes += body.readableBytes
    }

    mutating func sealIfFull() {
        if self.current.readableBytes >= Self.sealAt { self.seal() }
    }

    private mutating func seal() {
        guard self.current.readableBytes > 0 else { return }
        self.sealedBytes += self.current.readableBytes
        self.sealed.append(Piece(bytes: self.current, isOurs: true))
        let capacity = self.current.readableBytes >= Self.sealAt ? Self.fullCapacity : 4_096
        self.current = self.spare.popLast() ?? ByteBufferAllocator().buffer(capacity: capacity)
    }

    var mark: Mark {
        Mark(sealedCount: self.sealed.count, sealedBytes: self.sealedBytes, writerIndex: self.current.writerIndex)
    }

    /// Takes back all that was written since `mark`.
    mutating func rollBack(to mark: Mark) {
        if self.sealed.count > mark.sealedCount {
            // With nothing in `current` at the mark, the first piece since then is not its successor.
            self.current = mark.writerIndex > 0 ? self.sealed[mark.sealedCount].bytes : ByteBuffer()
            self.sealed.removeSubrange(mark.sealedCount...)
            self.sealedBytes = mark.sealedBytes
        }
        self.current.moveWriterIndex(to: mark.writerIndex)
    }

    /// Moves everything behind what is under way.
    ///
    /// - Returns: how many buffers these are.
    mutating func moveAll() -> Int {
        self.seal()
        let count = self.sealed.count
        self.underWay.append(contentsOf: self.sealed)
        self.sealed.removeAll(keepingCapacity: true)
        self.sealedBytes = 0
        return count
    }

    /// The socket has taken so many of the buffers under way.
    mutating func wrote(_ count: Int) {
        for _ in 0..<count {
            guard var piece = self.underWay.popFirst() else { return }
            guard piece.isOurs, self.spare.count < Self.spareLimit, piece.bytes.capacity <= Self.fullCapacity else {
                continue
            }
            piece.bytes.clear()
            self.spare.append(piece.bytes)
        }
    }
}
