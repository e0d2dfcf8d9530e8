import ClusterAPI
import Discord
import GuildCache
import Testing

@testable import Shard

@Suite("Guilds that go to another generation")
struct CacheTakeoverTests {
    private static func lanes(_ published: [Int], kept: [Int]) -> PublishedLanes {
        PublishedLanes(
            GenerationPublishing(application: 1, generation: 2, lanes: published, cached: kept, commands: false),
            partition: LanePartition(count: 4))
    }

    private static func hold(_ sequence: Int64, lane: Int, bytes: Int = 10, in takeover: inout CacheTakeover) {
        [UInt8](repeating: 0x20, count: bytes).withUnsafeBytes {
            takeover.hold(.channelUpdate, of: UInt64(lane) << 22, lane: lane, sequence: sequence, data: $0)
        }
    }

    /// The numbers of what is to be written. Macros take no mutating calls.
    private static func due(
        _ takeover: inout CacheTakeover, from before: PublishedLanes, to next: PublishedLanes, hasSession: Bool = true
    ) -> [Int64] {
        takeover.lanesChanged(from: before, to: next, hasSession: hasSession).map(\.sequence)
    }

    private static let silent = lanes([], kept: [])

    @Test func `What came since a lane was joined is written when it is taken over, lane by lane`() {
        var takeover = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        let joined = Self.lanes([0, 1], kept: [])
        Self.hold(1, lane: 0, in: &takeover)
        let nothing = Self.due(&takeover, from: Self.silent, to: joined)
        #expect(nothing.isEmpty)
        for (sequence, lane) in [(2, 0), (3, 1), (4, 2), (5, 0)] as [(Int64, Int)] {
            Self.hold(sequence, lane: lane, in: &takeover)
        }
        let first = Self.lanes([0, 1], kept: [0])
        let ofLane0 = Self.due(&takeover, from: joined, to: first)
        #expect(ofLane0 == [2, 5])
        #expect(takeover.isWhole(lane: 0) && !takeover.isWhole(lane: 1))
        Self.hold(6, lane: 1, in: &takeover)
        let all = Self.lanes([0, 1], kept: [0, 1])
        let ofLane1 = Self.due(&takeover, from: first, to: all)
        #expect(ofLane1 == [3, 6])
        #expect(takeover.isWhole(lane: 1))
    }

    @Test func `Nothing is whole that was not heard from the beginning`() {
        // Granted in the middle.
        var granted = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        let joined = Self.lanes([0], kept: [])
        let kept = Self.lanes([0], kept: [0])
        let late = Self.due(&granted, from: joined, to: kept)
        #expect(late.isEmpty && !granted.isWhole(lane: 0))
        // Without a session.
        var deaf = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        _ = deaf.lanesChanged(from: Self.silent, to: joined, hasSession: false)
        Self.hold(1, lane: 0, in: &deaf)
        let unheard = Self.due(&deaf, from: joined, to: kept)
        #expect(unheard.isEmpty && !deaf.isWhole(lane: 0))
        // Kept at once.
        var sudden = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        let atOnce = Self.due(&sudden, from: Self.silent, to: kept)
        #expect(atOnce.isEmpty && !sudden.isWhole(lane: 0))
        // Another session.
        var lost = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        _ = lost.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        Self.hold(1, lane: 0, in: &lost)
        lost.sessionEnded()
        let ended = Self.due(&lost, from: joined, to: kept)
        #expect(ended.isEmpty && !lost.isWhole(lane: 0))
        // Too much.
        var full = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        _ = full.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        for sequence in 1...9 as ClosedRange<Int64> {
            Self.hold(sequence, lane: 0, bytes: CacheTakeover.mostBytes / 8, in: &full)
        }
        let dropped = Self.due(&full, from: joined, to: kept)
        #expect(dropped.isEmpty && !full.isWhole(lane: 0))
    }

    @Test func `All slots together hold no more than the process has room for`() {
        let room = TakeoverRoom(mostBytes: 100_000)
        let joined = Self.lanes([0], kept: [])
        let kept = Self.lanes([0], kept: [0])
        var first = CacheTakeover(room: room)
        var second = CacheTakeover(room: room)
        _ = first.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        _ = second.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        Self.hold(1, lane: 0, bytes: 30_000, in: &first)
        Self.hold(1, lane: 0, in: &second)
        #expect((30_000...100_000).contains(room.bytes))
        Self.hold(2, lane: 0, bytes: 90_000, in: &second)
        // It has given up, and the other one has room for more.
        Self.hold(3, lane: 0, in: &second)
        Self.hold(2, lane: 0, bytes: 30_000, in: &first)
        let ofSecond = Self.due(&second, from: joined, to: kept)
        #expect(ofSecond.isEmpty && !second.isWhole(lane: 0))
        let ofFirst = Self.due(&first, from: joined, to: kept)
        #expect(ofFirst == [1, 2] && first.isWhole(lane: 0))
        #expect(room.bytes == 0)
        // Whoever loses its session or is let go of leaves its room to others.
        var third = CacheTakeover(room: room)
        _ = third.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        Self.hold(1, lane: 0, bytes: 30_000, in: &third)
        #expect(room.bytes > 0)
        third.sessionEnded()
        #expect(room.bytes == 0)
    }

    @Test func `What is called off is forgotten`() {
        var takeover = CacheTakeover(room: TakeoverRoom(mostBytes: 64 << 20))
        let joined = Self.lanes([0], kept: [])
        _ = takeover.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        Self.hold(1, lane: 0, in: &takeover)
        _ = takeover.lanesChanged(from: joined, to: Self.silent, hasSession: true)
        _ = takeover.lanesChanged(from: Self.silent, to: joined, hasSession: true)
        Self.hold(9, lane: 0, in: &takeover)
        let kept = Self.lanes([0], kept: [0])
        let anew = Self.due(&takeover, from: joined, to: kept)
        #expect(anew == [9])
        // Given back, and not heard from a new beginning.
        _ = takeover.lanesChanged(from: kept, to: joined, hasSession: true)
        #expect(!takeover.isWhole(lane: 0))
        Self.hold(10, lane: 0, in: &takeover)
        let again = Self.due(&takeover, from: joined, to: kept)
        #expect(again.isEmpty && !takeover.isWhole(lane: 0))
    }
}
