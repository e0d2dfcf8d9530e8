import Testing

@testable import Shard

@Suite("What waits to be sent")
struct SendQueueTests {
    private static let now = ContinuousClock.now

    private static func item(
        _ kind: SendQueue.Kind, guild: UInt64, _ command: UInt64, part: Int = 0
    ) -> SendQueue.Item {
        SendQueue.Item(kind: kind, guild: guild, command: command, part: part)
    }

    private static func commands(_ queue: inout SendQueue, _ count: Int) -> [UInt64] {
        (0..<count).compactMap { _ in
            guard case .item(let item) = queue.next(now: self.now, notBefore: { _ in nil }) else { return nil }
            return item.command
        }
    }

    @Test func `Kinds take turns, and guilds within a kind`() {
        var queue = SendQueue()
        for command in 0..<50 { queue.append(Self.item(.members, guild: 1, UInt64(command))) }
        queue.append(Self.item(.members, guild: 2, 100))
        queue.append(Self.item(.voiceState, guild: 9, 200))
        queue.append(Self.item(.presence, guild: 0, 300))
        #expect(Self.commands(&queue, 6) == [300, 200, 0, 100, 1, 2])
        #expect(queue.count == 47)
    }

    @Test func `What has to wait holds up nobody else`() {
        var queue = SendQueue()
        queue.append(Self.item(.allMembers, guild: 1, 1))
        queue.append(Self.item(.allMembers, guild: 2, 2))
        queue.append(Self.item(.presence, guild: 0, 3))
        let later = Self.now + .seconds(30)
        let soon = Self.now + .seconds(5)
        let notBefore: (SendQueue.Item) -> ContinuousClock.Instant? = { item in
            item.guild == 1 ? later : item.kind == .presence ? soon : nil
        }
        #expect(queue.next(now: Self.now, notBefore: notBefore) == .item(Self.item(.allMembers, guild: 2, 2)))
        #expect(queue.next(now: Self.now, notBefore: notBefore) == .waits(until: soon))
        #expect(queue.next(now: soon, notBefore: notBefore) == .item(Self.item(.presence, guild: 0, 3)))
        #expect(queue.next(now: soon, notBefore: notBefore) == .waits(until: later))
        #expect(queue.next(now: later, notBefore: notBefore) == .item(Self.item(.allMembers, guild: 1, 1)))
        #expect(queue.next(now: later, notBefore: notBefore) == .empty)
        #expect(queue.isEmpty)
    }

    @Test func `A command leaves with all its parts, and takes nothing else along`() {
        var queue = SendQueue()
        for part in 0..<3 {
            queue.append(Self.item(.members, guild: 1, 7, part: part))
            queue.append(Self.item(.members, guild: 1, 8, part: part))
        }
        queue.append(Self.item(.members, guild: 2, 7, part: 3))
        queue.remove(command: 7)
        #expect(queue.count == 3)
        #expect(queue.waiting(.members, guild: 1)?.command == 8)
        #expect(Self.commands(&queue, 9) == [8, 8, 8])
        queue.append(Self.item(.members, guild: 2, 9))
        #expect(Self.commands(&queue, 9) == [9])
    }
}
