import NIOCore
import NIOPosix
import Synchronization

/// One buffer for each thread, which its connections lend each other: only a connection that has something in hand
/// needs one, and a thread works for one connection at a time.
enum SpareBuffer {
    static let capacity = 128 << 10

    private final class Box: Sendable {
        /// Never contended: each thread has its own.
        let buffer = Mutex<ByteBuffer?>(nil)
    }

    private static let spare = ThreadSpecificVariable<Box>()

    /// An empty buffer of ``capacity`` bytes.
    static func take() -> ByteBuffer {
        guard var buffer = self.spare.currentValue?.buffer.withLock({ $0.take() }) else {
            return ByteBufferAllocator().buffer(capacity: self.capacity)
        }
        buffer.clear(minimumCapacity: self.capacity)
        return buffer
    }

    /// Takes a buffer back. One that has grown large is let go of.
    static func giveBack(_ buffer: consuming ByteBuffer) {
        guard buffer.capacity >= self.capacity, buffer.capacity <= 8 * self.capacity else { return }
        if self.spare.currentValue == nil { self.spare.currentValue = Box() }
        let lent = buffer
        self.spare.currentValue?.buffer.withLock { $0 = lent }
    }
}
