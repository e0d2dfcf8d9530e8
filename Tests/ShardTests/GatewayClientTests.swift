import AMQP
import ClusterAPI
import Discord
import Foundation
import Gateway
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@testable import Shard

/// What a whole shard process does at the gateway, beyond carrying events.
@Suite("Gateway client", .timeLimit(.minutes(2)), .serialized)
struct GatewayClientTests {
    typealias Stage = ShardProcessTests.Stage

    static let slot = ShardProcessTests.slot

    // MARK: Heartbeats

    @Test func `Heartbeats never tell more than the coordinator has, a RESUME tells all that is settled`() async throws
    {
        try await ShardProcessTests.run("acknowledged") { stage in
            stage.grant()
            let first = try await stage.discord.connection(0)
            first.hello()
            _ = try await first.body(op: 2)
            first.ready(session: "abc", resumeURL: stage.discord.url)
            first.message(2)
            try await stage.waitForWatermark(2)
            try await stage.waitForRenewals()
            #expect(try await first.beat() == #"{"op":1,"d":2}"#)
            stage.coordinator.change { $0.isAway = true }
            for sequence in 3...40 { first.message(sequence) }
            try await stage.topology.waitFor(sequences: 1...40)
            // What was told just before the coordinator went is acknowledged with the next answer, so with none.
            for _ in 0..<3 { #expect(try await first.beat() == #"{"op":1,"d":2}"#) }
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 40)
            second.resumed(41)
            stage.coordinator.change { $0.isAway = false }
            try await stage.waitForWatermark(41)
            try await stage.waitForRenewals()
            #expect(try await second.beat() == #"{"op":1,"d":41}"#)
        }
    }

    @Test func `A granted session's beats begin with what was granted`() async throws {
        try await ShardProcessTests.run("granted") { stage in
            stage.grant(session: SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 17))
            let connection = try await stage.discord.connection(0)
            // By its timer. Later beats come too, or the connection is given up for a late ACK: the first one counts.
            connection.hello(interval: 1_000)
            try await eventually("a beat") { connection.texts(op: 1).first == #"{"op":1,"d":17}"# }
        }
    }

    @Test func `A socket that acks but brings nothing is resumed`() async throws {
        try await ShardProcessTests.run(
            "deaf",
            configure: { settings in
                settings.slot.silence.settling = .zero
                settings.slot.silence.warmUp = .milliseconds(100)
                settings.slot.silence.halfLife = .seconds(5)
                settings.slot.silence.shortestSilence = .milliseconds(400)
                settings.slot.silence.leastRate = 1
                settings.slot.silence.slack = 0.5
                settings.slot.silence.gapFactor = 2
            }
        ) { stage in
            stage.grant()
            let first = try await stage.discord.connection(0)
            first.hello()
            _ = try await first.body(op: 2)
            first.ready(session: "abc", resumeURL: stage.discord.url)
            var last = 1
            // A flow that lasts for a good many beats. Silence is looked for with each beat: none of these has any
            // behind it, however long the test is kept from sending.
            for _ in 0..<30 {
                for _ in 0..<20 {
                    last += 1
                    first.message(last)
                }
                _ = try await first.beat()
            }
            try await stage.waitForWatermark(Int64(last))
            #expect(!first.isClosed)
            try await eventually("the end of a deaf socket") {
                first.send(#"{"op":1,"d":null}"#)
                return first.closeCode == 4000
            }
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == last)
            #expect(stage.metrics.prometheusText().contains("flotilla_shard_deaf_sockets_total 1"))
        }
    }

    // MARK: Stopping

    @Test func `A stop between IDENTIFY and READY waits for the session, and hands it over`() async throws {
        try await ShardProcessTests.run("stop-identifying") { stage in
            stage.grant()
            let connection = try await stage.discord.connection(0)
            connection.hello()
            _ = try await connection.body(op: 2)
            await stage.shard.triggerGracefulShutdown()
            try await eventually("the hand-over") {
                stage.coordinator.told(Self.slot)?.status == .handingOver
            }
            #expect(!connection.isClosed)
            connection.ready(session: "abc", resumeURL: stage.discord.url)
            try await eventually("the end of the lease") { stage.coordinator.now.final != nil }
            let final = try #require(stage.coordinator.now.final?.slots.first)
            #expect(final.status == .released)
            #expect(final.session == SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 1))
            try await connection.closed(with: 4000)
            try await stage.topology.waitFor(sequences: [1])
        }
    }

    @Test func `A READY that never comes holds no stop up, nor does one that is refused`() async throws {
        for answer in [nil, #"{"op":9,"d":false}"#] {
            try await ShardProcessTests.run(
                "stop-unanswered", settings: ["FLOTILLA_SHARD_FLUSH_TIMEOUT": answer == nil ? "300ms" : "60s"]
            ) { stage in
                stage.grant()
                let connection = try await stage.discord.connection(0)
                connection.hello()
                _ = try await connection.body(op: 2)
                await stage.shard.triggerGracefulShutdown()
                answer.map { connection.send($0) }
                try await eventually("the end of the lease") { stage.coordinator.now.final != nil }
                let final = try #require(stage.coordinator.now.final?.slots.first)
                #expect(final.status == .released && final.session == nil)
                try await eventually("the close") { connection.closeCode == 4000 }
                #expect(stage.discord.connectionCount == 1)
            }
        }
    }

    // MARK: Several applications

    @Test func `Two applications of one process have their own tokens, permits and events`() async throws {
        let settings = ["FLOTILLA_DISCORD_TOKENS": "10=first, 20=second", "FLOTILLA_DISCORD_TOKEN": ""]
        try await ShardProcessTests.run("applications", settings: settings) { stage in
            let slots = [10, 20].map { Slot(application: $0, generation: 1, shard: 0) }
            stage.coordinator.grant(
                slots.map {
                    SlotGrant(
                        slot: $0, numShards: 1, epoch: 1, intents: 33_281, gatewayURL: stage.discord.url, session: nil)
                })
            var sessions: Set<String> = []
            for number in 0..<2 {
                let connection = try await stage.discord.connection(number)
                connection.hello()
                let token = try #require(try await connection.body(op: 2)["token"] as? String)
                sessions.insert(token)
                connection.ready(session: token, resumeURL: stage.discord.url)
                connection.message(2)
            }
            #expect(sessions == ["first", "second"])
            try await eventually("both ready") {
                slots.allSatisfy { stage.coordinator.told($0)?.session?.sequence == 2 }
            }
            #expect(Set(stage.coordinator.now.permittedSlots) == Set(slots))
            for (slot, token) in zip(slots, ["first", "second"]) {
                #expect(stage.coordinator.told(slot)?.session?.sessionID == token)
                let events = stage.topology.messages.filter {
                    $0.properties.headers["application"]?.stringValue == "\(slot.application)"
                }
                #expect(events.allSatisfy { $0.properties.headers["session"]?.stringValue == token })
                #expect(events.flatMap { $0.events.map(\.sequence) }.sorted() == [1, 2])
            }
        }
    }

    @Test func `A granted application without a token is told as a failed slot, and let go of`() async throws {
        let settings = ["FLOTILLA_DISCORD_TOKENS": "10=first", "FLOTILLA_DISCORD_TOKEN": ""]
        try await ShardProcessTests.run("no-token", settings: settings) { stage in
            let other = Slot(application: 20, generation: 1, shard: 0)
            func grant(_ slot: Slot) -> SlotGrant {
                SlotGrant(
                    slot: slot, numShards: 1, epoch: 1, intents: 33_281, gatewayURL: stage.discord.url, session: nil)
            }
            stage.coordinator.grant([grant(Self.slot), grant(other)])
            try await eventually("a failed slot") { stage.coordinator.told(other)?.status == .failed }
            let reason = try #require(stage.coordinator.told(other)?.reason)
            #expect(reason.contains("20") && reason.contains("FLOTILLA_DISCORD_TOKENS"), "\(reason)")
            #expect(!reason.contains("first"))
            let connection = try await stage.discord.connection(0)
            connection.hello()
            #expect(try await connection.body(op: 2)["token"] as? String == "first")
            stage.coordinator.grant([grant(Self.slot)])
            try await eventually("a slot that is gone") { stage.coordinator.told(other) == nil }
            #expect(stage.discord.connectionCount == 1)
        }
    }

    // MARK: Hostile gateways

    @Test(
        arguments: [
            "wss://evil.test", "ws://evil.test:1", "ws://127.0.0.1:1@evil.test", "ws://127.0.0.1.evil.test",
            "ws://127.0.0.1%2eevil.test", "http://127.0.0.1", "", "ws://", "ws://[::1", "ws://evil.test#@127.0.0.1",
            "ws://evil.test/ HTTP/1.1", "ws://127.0.0.1:99999",
        ])
    func `A token goes to no host that a READY makes up`(url: String) async throws {
        try await ShardProcessTests.run("hostile") { stage in
            stage.grant()
            let first = try await stage.discord.connection(0)
            first.hello()
            _ = try await first.body(op: 2)
            first.ready(session: "abc", resumeURL: url)
            try await stage.waitForWatermark(1)
            #expect(stage.coordinator.told(Self.slot)?.session?.resumeURL == stage.discord.url)
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["session_id"] as? String == "abc")
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 201)])
    func `A READY without a usable session id is no session`(session: String) async throws {
        try await ShardProcessTests.run("no-session") { stage in
            stage.grant()
            let first = try await stage.discord.connection(0)
            first.hello()
            _ = try await first.body(op: 2)
            first.ready(session: session, resumeURL: stage.discord.url)
            let second = try await stage.discord.connection(1)
            try await first.closed(with: 4000)
            second.hello()
            _ = try await second.body(op: 2)
            #expect(stage.topology.sequences.isEmpty)
        }
    }

    @Test func `What a connection says after its end is not heard`() async throws {
        try await ShardProcessTests.run("late") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.waitForWatermark(2)
            // In one go: the client leaves at the first of these.
            first.send(#"{"op":7,"d":null}"#)
            first.message(3)
            first.send(#"{"op":9,"d":false}"#)
            first.connection.close(code: 4004)
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 2)
            second.message(3)
            second.resumed(4)
            try await stage.waitForWatermark(4)
            #expect(stage.topology.sequences == [1, 2, 3, 4])
            #expect(stage.coordinator.told(Self.slot)?.status == .ready && stage.coordinator.now.permits == 1)
        }
    }

    @Test func `Op 7 in place of HELLO is followed, at the gateway's own URL`() async throws {
        try await ShardProcessTests.run("op7") { stage in
            let resumeHost = ScriptedDiscord()
            try await resumeHost.start()
            stage.grant(session: SessionState(sessionID: "abc", resumeURL: resumeHost.url, sequence: 5))
            let first = try await resumeHost.connection(0)
            first.send(#"{"op":7,"d":null}"#)
            let second = try await stage.discord.connection(0)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 5)
            second.resumed(6)
            try await stage.waitForStatus(.ready)
            await resumeHost.close()
        }
    }
}
