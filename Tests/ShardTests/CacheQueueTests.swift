import GuildCache
import Redis
import Testing

@testable import Shard

@Suite("Cache queue")
struct CacheQueueTests {
    static let now = ContinuousClock.now

    private static func write(
        _ queue: inout CacheQueue, at time: ContinuousClock.Instant = now, bytes: Int = 10
    )
        -> UInt64
    {
        let ticket = queue.takeTicket()
        let isTaken = queue.add(
            slot: 1, purpose: .write(guild: 1, sequence: 1, ticket: ticket, wantsOld: false, isGone: false), now: time
        ) { $0.append("SET", "k", .string(String(repeating: "x", count: bytes))) }
        return isTaken ? ticket : 0
    }

    @Test func `A write is settled when it is answered`() throws {
        var queue = CacheQueue()
        let first = Self.write(&queue)
        let second = Self.write(&queue)
        #expect(!queue.isSettled(first))
        let chunk = try #require(queue.takeReady(now: Self.now).first)
        #expect(chunk.calls.count == 2 && chunk.pipeline.count == 2)
        let third = Self.write(&queue)
        #expect(!queue.isSettled(first) && !queue.isSettled(third))
        #expect(queue.answered(chunk.number, now: Self.now)?.number == chunk.number)
        #expect(queue.isSettled(first) && queue.isSettled(second) && !queue.isSettled(third))
        // What is answered twice counts once.
        #expect(queue.answered(chunk.number, now: Self.now) == nil)
        let last = try #require(queue.takeReady(now: Self.now).first)
        _ = queue.answered(last.number, now: Self.now)
        #expect(queue.isEmpty && queue.bytes == 0 && queue.isSettled(third))
    }

    @Test func `What comes back out of order settles in order`() {
        var queue = CacheQueue()
        var chunks: [CacheQueue.Chunk] = []
        var tickets: [UInt64] = []
        for _ in 0..<3 {
            tickets.append(Self.write(&queue))
            chunks += queue.takeReady(now: Self.now)
        }
        _ = queue.answered(chunks[1].number, now: Self.now)
        #expect(!queue.isSettled(tickets[0]) && !queue.isSettled(tickets[1]))
        _ = queue.answered(chunks[0].number, now: Self.now)
        #expect(queue.isSettled(tickets[0]) && queue.isSettled(tickets[1]) && !queue.isSettled(tickets[2]))
    }

    @Test func `Nobody waits longer than the patience, and then not at all until Redis is back`() throws {
        var queue = CacheQueue()
        let first = Self.write(&queue)
        let chunk = try #require(queue.takeReady(now: Self.now).first)
        let due = Self.now + .milliseconds(50)
        #expect(queue.nextDeadline(hasWaiters: true) == due)
        #expect(queue.nextDeadline(hasWaiters: false) == nil)
        let hasWaived = (queue.waive(now: due - .milliseconds(1)), queue.waive(now: due))
        #expect(hasWaived.0 == false && hasWaived.1 && queue.isSettled(first))
        let second = Self.write(&queue, at: due)
        #expect(queue.isAway && queue.isSettled(second))
        _ = queue.answered(chunk.number, now: due + .milliseconds(10))
        #expect(!queue.isAway && !queue.isSettled(second))
        #expect(queue.nextDeadline(hasWaiters: true) == due + .milliseconds(50))
    }

    @Test func `Once Redis is back, what it missed neither makes it slow nor shortens anybody's patience`() throws {
        var queue = CacheQueue()
        _ = Self.write(&queue)
        let first = try #require(queue.takeReady(now: Self.now).first)
        queue.failed(first.number, now: Self.now)
        let early = Self.write(&queue, at: Self.now + .milliseconds(20))
        let retry = Self.now + .milliseconds(100)
        #expect(queue.takeReady(now: retry).count == 1)
        let back = Self.now + .milliseconds(110)
        _ = queue.answered(first.number, now: back)
        let late = Self.write(&queue, at: back)
        #expect(queue.isSettled(early) && !queue.isSettled(late))
        #expect(queue.nextDeadline(hasWaiters: true) == back + .milliseconds(50))
        let chunks = queue.takeReady(now: back)
        #expect(queue.nextDeadline(hasWaiters: true) == back + .milliseconds(50))
        let hasWaived = queue.waive(now: back + .milliseconds(49))
        #expect(!hasWaived && !queue.isAway && !queue.isSettled(late))
        for chunk in chunks { _ = queue.answered(chunk.number, now: back + .milliseconds(49)) }
        #expect(queue.isEmpty && queue.isSettled(late))
    }

    @Test func `From half of the bound on there is no room, while Redis takes writes`() throws {
        var queue = CacheQueue(limits: CacheQueue.Limits(bytes: 1_000, stall: .seconds(2), longestPause: .seconds(10)))
        var chunks: [CacheQueue.Chunk] = []
        for _ in 0..<2 {
            #expect(queue.hasRoom)
            _ = Self.write(&queue, bytes: 300)
            chunks += queue.takeReady(now: Self.now)
        }
        #expect(!queue.hasRoom && queue.nextDeadline(hasWaiters: false) == Self.now + .seconds(2))
        queue.failed(chunks[0].number, now: Self.now)
        #expect(queue.hasRoom)
        // What was sent with it is answered: Redis is back.
        _ = Self.write(&queue, bytes: 300)
        _ = queue.answered(chunks[1].number, now: Self.now + .seconds(1))
        #expect(!queue.hasRoom && queue.nextDeadline(hasWaiters: false) == Self.now + .seconds(3))
        queue.lookForRoom(now: Self.now + .seconds(3))
        #expect(queue.hasRoom && queue.nextDeadline(hasWaiters: false) == nil)
        for chunk in queue.takeReady(now: Self.now) {
            _ = queue.answered(chunk.number, now: Self.now + .seconds(4))
        }
        #expect(queue.hasRoom && queue.isEmpty)
    }

    @Test func `What goes again while later writes are on their way is not settled by them`() throws {
        var queue = CacheQueue()
        var chunks: [CacheQueue.Chunk] = []
        var tickets: [UInt64] = []
        for step in 0..<3 {
            let time = Self.now + .milliseconds(step)
            tickets.append(Self.write(&queue, at: time))
            chunks += queue.takeReady(now: time)
        }
        queue.failed(chunks[0].number, now: Self.now + .milliseconds(3))
        _ = queue.answered(chunks[1].number, now: Self.now + .milliseconds(4))
        for _ in 0..<2 {
            #expect(!queue.isAway && !queue.isSettled(tickets[0]) && !queue.isAnswered(tickets[2]))
            #expect(queue.nextDeadline(hasWaiters: true) == Self.now + .milliseconds(50))
            _ = queue.takeReady(now: Self.now + .milliseconds(4))
        }
    }

    @Test func `Redis is not slow any more when all is answered, in whatever order`() throws {
        var queue = CacheQueue()
        var chunks: [CacheQueue.Chunk] = []
        for _ in 0..<2 {
            _ = Self.write(&queue)
            chunks += queue.takeReady(now: Self.now)
        }
        let late = Self.now + .milliseconds(60)
        let hasWaived = queue.waive(now: late)
        #expect(hasWaived && queue.isAway)
        for chunk in chunks.reversed() { _ = queue.answered(chunk.number, now: late) }
        #expect(queue.isEmpty && !queue.isAway)
    }

    @Test func `What failed goes again, in order, one chunk first`() throws {
        var queue = CacheQueue()
        var chunks: [CacheQueue.Chunk] = []
        for _ in 0..<3 {
            _ = Self.write(&queue)
            chunks += queue.takeReady(now: Self.now)
        }
        for chunk in chunks.shuffled() { queue.failed(chunk.number, now: Self.now) }
        let last = Self.write(&queue)
        // Away: nobody waits.
        #expect(queue.isAway && queue.isSettled(last))
        #expect(queue.takeReady(now: Self.now).isEmpty)
        let retry = try #require(queue.nextDeadline(hasWaiters: false))
        #expect(retry == Self.now + .milliseconds(100))
        #expect(queue.takeReady(now: retry).map(\.number) == [chunks[0].number])
        #expect(queue.takeReady(now: retry).isEmpty)
        queue.failed(chunks[0].number, now: retry)
        let later = try #require(queue.nextDeadline(hasWaiters: false))
        #expect(later == retry + .milliseconds(200))
        #expect(queue.takeReady(now: later).map(\.number) == [chunks[0].number])
        _ = queue.answered(chunks[0].number, now: later)
        #expect(queue.takeReady(now: later).map(\.number).prefix(2) == [chunks[1].number, chunks[2].number])
    }

    @Test func `The wait between tries is bounded`() {
        var queue = CacheQueue()
        var now = Self.now
        _ = Self.write(&queue)
        for _ in 0..<40 {
            for chunk in queue.takeReady(now: now) { queue.failed(chunk.number, now: now) }
            let next = queue.nextDeadline(hasWaiters: false)
            #expect(next.map { $0 - now <= .seconds(2) } == true)
            now = next ?? now
        }
    }

    @Test func `It is bounded in bytes`() {
        var queue = CacheQueue(limits: .init(bytes: 10_000, chunkBytes: 1_000))
        var taken = 0
        for _ in 0..<100 where Self.write(&queue, bytes: 500) > 0 { taken += 1 }
        #expect((18...20).contains(taken))
        let chunks = queue.takeReady(now: Self.now)
        #expect(chunks.count > 5 && chunks.allSatisfy { $0.pipeline.byteCount < 2_000 })
        for chunk in chunks { _ = queue.answered(chunk.number, now: Self.now) }
        #expect(queue.bytes == 0 && Self.write(&queue, bytes: 500) > 0)
    }

    @Test func `Commands that nobody waits for hold nobody up`() throws {
        var queue = CacheQueue()
        #expect(queue.add(slot: 1, purpose: .note, now: Self.now) { $0.append("PING") })
        #expect(queue.nextDeadline(hasWaiters: true) == nil)
        let chunk = try #require(queue.takeReady(now: Self.now).first)
        let hasWaived = queue.waive(now: Self.now + .seconds(9))
        #expect(!hasWaived && !queue.isAway)
        #expect(chunk.lastTicket == 0)
    }
}

@Suite("Cache member requests")
struct CacheMemberRequestsTests {
    private static let now = ContinuousClock.now

    @Test func `Few are under way at once, each guild once`() {
        var requests = CacheMemberRequests()
        for guild in [1, 2, 3, 1, 2] as [UInt64] { requests.want(guild) }
        #expect(requests.next(now: Self.now) == 1)
        #expect(requests.next(now: Self.now) == 2)
        #expect(requests.next(now: Self.now) == nil)
        requests.want(1)
        requests.answered(1)
        #expect(requests.next(now: Self.now) == 3)
        requests.want(1)
        requests.answered(2)
        #expect(requests.next(now: Self.now) == 1)
    }

    @Test func `What failed waits, and goes last`() {
        var requests = CacheMemberRequests()
        for guild in [1, 2] as [UInt64] { requests.want(guild) }
        #expect(requests.next(now: Self.now) == 1)
        requests.failed(1, now: Self.now)
        #expect(requests.next(now: Self.now) == nil)
        let later = Self.now + CacheMemberRequests.pause
        #expect(requests.next(now: later) == 2)
        #expect(requests.next(now: later) == 1)
    }

    @Test func `A guild that is gone is not asked for`() {
        var requests = CacheMemberRequests()
        requests.want(1)
        requests.forget(1)
        #expect(requests.next(now: Self.now) == nil)
    }
}

@Suite("Members that messages show")
struct RecentMembersTests {
    private static func plan(_ text: String) -> CachePlan {
        CachePlan(
            .update, [.put(.members, [CacheEntry(id: 5, value: .pieces([.slice(0..<text.utf8.count), .text("}")]))])])
    }

    private static func isWritten(
        _ recent: inout RecentMembers, _ text: String, guild: UInt64 = 1, application: UInt64 = 1, now: Int64 = 0
    ) -> Bool {
        var plan = self.plan(text)
        Array(text.utf8).withUnsafeBytes {
            recent.removeKnown(
                from: &plan, application: application, guild: guild, bytes: $0, lifetime: 60, now: now)
        }
        return !plan.operations.isEmpty
    }

    @Test func `One who stays as he is is written once in a while`() {
        var recent = RecentMembers()
        let first = Self.isWritten(&recent, "a member of many words")
        let second = Self.isWritten(&recent, "a member of many words", now: 59_999)
        let third = Self.isWritten(&recent, "a member of many words", now: 60_000)
        #expect(first && !second && third)
    }

    @Test func `One who changes, and changes back, is written each time`() {
        var recent = RecentMembers()
        for text in ["role one.", "role two.", "role one.", "role one!"] {
            let isWritten = Self.isWritten(&recent, text)
            #expect(isWritten)
        }
    }

    @Test func `Guilds and applications have their own`() {
        var recent = RecentMembers()
        let all = [
            Self.isWritten(&recent, "x"), Self.isWritten(&recent, "x", guild: 2),
            Self.isWritten(&recent, "x", application: 2),
        ]
        #expect(all == [true, true, true])
    }

    @Test func `Other changes are left alone`() {
        var recent = RecentMembers()
        let note = CacheOperation.note(channel: 1, field: .lastMessageID, value: .slice(0..<1))
        for _ in 0..<2 {
            var plan = CachePlan(.update, [note])
            Array("x".utf8).withUnsafeBytes {
                recent.removeKnown(from: &plan, application: 1, guild: 1, bytes: $0, lifetime: 60, now: 0)
            }
            #expect(plan.operations == [note])
        }
    }
}
