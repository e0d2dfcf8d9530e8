import AMQP
import ClusterAPI
import Discord
import Foundation
import Gateway
import NIOCore
import Runtime
import TestSupport
import Testing

@testable import Shard

/// What a shard process publishes, to the real broker, and what it does when that is in trouble.
@Suite("Publishing of a shard process", .timeLimit(.minutes(2)), .serialized)
struct PublishingProcessTests {
    private typealias Stage = ShardProcessTests.Stage
    private static let slot = ShardProcessTests.slot

    /// Runs a process whose broker is behind a proxy.
    private func run(
        _ test: String, settings: [String: String] = [:], configure: (inout ShardSettings) -> Void = { _ in },
        _ body: (Stage, FaultProxy) async throws -> Void
    ) async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        try await ShardProcessTests.run(test, amqpURL: through, settings: settings, configure: configure) {
            try await body($0, proxy)
        }
        await proxy.stop()
    }

    /// The sequence numbers of a lane in the order of their first copies.
    private func firstCopies(_ stage: Stage, lane: Int) -> [Int] {
        let all = stage.topology.messages.filter { $0.routingKey == "lane.\(lane)" }.flatMap { $0.events }
        return all.filter { $0.name == "MESSAGE_CREATE" }.map(\.sequence)
            .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private func gaps(_ stage: Stage) -> [TestTopology.Message] {
        stage.topology.messages.filter { $0.events.contains { $0.name == "FLOTILLA_GAP" } }
    }

    @Test func `A message's headers tell where it comes from`() async throws {
        try await ShardProcessTests.run("headers") { stage in
            let first = try await stage.begin()
            first.message(2, guild: 5 << 22)
            try await stage.topology.waitFor(sequences: [2])
            let message = try #require(stage.topology.messages.first { $0.routingKey == "lane.5" })
            var headers = message.properties.headers
            let trace = headers.removeValue(forKey: "traceparent")?.stringValue
            #expect(trace?.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
            #expect((headers.removeValue(forKey: "publish-tag")?.integerValue ?? 0) > 0)
            #expect(
                headers == [
                    "v": 1, "application": "10", "generation": 1, "shard": 0, "num_shards": 1, "session": "abc",
                    "epoch": 1, "first_s": 2, "last_s": 2, "count": 1,
                ])
            #expect(message.properties.contentType == "application/x-ndjson")
            #expect(message.properties.deliveryMode == .persistent)
        }
    }

    @Test func `A lost session leaves its record on every lane, before the next one's events`() async throws {
        try await ShardProcessTests.run("gap") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.waitForWatermark(2)
            first.send(#"{"op":9,"d":false}"#)
            let second = try await stage.discord.connection(1)
            second.hello()
            _ = try await second.body(op: 2)
            // Every lane had it before the IDENTIFY.
            try await eventually("the record on every lane") { self.gaps(stage).count == 32 }
            #expect(Set(self.gaps(stage).map(\.routingKey)) == Set((0..<32).map { "lane.\($0)" }))
            for message in self.gaps(stage) {
                #expect(message.events.map(\.sequence) == [2])
                #expect(message.properties.headers["session"]?.stringValue == "abc")
                #expect(message.properties.headers["first_s"]?.integerValue == 2)
                #expect(message.properties.headers["count"]?.integerValue == 1)
            }
            second.ready(session: "def", resumeURL: stage.discord.url)
            second.message(2)
            try await eventually("the next session") { stage.coordinator.told(Self.slot)?.session?.sessionID == "def" }
            try await stage.waitForWatermark(2)
            let sessions = stage.topology.messages.filter { $0.routingKey == "lane.1" }.map {
                $0.properties.headers["session"]?.stringValue
            }
            #expect(sessions == ["abc", "abc", "def"])
            let told = try #require(stage.coordinator.now.gaps.first)
            #expect(stage.coordinator.now.gaps.count == 1)
            #expect(told.session == "abc" && told.after == 2 && told.reason == "invalid_session" && told.numShards == 1)
            try await eventually("an end of telling it") { stage.coordinator.told(Self.slot)?.gaps == nil }
            #expect(stage.metrics.prometheusText().contains("flotilla_shard_gaps_total 1"))
        }
    }

    @Test func `Until every lane has the record the lost session is told, and nobody identifies`() async throws {
        try await ShardProcessTests.run("gap-held") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.waitForWatermark(2)
            try await stage.topology.unbindLanes()
            first.connection.close(code: 4009)
            let second = try await stage.discord.connection(1)
            second.hello()
            try await stage.waitForStatus(.waitingForPermit)
            try await eventually("the broker to give messages back") {
                stage.metrics.prometheusText().contains(/flotilla_shard_messages_returned_total [1-9]/)
            }
            #expect(stage.coordinator.told(Self.slot)?.session?.sessionID == "abc")
            #expect(stage.coordinator.now.permits == 1 && second.texts(op: 2).isEmpty)
            try await stage.topology.bindLanes()
            _ = try await second.body(op: 2)
            #expect(self.gaps(stage).count == 32)
            try await eventually("the record at the coordinator") {
                stage.coordinator.now.gaps.first?.reason == "close_4009"
            }
            #expect(stage.coordinator.told(Self.slot)?.session == nil)
        }
    }

    @Test func `The plan is read again when its file changes, and a bad one changes nothing`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            #"{"rules":[{"events":["TYPING_*"],"to":"nowhere"}]}"#, to: "plan.json")
        try await ShardProcessTests.run("plan", settings: ["FLOTILLA_SHARD_PLAN_FILE": path]) { stage in
            let first = try await stage.begin()
            first.message(2, name: "TYPING_START")
            first.message(3, name: "GUILD_UPDATE")
            try await stage.waitForWatermark(3)
            #expect(!stage.topology.sequences.contains(2) && stage.topology.sequences.contains(3))

            _ = try directory.write(#"{"rules":[{"events":["TYPING_*"],"to":"nowher"}]}"#, to: "plan.json")
            try await eventually("the complaint") {
                stage.metrics.prometheusText().contains("\nflotilla_shard_plan_invalid 1")
            }
            first.message(4, name: "TYPING_START")
            try await stage.waitForWatermark(4)
            #expect(!stage.topology.sequences.contains(4))

            _ = try directory.write(#"{"rules":[{"events":["TYPING_START"],"to":"commands"}]}"#, to: "plan.json")
            try await eventually("the next plan") {
                stage.metrics.prometheusText().contains("\nflotilla_shard_plan_invalid 0")
            }
            var sequence = 4
            try await eventually("an event by the next plan") {
                sequence += 1
                first.message(sequence, name: "TYPING_START")
                return stage.topology.messages.contains { $0.routingKey == "commands" }
            }
        }
    }

    private func stalls(_ stage: Stage) -> Int? {
        let line = stage.metrics.prometheusText().firstMatch(of: /\nflotilla_shard_confirm_stalls_total ([0-9]+)/)
        return line.flatMap { Int($0.1) }
    }

    @Test func `Confirms that do not come make everything go again, in order`() async throws {
        try await self.run("stall", settings: ["FLOTILLA_SHARD_CONFIRM_TIMEOUT": "500ms"]) { stage, proxy in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            // A slow broker may have made some before.
            let before = try #require(self.stalls(stage))
            proxy.mute()
            for sequence in 2...200 { first.message(sequence, guild: (sequence % 3) << 22) }
            try await eventually("the stall") { self.stalls(stage).map { $0 > before } ?? false }
            #expect(stage.coordinator.told(Self.slot)?.session?.sequence == 1)
            proxy.unmute()
            try await stage.waitForWatermark(200)
            try await stage.topology.waitFor(sequences: 1...200)
            for lane in 0..<3 {
                let firsts = self.firstCopies(stage, lane: lane)
                #expect(firsts == firsts.sorted())
            }
            // What was on its way came twice.
            #expect(stage.topology.sequences.count > 200)
            #expect(!first.isClosed)
        }
    }

    @Test func `A broker that takes nothing for lack of memory is sent nothing`() async throws {
        try await self.run("blocked", settings: ["FLOTILLA_SHARD_CONFIRM_TIMEOUT": "200ms"]) { stage, proxy in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            // connection.blocked("memory"), connection.unblocked (RabbitMQ's extension of AMQP 0-9-1).
            proxy.inject([1, 0, 0, 0, 0, 0, 11, 0, 10, 0, 60, 6] + Array("memory".utf8) + [0xCE])
            try await eventually("the alarm") {
                stage.metrics.prometheusText().contains("\nflotilla_shard_broker_blocked 1")
            }
            // A slow broker may have made some before.
            let before = try #require(self.stalls(stage))
            for sequence in 2...100 { first.message(sequence, guild: (sequence % 3) << 22) }
            try await eventually("events held back for several timeouts") {
                stage.coordinator.told(Self.slot)?.unsettledMilliseconds ?? 0 > 600
            }
            first.send(#"{"op":1,"d":null}"#)
            try await eventually("the answer to op 1") { !first.texts(op: 1).isEmpty }
            #expect(Set(stage.topology.sequences) == [1] && self.stalls(stage) == before)
            proxy.inject([1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 61, 0xCE])
            try await stage.topology.waitFor(sequences: 1...100)
            try await stage.waitForWatermark(100)
        }
    }

    @Test func `More messages at once than a channel takes leave one after the other`() async throws {
        try await self.run(
            "many", settings: ["FLOTILLA_SHARD_WINDOW_EVENTS": "10000"],
            configure: { $0.broker?.maximumUnconfirmed = 1_500 }
        ) { stage, proxy in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            proxy.inject([1, 0, 0, 0, 0, 0, 11, 0, 10, 0, 60, 6] + Array("memory".utf8) + [0xCE])
            try await eventually("the alarm") {
                stage.metrics.prometheusText().contains("\nflotilla_shard_broker_blocked 1")
            }
            // Each is a message.
            for sequence in 2...3_000 { first.message(sequence, name: "INTERACTION_CREATE") }
            try await eventually("all of them") {
                stage.metrics.prometheusText().contains("flotilla_shard_events_total 3000")
            }
            proxy.inject([1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 61, 0xCE])
            try await stage.waitForWatermark(3_000)
            try await stage.topology.waitFor(sequences: 1...3_000)
        }
    }

    @Test func `Events that go nowhere move the last one too far from the watermark, too`() async throws {
        try await ShardProcessTests.run(
            "lag", settings: ["FLOTILLA_SHARD_DROP_EVENTS": "TYPING_START"], configure: { $0.slot.mostUnsettled = 50 }
        ) { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            try await stage.topology.unbindLanes()
            first.message(2)
            for sequence in 3...200 { first.message(sequence, name: "TYPING_START") }
            try await eventually("an unread socket") {
                stage.metrics.prometheusText().contains("flotilla_shard_pauses_total 1")
            }
            #expect(stage.coordinator.told(Self.slot)?.session?.sequence == 1)
            try await stage.topology.bindLanes()
            try await stage.waitForWatermark(200)
        }
    }

    @Test func `What a full queue refuses goes again, in order`() async throws {
        try await ShardProcessTests.run("refused") { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            try await stage.topology.addFullQueue(lane: 1)
            for sequence in 2...60 { first.message(sequence, guild: (sequence % 2) << 22) }
            try await eventually("refusals") {
                stage.metrics.prometheusText().contains(/flotilla_shard_messages_nacked_total [2-9]/)
            }
            #expect((stage.coordinator.told(Self.slot)?.session?.sequence ?? 0) < 60)
            try await stage.topology.removeFullQueue()
            try await stage.waitForWatermark(60)
            #expect(self.firstCopies(stage, lane: 1) == Array(stride(from: 3, through: 59, by: 2)))
            #expect(self.firstCopies(stage, lane: 0) == Array(stride(from: 2, through: 60, by: 2)))
        }
    }
}
