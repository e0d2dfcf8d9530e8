import ClusterAPI
import ControlAPI
import Foundation
import GuildCache
import Redis
import TestSupport
import Testing

@testable import Shard

extension ShardCacheTests {
    @Test func `The next owner of a slot tells in its IDENTIFY what the last one was told to show`() async throws {
        let initial = ["FLOTILLA_GATEWAY_PRESENCE": #"{"status":"dnd"}"#]
        try await Self.run("presence", settings: initial) { stage in
            _ = try await stage.begin(guilds: [])
            let sender = try await CommandSender(stage.process.topology)
            try await sender.sendWhenBound(.presence(PresenceUpdate(status: .idle)), to: stage.slot, id: "1")
            #expect(try await sender.outcome("1") == .ok)
            await sender.close()
            let note = PresenceNote(stage.keys, generation: 1, shard: 0)
            try await eventually("a note of the presence") {
                try await stage.redis.command("HGET", .string(note.key), 0).string?.hasPrefix("1 {") == true
            }

            stage.grant(
                epoch: 2,
                session: SessionState(sessionID: "abc", resumeURL: stage.process.discord.url, sequence: 1))
            let second = try await stage.process.discord.connection(1)
            second.hello()
            _ = try await second.body(op: 6)
            second.resumed(2)
            try await stage.process.topology.waitFor(sequences: [2])
            second.send(#"{"op":9,"d":false}"#)
            let third = try await stage.process.discord.connection(2)
            third.hello()
            let presence = try await third.body(op: 2)["presence"] as? [String: Any]
            #expect(presence?["status"] as? String == "idle")
            // The session that was taken over showed it already.
            #expect(second.texts(op: 3).isEmpty)
        }
    }

    @Test func `A note that is too large to be told is not, and gives way`() async throws {
        let initial = ["FLOTILLA_GATEWAY_PRESENCE": #"{"status":"dnd"}"#]
        try await Self.run("large-note", settings: initial) { stage in
            let note = PresenceNote(stage.keys, generation: 1, shard: 0)
            let large = String(decoding: try JSONEncoder().encode(SlotCommandsTests.largePresence), as: UTF8.self)
            _ = try await stage.redis.command("HSET", .string(note.key), 0, .string("1 \(large)"))
            stage.grant(epoch: 2)
            let connection = try await stage.process.discord.connection(0)
            connection.hello()
            let presence = try await connection.body(op: 2)["presence"] as? [String: Any]
            #expect(presence?["status"] as? String == "dnd")
            try await eventually("another note") {
                let text = try await stage.redis.command("HGET", .string(note.key), 0).string
                return text?.hasPrefix("2 {") == true && text?.contains("dnd") == true
            }
            connection.ready(session: "abc", resumeURL: stage.process.discord.url)
            try await stage.process.topology.waitFor(sequences: [1])
            #expect(connection.texts(op: 3).isEmpty)
        }
    }
}
