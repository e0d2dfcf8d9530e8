import ClusterAPI
import Discord
import Foundation
import NIOCore
import Testing

@testable import Shard

@Suite("Gap records")
struct GapRecordTests {
    static let now = ContinuousClock.now

    private func take(_ pipeline: inout EventPipeline) -> [EventBatch] {
        pipeline.takeReady(now: Self.now) { _ in true }
    }

    private func lines(_ batches: [EventBatch]) -> [String] { batches.flatMap { PublishingTests.lines($0) } }

    @Test func `What was left of a lost session comes first, then its record, then the next session`() throws {
        var pipeline = PublishingTests.pipeline(lanes: 2)
        pipeline.begin(session: "old", resumeURL: "wss://old")
        for sequence in 1...4 {
            try PublishingTests.accept(PublishingTests.event(sequence, lane: sequence % 2), into: &pipeline)
        }
        let first = self.take(&pipeline)
        #expect(first.count == 2)
        try PublishingTests.accept(PublishingTests.event(5, lane: 1), into: &pipeline)
        for batch in first { pipeline.confirmed(batch) }
        #expect(pipeline.watermark == 4)
        pipeline.loseSession(reason: "invalid_session", milliseconds: 1_700_000_000_999)
        #expect(pipeline.watermark == nil && pipeline.pendingGap != nil)
        pipeline.begin(session: "new", resumeURL: "wss://new")
        for sequence in 1...4 {
            try PublishingTests.accept(PublishingTests.event(sequence, lane: sequence % 2), into: &pipeline)
        }

        var bySequence: [Int: [EventBatch]] = [:]
        for _ in 0..<4 {
            for batch in self.take(&pipeline) {
                if case .lane(let lane) = batch.route { bySequence[lane, default: []].append(batch) }
                pipeline.confirmed(batch)
            }
        }
        let record =
            #"{"s":4,"t":"FLOTILLA_GAP","at":1700000000999,"d":{"application":"10","generation":2,"shard":3,"#
            + #""num_shards":4,"session":"old","after":4,"reason":"invalid_session"}}"#
        #expect(bySequence[0]?.map(\.session.id) == ["old", "new"])
        #expect(bySequence[1]?.map(\.session.id) == ["old", "old", "new"])
        #expect(bySequence[0]?.map(\.firstSequence) == [4, 2])
        #expect(bySequence[1]?.map(\.firstSequence) == [5, 4, 1])
        for lane in [0, 1] {
            let gap = try #require(bySequence[lane]?.first { $0.isGap })
            #expect(PublishingTests.lines(gap) == [record])
            #expect(gap.count == 1 && gap.firstSequence == 4 && gap.lastSequence == 4)
        }
        #expect(pipeline.isDrained && pipeline.assembler.bufferedBytes == 0)
    }

    @Test func `Until every lane has the record, the lost session is the one to tell`() throws {
        var pipeline = PublishingTests.pipeline(lanes: 3)
        pipeline.begin(session: "old", resumeURL: "wss://old", settled: 7)
        try PublishingTests.accept(PublishingTests.event(8, lane: 1), into: &pipeline)
        let left = try #require(self.take(&pipeline).first)
        pipeline.loseSession(reason: "close_4009", milliseconds: 1)
        #expect(pipeline.told == SessionState(sessionID: "old", resumeURL: "wss://old", sequence: 7))

        pipeline.begin(session: "new", resumeURL: "wss://new")
        try PublishingTests.accept(PublishingTests.event(1, lane: 3), into: &pipeline)
        #expect(pipeline.watermark == 0)
        // What is left of it may still be settled.
        let gaps = self.take(&pipeline)
        #expect(gaps.count == 2 && gaps.allSatisfy(\.isGap))
        #expect(pipeline.pendingGap?.session == "old" && pipeline.pendingGap?.unconfirmedLanes == 3)
        pipeline.confirmed(left)
        #expect(pipeline.told?.sessionID == "old" && pipeline.told?.sequence == 8)
        #expect(pipeline.gaps.isEmpty)

        for batch in gaps { pipeline.confirmed(batch) }
        #expect(pipeline.pendingGap?.unconfirmedLanes == 1)
        // The one lane that is left, and the new session's only event.
        let rest = self.take(&pipeline)
        #expect(rest.map(\.isGap).filter { $0 }.count == 1 && rest.count == 2)
        for batch in rest where !batch.isGap { pipeline.confirmed(batch) }
        #expect(pipeline.watermark == 0 && pipeline.told?.sessionID == "old")
        #expect(pipeline.unsettledEvents == 1)
        for batch in rest where batch.isGap { pipeline.confirmed(batch) }
        #expect(pipeline.watermark == 1 && pipeline.pendingGap == nil)
        #expect(pipeline.told == SessionState(sessionID: "new", resumeURL: "wss://new", sequence: 1))
        let gap = SessionGap(session: "old", after: 7, reason: "close_4009", numShards: 4, atMilliseconds: 1)
        #expect(pipeline.gaps == [gap])
        pipeline.forget([gap])
        #expect(pipeline.gaps.isEmpty)
    }

    @Test func `A record that is refused or lost with its channel goes again before what follows`() throws {
        var pipeline = PublishingTests.pipeline(lanes: 1)
        pipeline.begin(session: "old", resumeURL: "")
        pipeline.loseSession(reason: "resume_attempts", milliseconds: 1)
        pipeline.begin(session: "new", resumeURL: "")
        try PublishingTests.accept(PublishingTests.event(1), into: &pipeline)
        let gap = try #require(self.take(&pipeline).first)
        pipeline.lost(gap)
        #expect(pipeline.pendingGap != nil)
        let again = try #require(self.take(&pipeline).first)
        #expect(again.isGap)
        pipeline.refused(again, now: Self.now)
        #expect(self.take(&pipeline).isEmpty)
        let retry = try #require(pipeline.assembler.nextRetry())
        let third = try #require(pipeline.takeReady(now: retry, gate: { _ in true }).first)
        #expect(third.isGap && pipeline.pendingGap != nil)
        pipeline.confirmed(third)
        #expect(pipeline.pendingGap == nil)
        #expect(self.take(&pipeline).map(\.session.id) == ["new"])
    }

    @Test func `Two sessions lost one after the other are told one after the other`() throws {
        var pipeline = PublishingTests.pipeline(lanes: 1)
        pipeline.begin(session: "first", resumeURL: "")
        pipeline.loseSession(reason: "invalid_session", milliseconds: 1)
        pipeline.loseSession(reason: "never told without a session", milliseconds: 1)
        pipeline.begin(session: "second", resumeURL: "")
        try PublishingTests.accept(PublishingTests.event(1), into: &pipeline)
        pipeline.loseSession(reason: "never_ready", milliseconds: 2)
        #expect(pipeline.told?.sessionID == "first")
        pipeline.confirmed(try #require(self.take(&pipeline).first))
        #expect(pipeline.told?.sessionID == "second" && pipeline.gaps.map(\.session) == ["first"])
        let event = try #require(self.take(&pipeline).first)
        #expect(event.session.id == "second" && !event.isGap)
        pipeline.confirmed(event)
        #expect(pipeline.told?.sequence == 1)
        pipeline.confirmed(try #require(self.take(&pipeline).first))
        #expect(pipeline.told == nil && pipeline.isDrained)
        #expect(pipeline.gaps.map(\.after) == [0, 0])
        #expect(pipeline.gaps.map(\.reason) == ["invalid_session", "never_ready"])
    }

    @Test func `After a session that nobody knows of there is a record, and nothing to tell until every lane has it`()
        throws
    {
        var pipeline = PublishingTests.pipeline(lanes: 2)
        pipeline.followUnknownSession(epoch: 9, milliseconds: 5)
        #expect(pipeline.pendingGap != nil && pipeline.told == nil)
        pipeline.begin(session: "new", resumeURL: "")
        try PublishingTests.accept(PublishingTests.event(1), into: &pipeline)
        #expect(pipeline.told == nil && pipeline.watermark == 0)
        for batch in self.take(&pipeline) {
            #expect(batch.isGap && batch.session.id == "unknown.9")
            pipeline.confirmed(batch)
        }
        let gap = SessionGap(
            session: "unknown.9", after: 0, reason: "unknown_session", numShards: 4, atMilliseconds: 5)
        #expect(pipeline.gaps == [gap] && pipeline.told?.sessionID == "new")
    }

    @Test func `A process that is cut off keeps telling the lost session`() throws {
        var pipeline = PublishingTests.pipeline(lanes: 2)
        pipeline.begin(session: "old", resumeURL: "", settled: 3)
        try PublishingTests.accept(PublishingTests.event(4), into: &pipeline)
        pipeline.loseSession(reason: "invalid_session", milliseconds: 1)
        pipeline.discardBuffer()
        #expect(pipeline.told?.sessionID == "old" && pipeline.told?.sequence == 3)
        #expect(pipeline.isDrained)
        var other = PublishingTests.pipeline()
        other.begin(session: "live", resumeURL: "", settled: 3)
        try PublishingTests.accept(PublishingTests.event(4), into: &other)
        other.discardBuffer()
        #expect(other.told?.sequence == 3 && other.watermark == 3)
    }

    @Test func `A session's id is written as JSON, whatever it holds`() throws {
        let id = "a\"b\\c\n\u{1}é"
        let gap = SessionGap(session: id, after: 1, reason: "invalid_session", numShards: 1, atMilliseconds: 5)
        let line = String(buffer: GapLine.line(gap, slot: Slot(application: 1, generation: 1, shard: 0)))
        #expect(line.hasSuffix("\n") && line.dropLast().allSatisfy { $0 != "\n" })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let data = try JSONSerialization.data(withJSONObject: object["d"] ?? [:])
        let record = try JSONDecoder().decode(GapRecord.self, from: data)
        #expect(record == GapRecord(slot: Slot(application: 1, generation: 1, shard: 0), gap: gap))
        #expect(record.session == id)
    }
}
