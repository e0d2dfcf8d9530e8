import ClusterAPI
import Runtime
import TestSupport
import Testing

@testable import Shard

extension ShardProcessTests {
    @Test func `IDENTIFY's wait for a gap record is told as the slot's reason, and logged once`() async throws {
        let log = LogLines()
        try await Self.run("gap-wait", log: log) { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            try await stage.topology.addFullQueue(lane: 5)
            first.send(#"{"op":9,"d":false}"#)
            let second = try await stage.discord.connection(1)
            second.hello()
            try await eventually("the reason of the wait") {
                stage.coordinator.told(Self.slot)?.reason
                    == "IDENTIFY waits; lanes without the lost session's gap record: 1"
            }
            #expect(stage.coordinator.told(Self.slot)?.status == .waitingForPermit)
            // One each 100 ms; the wait is looked at again each 500 ms.
            let renewals = stage.coordinator.now.numbers.count
            try await eventually("a dozen renewals") { stage.coordinator.now.numbers.count >= renewals + 12 }
            #expect(log.count(of: "IDENTIFY waits until every lane has the gap record") == 1)
            #expect(stage.coordinator.now.permits == 1 && second.texts(op: 2).isEmpty)

            try await stage.topology.removeFullQueue()
            _ = try await second.body(op: 2)
            second.ready(session: "next", resumeURL: stage.discord.url)
            try await stage.waitForStatus(.ready)
            #expect(stage.coordinator.told(Self.slot)?.reason == nil)
        }
    }

    @Test func `IDENTIFY leaves without a presence that does not fit, which is logged once`() async throws {
        let log = LogLines()
        let settings = [
            "FLOTILLA_DISCORD_TOKEN": String(repeating: "x", count: 3_500),
            "FLOTILLA_GATEWAY_PRESENCE":
                #"{"status":"dnd","activities":[{"name":"a\#(String(repeating: "\u{301}", count: 400))","type":0}]}"#,
        ]
        try await Self.run("long-token", settings: settings, log: log) { stage in
            stage.grant()
            for number in 0..<2 {
                let connection = try await stage.discord.connection(number)
                connection.hello()
                let identify = try await connection.body(op: 2)
                #expect((identify["token"] as? String)?.count == 3_500 && identify["presence"] == nil)
                connection.send(#"{"op":9,"d":false}"#)
            }
            #expect(log.count(of: "IDENTIFY leaves without the presence") == 1)
        }
    }

    @Test(
        arguments: [
            (
                #"{"status":"dnd","activities":[{"name":"a\#(String(repeating: "\u{301}", count: 1_600))","type":0}]}"#,
                "expected at most 3072"
            ),
            (
                #"{"status":"dnd","activities":["#
                    + [String](repeating: #"{"name":"a","type":0}"#, count: 11).joined(separator: ",") + "]}",
                "activities: expected at most 10"
            ),
        ])
    func `A configured presence that is too large stops the start`(presence: String, reason: String) throws {
        let reader = SettingsReader(
            SettingsSource(environment: [
                "FLOTILLA_COORDINATOR_URL": "http://127.0.0.1:1", "FLOTILLA_MEMBER_TOKEN": "m",
                "FLOTILLA_DISCORD_TOKEN": "token", "FLOTILLA_AMQP_URL": "amqp://127.0.0.1",
                "FLOTILLA_GATEWAY_PRESENCE": presence,
            ]))
        _ = ShardSettings(reader, processID: 1, version: "test")
        let error = try #require(throws: (any Error).self) { try reader.finish() }
        #expect("\(error)".contains("FLOTILLA_GATEWAY_PRESENCE") && "\(error)".contains(reason), "\(error)")
    }
}
