import AMQP
import ClusterAPI
import Discord
import Foundation
import NIOCore
import Testing

@testable import Shard

@Suite("Publishing")
struct PublishingTests {
    static let now = ContinuousClock.now

    // MARK: Watermark

    @Test func `The watermark lies below the earliest batch that is not settled`() throws {
        var watermark = Watermark(start: 10)
        for (sequence, preceding) in [(11, 10), (12, 11), (15, 12), (16, 15)] as [(Int64, Int64)] {
            #expect(watermark.receive(sequence) == preceding)
        }
        #expect(watermark.receive(16) == nil && watermark.receive(3) == nil)
        // Nothing of it was put into a batch: all was filtered.
        #expect(watermark.value == 16)
        #expect(watermark.receive(20) == 16)
        watermark.opened(after: 16)
        #expect(watermark.receive(21) == 20)
        watermark.opened(after: 20)
        #expect(watermark.value == 16)
        let isLater = watermark.settled(after: 20)
        #expect(!isLater && watermark.value == 16)
        let isLast = watermark.settled(after: 16)
        #expect(!isLast && watermark.value == 21)
    }

    /// What the watermark should be, by a list of everything that came.
    struct Model {
        var events: [(sequence: Int64, isSettled: Bool)] = []
        var watermark: Int64 { self.events.prefix { $0.isSettled }.last?.sequence ?? 0 }

        mutating func settle(_ range: ClosedRange<Int64>, where isInBatch: (Int64) -> Bool) {
            for index in self.events.indices
            where range.contains(self.events[index].sequence) && isInBatch(self.events[index].sequence) {
                self.events[index].isSettled = true
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `The watermark agrees with a plain model in any order of settlements`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var limits = BatchAssembler.Limits()
        limits.laneMessages = Int(seed % 3) + 1
        limits.batchBytes = 300
        var pipeline = Self.pipeline(limits, dropping: ["TYPING_START"])
        pipeline.begin(session: "abc", resumeURL: "")
        var model = Model()
        var lanes: [Int64: Int] = [:]
        var onTheWay: [EventBatch] = []
        var sequence: Int64 = 0
        var now = Self.now
        for _ in 0..<2_000 {
            now += .milliseconds(50)
            switch random.next() % 8 {
            case 0...3:
                sequence += Int64(random.next() % 3) + 1
                let lane = Int(random.next() % 5)
                let isDropped = random.next() % 5 == 0
                let isCommand = random.next() % 5 == 0
                let name = isDropped ? "TYPING_START" : isCommand ? "INTERACTION_CREATE" : "MESSAGE_CREATE"
                try Self.accept(Self.event(Int(sequence), name, lane: lane), into: &pipeline)
                lanes[sequence] = isCommand && !isDropped ? -1 : lane
                model.events.append((sequence, isDropped))
            case 4: onTheWay += pipeline.takeReady(now: now) { _ in true }
            case 5 where !onTheWay.isEmpty:
                pipeline.lost(onTheWay.remove(at: Int(random.next() % UInt64(onTheWay.count))))
            case 6 where !onTheWay.isEmpty:
                pipeline.refused(onTheWay.remove(at: Int(random.next() % UInt64(onTheWay.count))), now: now)
            default:
                guard !onTheWay.isEmpty else { continue }
                let batch = onTheWay.remove(at: Int(random.next() % UInt64(onTheWay.count)))
                pipeline.confirmed(batch)
                let lane = if case .lane(let lane) = batch.route { lane } else { -1 }
                model.settle(batch.firstSequence...batch.lastSequence) { lanes[$0] == lane }
            }
            #expect(pipeline.watermark == model.watermark)
        }
        while !pipeline.isDrained {
            now += .seconds(10)
            for batch in onTheWay + pipeline.takeReady(now: now, gate: { _ in true }) { pipeline.confirmed(batch) }
            onTheWay = []
        }
        #expect(pipeline.watermark == sequence && pipeline.unsettledEvents == 0)
        #expect(pipeline.assembler.bufferedBytes == 0 && pipeline.assembler.windowEvents == 0)
    }

    // MARK: Partition and plan

    @Test func `A lane follows from the guild, else the channel, else the shard`() {
        let partition = LanePartition(count: 32)
        #expect(partition.lane(guild: 33 << 22, channel: 5 << 22, shard: 7) == 1)
        #expect(partition.lane(guild: nil, channel: 5 << 22, shard: 7) == 5)
        #expect(partition.lane(guild: nil, channel: nil, shard: 39) == 7)
        #expect(partition.lane(guild: .max, channel: nil, shard: 0) < 32)
    }

    // MARK: Envelope

    static func pipeline(
        _ limits: BatchAssembler.Limits = .init(), lanes: Int = 32, dropping: [String] = []
    ) -> EventPipeline {
        EventPipeline(
            slot: Slot(application: 10, generation: 2, shard: 3), numShards: 4, partition: LanePartition(count: lanes),
            plan: PublishPlan(dropping: dropping), limits: limits)
    }

    @discardableResult
    static func accept(_ text: String, into pipeline: inout EventPipeline) throws -> EventPipeline.Outcome {
        try Array(text.utf8).withUnsafeBytes { bytes in
            let slice = try FrameSlice.slice(bytes)
            let name = UnsafeRawBufferPointer(rebasing: bytes[slice.name ?? 0..<0])
            return pipeline.accept(
                slice, of: bytes, rule: pipeline.plan.rule(of: name), milliseconds: 1_700_000_000_123)
        }
    }

    static func event(
        _ sequence: Int, _ name: String = "MESSAGE_CREATE", lane: Int = 1, content: String = "x"
    ) -> String {
        #"{"op":0,"s":\#(sequence),"t":"\#(name)","d":{"guild_id":"\#(lane << 22)","content":"\#(content)"}}"#
    }

    static func lines(_ batch: EventBatch) -> [String] {
        String(buffer: batch.body).split(separator: "\n").map(String.init)
    }

    @Test func `A line holds Discord's own bytes`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        let data = #"{"guild_id":"4194304","content":"\u00e9 \"quoted\" \ud800","n":1.50e2}"#
        #expect(try Self.accept(#"{"t":"MESSAGE_CREATE","d":\#(data),"s":7,"op":0}"#, into: &pipeline) == .buffered)
        let batch = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        #expect(
            String(buffer: batch.body) == #"{"s":7,"t":"MESSAGE_CREATE","g":"4194304","at":1700000000123,"d":\#(data)}"#
                + "\n")
        #expect(batch.route.routingKey == "lane.1")
    }

    @Test func `Pretty-printed data stays on one line, and no guild leaves out g`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        try Self.accept("{\"op\":0,\"s\":1,\"t\":\"RESUMED\",\"d\":{\n \"a\": [\n1,\r\n2]\n}}", into: &pipeline)
        let batch = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        #expect(Self.lines(batch).count == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(batch.body.readableBytesView)) as? [String: Any])
        #expect(object["s"] as? Int == 1)
        #expect(object["g"] == nil)
        #expect(batch.route.routingKey == "lane.3")
    }

    // MARK: Batches

    @Test func `An idle lane sends at once and fills while a message is on its way`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        try Self.accept(Self.event(1), into: &pipeline)
        let first = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(first.map(\.count) == [1])
        for sequence in 2...5 { try Self.accept(Self.event(sequence), into: &pipeline) }
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.isEmpty)
        // Another lane is not held up.
        try Self.accept(Self.event(6, lane: 2), into: &pipeline)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.map(\.count) == [1])
        pipeline.confirmed(first[0])
        let second = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(second.map(\.count) == [4])
        #expect(second.first?.firstSequence == 2)
        #expect(second.first?.lastSequence == 5)
    }

    @Test func `A batch is closed before it grows too large, and a large event goes alone`() throws {
        var limits = BatchAssembler.Limits()
        limits.batchBytes = 1_000
        limits.laneMessages = 64
        var pipeline = Self.pipeline(limits)
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        for sequence in 1...20 {
            try Self.accept(Self.event(sequence, content: String(repeating: "x", count: 100)), into: &pipeline)
        }
        try Self.accept(Self.event(21, content: String(repeating: "x", count: 5_000)), into: &pipeline)
        try Self.accept(Self.event(22), into: &pipeline)
        let batches = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(batches.dropLast(2).allSatisfy { $0.bytes <= 1_000 && $0.count > 1 })
        #expect(batches.suffix(2).map(\.count) == [1, 1])
        #expect(batches.flatMap { Self.lines($0) }.count == 22)
        #expect(zip(batches, batches.dropFirst()).allSatisfy { $0.lastSequence < $1.firstSequence })
    }

    @Test func `The window bounds what is on its way`() throws {
        var limits = BatchAssembler.Limits()
        limits.windowEvents = 3
        var pipeline = Self.pipeline(limits)
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        for sequence in 1...10 { try Self.accept(Self.event(sequence, lane: sequence), into: &pipeline) }
        let sent = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(sent.count == 3)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.isEmpty)
        pipeline.confirmed(sent[1])
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.count == 1)
    }

    @Test func `Commands travel one by one and are not held up`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        for sequence in 1...3 { try Self.accept(Self.event(sequence, "INTERACTION_CREATE"), into: &pipeline) }
        let sent = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(sent.map(\.count) == [1, 1, 1])
        #expect(sent.allSatisfy { $0.route.routingKey == "commands" })
    }

    @Test func `What the broker refuses goes again after a while, ahead of what is behind it`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        try Self.accept(Self.event(1), into: &pipeline)
        let first = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        try Self.accept(Self.event(2), into: &pipeline)
        pipeline.refused(first, now: Self.now)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.isEmpty)
        let retry = try #require(pipeline.assembler.nextRetry())
        #expect(retry > Self.now)
        #expect(pipeline.takeReady(now: retry) { _ in true }.map(\.firstSequence) == [1])
        #expect(pipeline.watermark == 0)
        pipeline.confirmed(first)
        #expect(pipeline.watermark == 1)
        #expect(pipeline.takeReady(now: retry) { _ in true }.map(\.firstSequence) == [2])
    }

    @Test func `What was lost with its channel goes again in order`() throws {
        var limits = BatchAssembler.Limits()
        limits.laneMessages = 8
        var pipeline = Self.pipeline(limits)
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        var sent: [EventBatch] = []
        for sequence in 1...4 {
            try Self.accept(Self.event(sequence), into: &pipeline)
            sent += pipeline.takeReady(now: Self.now) { _ in true }
        }
        try Self.accept(Self.event(5), into: &pipeline)
        pipeline.confirmed(sent[1])
        for batch in [sent[3], sent[0], sent[2]] { pipeline.lost(batch) }
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.map(\.firstSequence) == [1, 3, 4, 5])
    }

    @Test func `A gate holds a batch back and what is behind it`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc", resumeURL: "wss://resume")
        try Self.accept(Self.event(1), into: &pipeline)
        #expect(pipeline.takeReady(now: Self.now) { _ in false }.isEmpty)
        try Self.accept(Self.event(2), into: &pipeline)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.map(\.firstSequence) == [1])
    }

    // MARK: The pipeline

    @Test func `Filtered events are settled, repeats dropped, strangers refused`() throws {
        var pipeline = Self.pipeline(dropping: ["TYPING_START"])
        #expect(try Self.accept(Self.event(1), into: &pipeline) == .unexpected)
        #expect(pipeline.watermark == nil)
        pipeline.begin(session: "abc", resumeURL: "", settled: 10)
        #expect(pipeline.watermark == 10)
        #expect(try Self.accept(Self.event(10), into: &pipeline) == .repeated)
        #expect(try Self.accept(Self.event(11, "TYPING_START"), into: &pipeline) == .filtered)
        #expect(pipeline.watermark == 11)
        #expect(try Self.accept(Self.event(12), into: &pipeline) == .buffered)
        #expect(try Self.accept(#"{"op":0,"t":"X","d":{}}"#, into: &pipeline) == .unexpected)
        #expect(pipeline.watermark == 11)
    }
}
