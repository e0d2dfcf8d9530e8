import NIOCore
import Synchronization
import Testing

@testable import Redis

@Suite struct ReplyQueueTests {
    private func request(_ count: Int, deadline: UInt64 = 1_000) -> RedisRequest {
        RedisRequest(bytes: ByteBuffer(), count: count, deadline: .uptimeNanoseconds(deadline)) { _ in }
    }

    private func completed(_ received: ReplyQueue.Received) -> [RESPValue]? {
        if case .completed(_, let results) = received { results } else { nil }
    }

    @Test func `Replies are matched in order, a pipeline's together`() {
        var queue = ReplyQueue()
        queue.append(self.request(2), byteCount: 1)
        queue.append(self.request(1), byteCount: 1)
        #expect(self.completed(queue.receive(.integer(1))) == nil)
        #expect(self.completed(queue.receive(.integer(2))) == [.integer(1), .integer(2)])
        #expect(self.completed(queue.receive(.integer(3))) == [.integer(3)])
        #expect(queue.isEmpty)
    }

    @Test func `A reply to nothing is told`() {
        var queue = ReplyQueue()
        guard case .unexpected = queue.receive(.null) else {
            Issue.record("not told")
            return
        }
    }

    @Test func `A timed-out request keeps its place and what it had received`() {
        var queue = ReplyQueue()
        queue.append(self.request(3, deadline: 10), byteCount: 30)
        queue.append(self.request(1, deadline: 20), byteCount: 1)
        _ = queue.receive(.integer(1))
        let (expired, next) = queue.expire(now: .uptimeNanoseconds(10))
        #expect(expired.count == 1)
        #expect(expired.first?.byteCount == 30)
        #expect(next == .uptimeNanoseconds(20))
        let results = expired.first?.results ?? []
        #expect(results.count == 3)
        #expect(results.first == .integer(1))
        #expect(results.last?.error?.code == .timedOut)
        #expect(results.last?.error?.delivery == .mayHaveExecuted)
        guard case .stored = queue.receive(.integer(2)) else {
            Issue.record("the place was lost")
            return
        }
        guard case .settledLate(commands: 3, bytes: 30) = queue.receive(.integer(3)) else {
            Issue.record("the late replies did not settle")
            return
        }
        #expect(self.completed(queue.receive(.integer(4))) == [.integer(4)])
    }

    @Test func `A request behind another can time out first`() {
        var queue = ReplyQueue()
        queue.append(self.request(1, deadline: 100), byteCount: 1)
        queue.append(self.request(1, deadline: 10), byteCount: 7)
        let (expired, next) = queue.expire(now: .uptimeNanoseconds(50))
        #expect(expired.map(\.byteCount) == [7])
        #expect(next == .uptimeNanoseconds(100))
        #expect(self.completed(queue.receive(.integer(1))) == [.integer(1)])
        guard case .settledLate = queue.receive(.integer(2)) else {
            Issue.record("no late reply")
            return
        }
    }

    @Test func `A lost connection tells each request once, with what it had`() {
        var queue = ReplyQueue()
        queue.append(self.request(1, deadline: 1), byteCount: 5)
        queue.append(self.request(2), byteCount: 1)
        queue.append(self.request(1), byteCount: 1)
        _ = queue.expire(now: .uptimeNanoseconds(1))
        _ = queue.receive(.null)
        _ = queue.receive(.integer(8))
        let error = RedisError(.connectionLost, "x", delivery: .mayHaveExecuted)
        let (lost, lateCommands, _) = queue.removeAll(error)
        #expect(lost.map(\.1) == [[.integer(8), .error(error)], [.error(error)]])
        #expect(lateCommands == 0)
        #expect(queue.isEmpty)
    }

    @Test func `What timed out before the loss is given back`() {
        var queue = ReplyQueue()
        queue.append(self.request(4, deadline: 1), byteCount: 5)
        _ = queue.expire(now: .uptimeNanoseconds(1))
        let (lost, lateCommands, lateBytes) = queue.removeAll(RedisError(.connectionLost, "x"))
        #expect(lost.isEmpty)
        #expect(lateCommands == 4)
        #expect(lateBytes == 5)
    }
}

@Suite struct RequestInboxTests {
    private func request(_ count: Int, bytes: Int) -> RedisRequest {
        RedisRequest(bytes: ByteBuffer(repeating: 0, count: bytes), count: count, deadline: .distantFuture) { _ in }
    }

    private func isOverloaded(_ verdict: RequestInbox.Verdict) -> Bool {
        if case .refused(let error) = verdict { error.code == .overloaded && error.delivery == .notSent } else { false }
    }

    @Test func `Commands and bytes are bounded until they are released`() {
        var limits = RedisConfiguration.Limits()
        limits.outstandingCommands = 10
        limits.outstandingBytes = 100
        let inbox = RequestInbox(limits: limits)
        #expect(!self.isOverloaded(inbox.submit(self.request(6, bytes: 10))))
        #expect(self.isOverloaded(inbox.submit(self.request(5, bytes: 10))))
        #expect(self.isOverloaded(inbox.submit(self.request(1, bytes: 91))))
        #expect(!self.isOverloaded(inbox.submit(self.request(4, bytes: 90))))
        inbox.release(commands: 6, bytes: 10)
        #expect(!self.isOverloaded(inbox.submit(self.request(1, bytes: 1))))
    }

    @Test func `One drain is scheduled for many requests`() {
        let inbox = RequestInbox(limits: .init())
        func schedules() -> Bool {
            if case .accepted(true) = inbox.submit(self.request(1, bytes: 1)) { true } else { false }
        }
        #expect(schedules())
        #expect(!schedules())
        #expect(inbox.takeAll().count == 2)
        #expect(schedules())
    }
}
