import ClusterAPI
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Notices at once when a member's process is gone: the kernel closes its connections.
enum MemberAttendance {
    private static let mostBodyBytes = 1024

    /// Returns when the connection is lost, this coordinator leads no longer or stops, or it has been long enough. The
    /// server closes the connection after the answer.
    static func hold(
        _ id: String, _ request: Request, _ term: Leadership.Term, for longest: Duration,
        read: (ByteBuffer) throws -> Attendance
    ) async throws {
        var request = request
        let attendance: Attendance
        do {
            attendance = try read(try await request.collectBody(upTo: Self.mostBodyBytes))
        } catch is NIOTooManyBytesError {
            throw Problem(.payloadTooLarge, "the body is larger than \(Self.mostBodyBytes) bytes")
        }
        let (ends, end) = AsyncStream.makeStream(of: Attendances.End.self)
        let number = term.keeper.attendances.add(end)
        defer { term.keeper.attendances.remove(number) }
        let isLost = try await request.body.consumeWithInboundCloseHandler { _ in
            // Decided in here: when this returns the server stops reading, and calls that closed too.
            await Self.isLost(ends, within: longest)
        } onInboundClosed: {
            end.yield(.lost)
        }
        if isLost { term.keeper.attendanceBroken(id, incarnation: attendance.incarnation) }
    }

    private static func isLost(_ ends: AsyncStream<Attendances.End>, within longest: Duration) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                // What comes first counts: at the end of a term many connections may close.
                for await end in ends { return end == .lost }
                return false
            }
            // Cancelled, both end.
            group.addTask {
                try? await Task.sleep(for: longest)
                return false
            }
            group.addTask {
                try? await gracefulShutdown()
                return false
            }
            let isLost = await group.next() ?? false
            group.cancelAll()
            return isLost
        }
    }
}
