import ClusterAPI
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

/// Notices at once when a member's process is gone: the kernel closes its connections.
enum MemberAttendance {
    /// Members ask again then. Whoever opened connections and forgot them costs no more than this.
    static let longest: Duration = .seconds(45)
    private static let mostBodyBytes = 1024

    /// Returns when the connection is lost, this process stops, or it has been long enough.
    static func hold(
        _ id: String, _ request: Request, _ term: Leadership.Term, read: (ByteBuffer) throws -> Attendance
    ) async throws {
        let isLost = Flag()
        let (loss, lost) = AsyncStream.makeStream(of: Never.self)
        let broken: Int? = try await request.body.consumeWithInboundCloseHandler { body in
            let attendance: Attendance
            do {
                attendance = try read(try await body.collect(upTo: Self.mostBodyBytes))
            } catch is NIOTooManyBytesError {
                throw Problem(.payloadTooLarge, "the body is larger than \(Self.mostBodyBytes) bytes")
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in loss {} }
                // Cancelled, all of them end.
                group.addTask { try? await Task.sleep(for: Self.longest) }
                group.addTask { try? await gracefulShutdown() }
                await group.next()
                group.cancelAll()
            }
            // Looked at in here: at its end the server stops reading, and calls that closed too.
            return isLost.value.withLock { $0 } ? attendance.incarnation : nil
        } onInboundClosed: {
            isLost.value.withLock { $0 = true }
            lost.finish()
        }
        if let broken { term.keeper.attendanceBroken(id, incarnation: broken) }
    }

    private final class Flag: Sendable {
        let value = Mutex(false)
    }
}
