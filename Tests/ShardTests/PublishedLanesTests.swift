import ClusterAPI
import Discord
import Foundation
import Testing

@testable import Shard

/// A slot's pipeline while another generation publishes some of its lanes.
@Suite("Lanes of another generation")
struct PublishedLanesTests {
    private static let partition = LanePartition(count: 32)

    private static func told(_ lanes: [Int], commands: Bool = false) -> PublishedLanes {
        PublishedLanes(
            GenerationPublishing(application: 10, generation: 2, lanes: lanes, commands: commands),
            partition: self.partition)
    }

    @Test func `Lanes are told by number, and nothing told means all`() {
        let all = PublishedLanes(nil, partition: Self.partition)
        #expect(!all.isEmpty && all.commands && all.count == 32 && all.keepsAll && all.keeps(guild: 5 << 22))
        let some = Self.told([1, 40, -1])
        #expect(!some.keepsAll && !some.isEmpty && some.count == 1 && !some.commands)
        #expect(some.contains(lane: 1) && !some.contains(lane: 2))
        #expect(some.keeps(guild: 33 << 22) && !some.keeps(guild: 2 << 22))
        #expect(Self.told([]).isEmpty && Self.told([]).keepsNone)
        let both = PublishedLanes(
            GenerationPublishing(application: 10, generation: 2, lanes: [1, 2], cached: [1], commands: true),
            partition: Self.partition)
        #expect(both.contains(lane: 2) && !both.keeps(lane: 2) && both.keeps(lane: 1) && !both.keepsNone)
    }

    @Test func `What another generation publishes is settled at once, but not before what came earlier`() throws {
        var pipeline = PublishingTests.pipeline()
        pipeline.begin(session: "abc", resumeURL: "")
        pipeline.published = Self.told([1])
        #expect(try PublishingTests.accept(PublishingTests.event(1, lane: 2), into: &pipeline) == .muted)
        #expect(pipeline.watermark == 1 && pipeline.isDrained && pipeline.unsettledSince == nil)
        #expect(try PublishingTests.accept(PublishingTests.event(2, lane: 1), into: &pipeline) == .buffered)
        #expect(try PublishingTests.accept(PublishingTests.event(3, lane: 2), into: &pipeline) == .muted)
        #expect(
            try PublishingTests.accept(PublishingTests.event(4, "INTERACTION_CREATE", lane: 1), into: &pipeline)
                == .muted)
        #expect(pipeline.watermark == 1 && pipeline.received == 4 && pipeline.unsettledSince != nil)
        // Replayed, they are known.
        #expect(try PublishingTests.accept(PublishingTests.event(3, lane: 2), into: &pipeline) == .repeated)
        let batch = try #require(pipeline.takeReady(now: PublishingTests.now) { _ in true }.first)
        pipeline.confirmed(batch)
        #expect(pipeline.watermark == 4 && pipeline.unsettledSince == nil)
    }

    @Test func `What was taken in before a lane was left still leaves, in order`() throws {
        var pipeline = PublishingTests.pipeline()
        pipeline.begin(session: "abc", resumeURL: "")
        for sequence in 1...3 { try PublishingTests.accept(PublishingTests.event(sequence), into: &pipeline) }
        pipeline.published = Self.told([])
        for sequence in 4...6 { try PublishingTests.accept(PublishingTests.event(sequence), into: &pipeline) }
        pipeline.published = PublishedLanes(partition: Self.partition)
        for sequence in 7...8 { try PublishingTests.accept(PublishingTests.event(sequence), into: &pipeline) }
        var lines: [String] = []
        while !pipeline.isDrained {
            for batch in pipeline.takeReady(now: PublishingTests.now, gate: { _ in true }) {
                lines += PublishingTests.lines(batch)
                pipeline.confirmed(batch)
            }
        }
        #expect(
            lines.compactMap { $0.split(separator: ",").first.map(String.init) }
                == [1, 2, 3, 7, 8].map { #"{"s":\#($0)"# })
        #expect(pipeline.watermark == 8)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `The watermark agrees with a plain model while lanes come and go`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var pipeline = PublishingTests.pipeline()
        pipeline.begin(session: "abc", resumeURL: "")
        var model = PublishingTests.Model()
        var published: Set<Int> = Set(0..<32)
        var lanes: [Int64: Int] = [:]
        var onTheWay: [EventBatch] = []
        for sequence in 1...1_000 as ClosedRange<Int64> {
            if random.next() % 20 == 0 {
                published = Set((0..<5).filter { _ in random.next() % 2 == 0 })
                pipeline.published = Self.told(published.sorted())
            }
            let lane = Int(random.next() % 5)
            try PublishingTests.accept(PublishingTests.event(Int(sequence), lane: lane), into: &pipeline)
            model.events.append((sequence, !published.contains(lane)))
            if published.contains(lane) { lanes[sequence] = lane }
            if random.next() % 3 == 0 { onTheWay += pipeline.takeReady(now: PublishingTests.now) { _ in true } }
            if random.next() % 4 == 0, !onTheWay.isEmpty {
                let batch = onTheWay.remove(at: Int(random.next() % UInt64(onTheWay.count)))
                pipeline.confirmed(batch)
                let settled = if case .lane(let lane) = batch.route { lane } else { -1 }
                model.settle(batch.firstSequence...batch.lastSequence) { lanes[$0] == settled }
            }
            #expect(pipeline.watermark == model.watermark)
            #expect((pipeline.unsettledSince == nil) == pipeline.isDrained)
        }
    }

    @Test func `A session that was not heard on a lane leaves no gap record there`() throws {
        var pipeline = PublishingTests.pipeline()
        pipeline.begin(session: "muted", resumeURL: "")
        pipeline.published = Self.told([])
        try PublishingTests.accept(PublishingTests.event(1), into: &pipeline)
        pipeline.loseSession(reason: "invalid_session", milliseconds: 5)
        #expect(pipeline.isDrained && pipeline.pendingGap == nil && pipeline.gaps.isEmpty && pipeline.told == nil)
        pipeline.followUnknownSession(epoch: 3, milliseconds: 5)
        #expect(pipeline.isDrained && pipeline.pendingGap == nil)

        pipeline.begin(session: "heard", resumeURL: "")
        pipeline.published = Self.told([4, 7])
        pipeline.loseSession(reason: "invalid_session", milliseconds: 5)
        let records = pipeline.takeReady(now: PublishingTests.now) { _ in true }
        #expect(records.map(\.route) == [.lane(4), .lane(7)] && records.allSatisfy(\.isGap))
        #expect(pipeline.pendingGap != nil)
        for record in records { pipeline.confirmed(record) }
        #expect(pipeline.pendingGap == nil && pipeline.gaps.map(\.session) == ["heard"] && pipeline.isDrained)
    }
}
