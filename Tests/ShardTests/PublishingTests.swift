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

    @Test func `The watermark is the contiguous settled prefix`() throws {
        var watermark = Watermark(start: 10)
        let ordinals = [11, 12, 15, 16].compactMap { watermark.receive($0) }
        #expect(ordinals.count == 4)
        watermark.settle(ordinals[2])
        #expect(watermark.value == 10)
        watermark.settle(ordinals[0])
        #expect(watermark.value == 11)
        watermark.settle(ordinals[1])
        #expect(watermark.value == 15)
        watermark.settle(ordinals[1])
        watermark.settle(999)
        #expect(watermark.value == 15)
        #expect(watermark.receive(16) == nil)
        #expect(watermark.receive(3) == nil)
        watermark.settle(ordinals[3])
        #expect(watermark.value == 16)
        #expect(watermark.unsettledCount == 0)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `The watermark agrees with a plain model in any order of confirms`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var watermark = Watermark(start: 0)
        var open: [(sequence: Int64, ordinal: UInt64)] = []
        var received: Int64 = 0
        for _ in 0..<2_000 {
            if random.next() % 2 == 0 {
                received += Int64(random.next() % 3) + 1
                if let ordinal = watermark.receive(received) { open.append((received, ordinal)) }
            } else if !open.isEmpty {
                watermark.settle(open.remove(at: Int(random.next() % UInt64(open.count))).ordinal)
            }
            // Every open event lies above it, and with nothing open it has reached the last one.
            #expect(open.allSatisfy { $0.sequence > watermark.value })
            if open.isEmpty { #expect(watermark.value == received) }
        }
    }

    // MARK: Partition and plan

    @Test func `A lane follows from the guild, else the channel, else the shard`() {
        let partition = LanePartition(count: 32)
        #expect(partition.lane(guild: 33 << 22, channel: 5 << 22, shard: 7) == 1)
        #expect(partition.lane(guild: nil, channel: 5 << 22, shard: 7) == 5)
        #expect(partition.lane(guild: nil, channel: nil, shard: 39) == 7)
        #expect(partition.lane(guild: .max, channel: nil, shard: 0) < 32)
    }

    @Test func `Interactions are commands, dropped events go nowhere`() {
        let plan = PublishPlan(dropping: ["TYPING_START"])
        func destination(_ name: String) -> PublishPlan.Destination {
            Array(name.utf8).withUnsafeBytes { plan.destination(of: $0) }
        }
        #expect(destination("INTERACTION_CREATE") == .commands)
        #expect(destination("TYPING_START") == .nowhere)
        #expect(destination("TYPING_STAR") == .lane)
        #expect(destination("READY") == .lane)
        #expect(destination("") == .lane)
    }

    // MARK: Envelope

    static func pipeline(_ limits: BatchAssembler.Limits = .init(), dropping: [String] = []) -> EventPipeline {
        EventPipeline(
            shard: 3, partition: LanePartition(count: 32), plan: PublishPlan(dropping: dropping), limits: limits)
    }

    @discardableResult
    static func accept(_ text: String, into pipeline: inout EventPipeline) throws -> EventPipeline.Outcome {
        try Array(text.utf8).withUnsafeBytes { bytes in
            pipeline.accept(try FrameSlice.slice(bytes), of: bytes, milliseconds: 1_700_000_000_123)
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
        pipeline.begin(session: "abc")
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
        pipeline.begin(session: "abc")
        try Self.accept("{\"op\":0,\"s\":1,\"t\":\"RESUMED\",\"d\":{\n \"a\": [\n1,\r\n2]\n}}", into: &pipeline)
        let batch = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        #expect(Self.lines(batch).count == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(batch.body.readableBytesView)) as? [String: Any])
        #expect(object["s"] as? Int == 1)
        #expect(object["g"] == nil)
        #expect(batch.route.routingKey == "lane.3")
    }

    @Test func `A message tells where it comes from`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc")
        for sequence in 1...3 { try Self.accept(Self.event(sequence), into: &pipeline) }
        let batch = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        let grant = SlotGrant(
            slot: Slot(application: 10, generation: 2, shard: 3), numShards: 4, epoch: 9, intents: 1,
            gatewayURL: "ws://x", session: nil)
        var random = SplitMix64(seed: 1)
        let message = BatchMessage(grant).message(batch, exchange: "gw.m.a.1", random: &random)
        let headers = message.properties.headers
        #expect(headers["v"]?.integerValue == 1)
        #expect(headers["application"]?.stringValue == "10")
        #expect(headers["generation"]?.integerValue == 2)
        #expect(headers["shard"]?.integerValue == 3)
        #expect(headers["num_shards"]?.integerValue == 4)
        #expect(headers["session"]?.stringValue == "abc")
        #expect(headers["epoch"]?.integerValue == 9)
        #expect(headers["first_s"]?.integerValue == 1)
        #expect(headers["last_s"]?.integerValue == 3)
        #expect(headers["count"]?.integerValue == 3)
        #expect(headers["traceparent"]?.stringValue?.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
        #expect(message.mandatory && message.properties.deliveryMode == .persistent)
        #expect(message.properties.contentType == "application/x-ndjson")
    }

    // MARK: Batches

    @Test func `An idle lane sends at once and fills while a message is on its way`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc")
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
        pipeline.begin(session: "abc")
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
        pipeline.begin(session: "abc")
        for sequence in 1...10 { try Self.accept(Self.event(sequence, lane: sequence), into: &pipeline) }
        let sent = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(sent.count == 3)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.isEmpty)
        pipeline.confirmed(sent[1])
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.count == 1)
    }

    @Test func `Commands travel one by one and are not held up`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc")
        for sequence in 1...3 { try Self.accept(Self.event(sequence, "INTERACTION_CREATE"), into: &pipeline) }
        let sent = pipeline.takeReady(now: Self.now) { _ in true }
        #expect(sent.map(\.count) == [1, 1, 1])
        #expect(sent.allSatisfy { $0.route.routingKey == "commands" })
    }

    @Test func `What the broker refuses goes again after a while, ahead of what is behind it`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "abc")
        try Self.accept(Self.event(1), into: &pipeline)
        let first = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        try Self.accept(Self.event(2), into: &pipeline)
        pipeline.refused(first, now: Self.now)
        #expect(pipeline.takeReady(now: Self.now) { _ in true }.isEmpty)
        let retry = try #require(pipeline.assembler.nextRetry(now: Self.now))
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
        pipeline.begin(session: "abc")
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
        pipeline.begin(session: "abc")
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
        pipeline.begin(session: "abc", settled: 10)
        #expect(pipeline.watermark == 10)
        #expect(try Self.accept(Self.event(10), into: &pipeline) == .repeated)
        #expect(try Self.accept(Self.event(11, "TYPING_START"), into: &pipeline) == .filtered)
        #expect(pipeline.watermark == 11)
        #expect(try Self.accept(Self.event(12), into: &pipeline) == .buffered)
        #expect(try Self.accept(#"{"op":0,"t":"X","d":{}}"#, into: &pipeline) == .unexpected)
        #expect(pipeline.watermark == 11)
    }

    @Test func `An earlier session's confirms do not move a later one's watermark`() throws {
        var pipeline = Self.pipeline()
        pipeline.begin(session: "old")
        try Self.accept(Self.event(1), into: &pipeline)
        let old = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        try Self.accept(Self.event(2), into: &pipeline)
        pipeline.endSession()
        #expect(pipeline.watermark == nil)
        pipeline.begin(session: "new")
        try Self.accept(Self.event(1), into: &pipeline)
        pipeline.confirmed(old)
        #expect(pipeline.watermark == 0)
        // Sessions are never mixed in a message, and the old one's events come first.
        let next = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        #expect(next.session.id == "old" && next.firstSequence == 2)
        pipeline.confirmed(next)
        let last = try #require(pipeline.takeReady(now: Self.now) { _ in true }.first)
        #expect(last.session.id == "new")
        pipeline.confirmed(last)
        #expect(pipeline.watermark == 1)
        #expect(pipeline.isDrained && pipeline.assembler.bufferedBytes == 0)
    }
}
