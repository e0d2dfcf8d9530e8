import AMQP
import ClusterAPI
import Discord
import Foundation
import Runtime
import TestSupport
import Testing

@testable import Shard

/// A whole shard process that runs a shard of two generations, as while the shard count is changed. The gateway sends
/// the same events to both, and the broker is the real one.
@Suite("Shard process while the shard count is changed", .timeLimit(.minutes(2)), .serialized)
struct ShardReshardTests {
    private typealias Stage = ShardProcessTests.Stage
    private static let old = Slot(application: 10, generation: 1, shard: 0)
    private static let new = Slot(application: 10, generation: 2, shard: 0)
    private static let lanes = Array(0..<32)

    private static func publishing(old: some Sequence<Int>, new: some Sequence<Int>) -> [GenerationPublishing] {
        let (old, new) = (Array(old), Array(new))
        return [
            GenerationPublishing(application: 10, generation: 1, lanes: old, commands: old.count == 32),
            GenerationPublishing(application: 10, generation: 2, lanes: new, commands: !new.isEmpty),
        ]
    }

    private static func grant(_ slot: Slot, _ stage: Stage, epoch: Int64 = 1, session: SessionState? = nil) -> SlotGrant
    {
        SlotGrant(
            slot: slot, numShards: slot.generation, epoch: epoch, intents: 33_281, gatewayURL: stage.discord.url,
            session: session)
    }

    /// Both sessions of a reshard, of which the new one is silent.
    private struct Overlap {
        let stage: Stage
        let old: ScriptedConnection
        let new: ScriptedConnection

        init(_ stage: Stage) async throws {
            self.stage = stage
            stage.coordinator.change { $0.publishing = publishing(old: lanes, new: []) }
            stage.coordinator.grant([grant(ShardReshardTests.old, stage)])
            self.old = try await stage.discord.connection(0)
            self.old.hello()
            _ = try await self.old.body(op: 2)
            self.old.ready(session: "old", resumeURL: stage.discord.url)
            try await stage.topology.waitFor(sequences: [1])
            stage.coordinator.grant([grant(ShardReshardTests.old, stage), grant(ShardReshardTests.new, stage)])
            self.new = try await stage.discord.connection(1)
            self.new.hello()
            _ = try await self.new.body(op: 2)
            self.new.ready(session: "new", resumeURL: stage.discord.url)
            try await self.waitForWatermark(1, of: ShardReshardTests.new)
        }

        func waitForWatermark(_ sequence: Int64, of slot: Slot) async throws {
            try await eventually("watermark \(sequence) of \(slot)") {
                self.stage.coordinator.told(slot)?.session?.sequence == sequence
            }
        }

        /// One event for each sequence number, the same for both; `lag` events behind for one of them.
        func send(_ sequences: ClosedRange<Int>, to connections: [ScriptedConnection], lanes: Int = 4) {
            for sequence in sequences {
                for connection in connections { connection.message(sequence, guild: (sequence % lanes) << 22) }
            }
        }

        /// The sequence numbers that one session published to a lane, in the order they came.
        func published(_ session: String, lane: Int? = nil) -> [Int] {
            self.stage.topology.messages.filter {
                $0.properties.headers["session"]?.stringValue == session
                    && (lane == nil || $0.routingKey == "lane.\(lane ?? 0)")
            }.flatMap { $0.events.map(\.sequence) }
        }
    }

    @Test func `A muted generation publishes nothing, and its watermark moves`() async throws {
        try await ShardProcessTests.run("muted") { stage in
            let overlap = try await Overlap(stage)
            overlap.send(2...200, to: [overlap.new, overlap.old])
            overlap.new.message(201, name: "INTERACTION_CREATE")
            try await overlap.waitForWatermark(201, of: Self.new)
            try await overlap.waitForWatermark(200, of: Self.old)
            #expect(overlap.published("new").isEmpty)
            #expect(overlap.published("old").sorted() == Array(1...200))
            #expect(stage.metrics.prometheusText().contains("flotilla_shard_events_muted_total 201"))
            // Its heartbeats tell the watermark, so that Discord's replay buffer may be trimmed.
            try await eventually("a heartbeat with the watermark") {
                overlap.new.send(#"{"op":1,"d":null}"#)
                return overlap.new.texts(op: 1).contains(#"{"op":1,"d":201}"#)
            }
            // Lost, such a session leaves nothing to tell of: the other generation has all of it.
            overlap.new.send(#"{"op":9,"d":false}"#)
            let next = try await stage.discord.connection(2)
            next.hello()
            _ = try await next.body(op: 2)
            next.ready(session: "next", resumeURL: stage.discord.url)
            try await overlap.waitForWatermark(1, of: Self.new)
            #expect(stage.coordinator.now.gaps.isEmpty)
            #expect(!stage.topology.lines.contains { $0.contains("FLOTILLA_GAP") })
        }
    }

    @Test func `Lane by lane goes over, and nothing is lost`() async throws {
        try await ShardProcessTests.run("switch") { stage in
            let overlap = try await Overlap(stage)
            let boundaries = [0, 1, 3, 32]
            var last = 1
            for (left, joined) in zip(boundaries, boundaries.dropFirst()) {
                // What the new one has heard before it joins the old one hears later.
                overlap.send((last + 1)...(last + 40), to: [overlap.new])
                try await overlap.waitForWatermark(Int64(last + 40), of: Self.new)
                try await stage.coordinator.publish(Self.publishing(old: left..<32, new: 0..<joined))
                overlap.send((last + 1)...(last + 40), to: [overlap.old])
                overlap.send((last + 41)...(last + 80), to: [overlap.new, overlap.old])
                try await overlap.waitForWatermark(Int64(last + 80), of: Self.old)
                try await overlap.waitForWatermark(Int64(last + 80), of: Self.new)
                try await stage.coordinator.publish(Self.publishing(old: joined..<32, new: 0..<joined))
                overlap.send((last + 81)...(last + 100), to: [overlap.new, overlap.old])
                last += 100
            }
            try await overlap.waitForWatermark(Int64(last), of: Self.old)
            try await overlap.waitForWatermark(Int64(last), of: Self.new)
            try await stage.topology.waitFor(sequences: 1...last)
            for lane in 0..<4 {
                let (old, new) = (overlap.published("old", lane: lane), overlap.published("new", lane: lane))
                #expect(old == old.sorted() && new == new.sorted())
                let all = (lane == 0 ? 4 : lane == 1 ? 5 : lane)...last
                #expect(Set(old + new).isSuperset(of: stride(from: all.lowerBound, through: last, by: 4)))
                // Not one event before it joined, and not one after the other left.
                let joined = lane == 0 ? 41 : lane < 3 ? 141 : 241
                #expect(new.allSatisfy { $0 > joined } && old.allSatisfy { $0 <= joined + 40 }, "lane \(lane)")
                #expect(!Set(old).isDisjoint(with: new))
            }
            // Alone, it needs no telling any more.
            stage.coordinator.change { $0.grants = $0.grants.filter { $0.slot == Self.new } }
            try await stage.coordinator.publish(nil)
            try await eventually("the old one is let go of") { stage.coordinator.told(Self.old) == nil }
            try await overlap.old.closed(with: 4000)
            overlap.new.message(last + 1, guild: 31 << 22)
            try await stage.topology.waitFor(sequences: [last + 1])
        }
    }

    @Test func `A slot that is let go of does not begin to speak again`() async throws {
        try await ShardProcessTests.run("silent-end") { stage in
            let overlap = try await Overlap(stage)
            try await stage.coordinator.publish(Self.publishing(old: [], new: Self.lanes))
            // The last step names nobody any more, and leaves the old one out.
            overlap.send(2...100, to: [overlap.old])
            stage.coordinator.change {
                $0.grants = $0.grants.filter { $0.slot == Self.new }
                $0.publishing = nil
                $0.version += 1
            }
            overlap.send(101...200, to: [overlap.old])
            try await eventually("the end of the old one") { overlap.old.closeCode == 4000 }
            try await eventually("its release") { stage.coordinator.told(Self.old) == nil }
            #expect(overlap.published("old") == [1])
        }
    }

    @Test func `A roll-back loses nothing`() async throws {
        try await ShardProcessTests.run("rollback") { stage in
            let overlap = try await Overlap(stage)
            try await stage.coordinator.publish(Self.publishing(old: 0..<32, new: 0..<3))
            overlap.send(2...40, to: [overlap.new, overlap.old])
            try await stage.coordinator.publish(Self.publishing(old: 3..<32, new: 0..<3))
            overlap.send(41...80, to: [overlap.old, overlap.new])
            try await overlap.waitForWatermark(80, of: Self.old)
            try await stage.coordinator.publish(Self.publishing(old: Self.lanes, new: 0..<3))
            overlap.send(81...120, to: [overlap.new, overlap.old])
            try await overlap.waitForWatermark(120, of: Self.new)
            try await stage.coordinator.publish(Self.publishing(old: Self.lanes, new: []))
            overlap.send(121...160, to: [overlap.new, overlap.old])
            try await overlap.waitForWatermark(160, of: Self.old)
            try await overlap.waitForWatermark(160, of: Self.new)
            stage.coordinator.change { $0.grants = $0.grants.filter { $0.slot == Self.old } }
            try await stage.coordinator.publish(nil)
            overlap.send(161...170, to: [overlap.old])
            try await stage.topology.waitFor(sequences: 1...170)
            #expect(overlap.published("new").allSatisfy { (2...120).contains($0) && $0 % 4 < 3 })
            let silent = overlap.published("old").filter { (41...80).contains($0) }
            #expect(silent.allSatisfy { $0 % 4 == 3 } && silent.count == 10)
        }
    }

    @Test func `A slot that is resumed in the middle of it knows at once what to publish`() async throws {
        try await ShardProcessTests.run("resumed-muted") { stage in
            let session = SessionState(sessionID: "new", resumeURL: stage.discord.url, sequence: 5)
            stage.coordinator.change { $0.publishing = Self.publishing(old: 1..<32, new: [0]) }
            stage.coordinator.grant([Self.grant(Self.new, stage, epoch: 4, session: session)])
            let connection = try await stage.discord.connection(0)
            connection.hello()
            #expect(try await connection.body(op: 6)["seq"] as? Int == 5)
            for sequence in 6...40 { connection.message(sequence, guild: (sequence % 2) << 22) }
            connection.resumed(41)
            try await eventually("the watermark") { stage.coordinator.told(Self.new)?.session?.sequence == 41 }
            #expect(
                stage.topology.messages.filter { $0.routingKey == "lane.0" }.flatMap { $0.events.map(\.sequence) }
                    == Array(stride(from: 6, through: 40, by: 2)) + [41])
            #expect(stage.topology.messages.allSatisfy { $0.routingKey == "lane.0" })
        }
    }

    @Test func `What is acknowledged is told soon, and only once it is settled`() async throws {
        try await ShardProcessTests.run("acknowledged", configure: { $0.slot.probeInterval = .milliseconds(100) }) {
            stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            func told() -> (acknowledged: Int?, unsettled: Int?) {
                let told = stage.coordinator.told(Self.old)
                return (told?.acknowledgedMilliseconds, told?.unsettledMilliseconds)
            }
            try await stage.coordinator.publish([
                GenerationPublishing(application: 10, generation: 1, lanes: Self.lanes, commands: true)
            ])
            try await eventually("an acknowledged heartbeat") { told().acknowledged != nil && told().unsettled == nil }
            try await stage.topology.unbindLanes()
            let beats = first.texts(op: 1).count
            first.message(2)
            try await eventually("an event that waits") { (told().unsettled ?? 0) > 500 }
            try await eventually("further heartbeats") { first.texts(op: 1).count > beats + 3 }
            // They are answered, and yet nothing later than the event counts.
            let now = told()
            #expect((now.acknowledged ?? 0) >= (now.unsettled ?? 0))
            try await stage.topology.bindLanes()
            try await stage.waitForWatermark(2)
            try await eventually("a fresh one") {
                told().unsettled == nil && told().acknowledged.map { $0 < 400 } == true
            }
            // Silent, it needs not be heard.
            try await stage.coordinator.publish([
                GenerationPublishing(application: 10, generation: 1, lanes: [], commands: false)
            ])
            try await eventually("no more of them") { (told().acknowledged ?? 0) > 600 }
        }
    }

    // MARK: Membership

    @Test func `A process that is to restart hands everything over, and ends`() async throws {
        try await ShardProcessTests.run("restart") { stage in
            let first = try await stage.begin()
            for sequence in 2...100 { first.message(sequence, guild: (sequence % 5) << 22) }
            try await stage.topology.waitFor(sequences: 1...100)
            stage.coordinator.change {
                $0.wantsRestart = true
                $0.version += 1
            }
            try await eventually("its last word") { stage.coordinator.now.final != nil }
            let final = try #require(stage.coordinator.now.final)
            #expect(final.draining && final.slots.map(\.status) == [.released])
            #expect(final.slots.first?.session?.sequence == 100)
            try await first.closed(with: 4000)
            #expect(stage.coordinator.now.incarnation == 1)
        }
    }

    @Test func `Requests are told apart from those that come twice or late`() async throws {
        try await ShardProcessTests.run("numbers") { stage in
            _ = try await stage.begin()
            stage.coordinator.change {
                $0.isLeaseLost = true
                $0.grants = []
            }
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            try await eventually("renewals of it") { stage.coordinator.now.numbers.count > 5 }
            let state = stage.coordinator.now
            #expect(state.attempts == [1, 2])
            #expect(state.processes.count == 1 && state.processes.first != .some(nil))
            let numbers = state.numbers.compactMap { $0 }
            #expect(numbers.count == state.numbers.count && zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
        }
    }
}
