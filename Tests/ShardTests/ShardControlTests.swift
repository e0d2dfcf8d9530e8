import AMQP
import ClusterAPI
import ControlAPI
import Discord
import Foundation
import Gateway
import NIOCore
import TestSupport
import Testing

@testable import Shard

/// Commands to the slots of a whole shard process, through the real broker.
@Suite("Commands to a shard process", .timeLimit(.minutes(2)), .serialized)
struct ShardControlTests {
    typealias Stage = ShardProcessTests.Stage

    static let slot = ShardProcessTests.slot
    static let guild: Snowflake = 4_194_304

    static func run(
        _ test: String,
        amqpURL: String? = nil,
        settings: [String: String] = [:],
        configure: (inout ShardSettings) -> Void = { _ in },
        _ body: (Stage, CommandSender) async throws -> Void
    ) async throws {
        try await ShardProcessTests.run(test, amqpURL: amqpURL, settings: settings, configure: configure) { stage in
            let sender = try await CommandSender(stage.topology)
            do {
                try await body(stage, sender)
            } catch {
                await sender.close()
                throw error
            }
            await sender.close()
        }
    }

    @Test func `A presence reaches Discord, is answered, and is told again in the next IDENTIFY`() async throws {
        let initial = #"{"status":"dnd","activities":[{"name":"checkers","type":0}]}"#
        try await Self.run("presence", settings: ["FLOTILLA_GATEWAY_PRESENCE": initial]) { stage, sender in
            let first = try await stage.begin()
            let told = try await first.body(op: 2)["presence"] as? [String: Any]
            #expect(told?["status"] as? String == "dnd")
            let chess = PresenceUpdate(status: .idle, activities: [.init(name: "chess", type: 0)], since: 7)
            try await sender.sendWhenBound(.presence(chess), to: Self.slot, id: "1")
            #expect(try await sender.outcome("1") == .ok)
            let body = try await first.body(op: 3)
            #expect(body["since"] as? Int == 7 && body["afk"] as? Bool == false)
            #expect((body["activities"] as? [[String: Any]])?.first?["name"] as? String == "chess")
            first.send(#"{"op":9,"d":false}"#)
            let second = try await stage.discord.connection(1)
            second.hello()
            let presence = try await second.body(op: 2)["presence"] as? [String: Any]
            #expect(presence?["status"] as? String == "idle")
        }
    }

    @Test func `A presence that is too large is refused, and the next IDENTIFY leaves with the one before`()
        async throws
    {
        let initial = ["FLOTILLA_GATEWAY_PRESENCE": #"{"status":"dnd"}"#]
        try await Self.run("large-presence", settings: initial) { stage, sender in
            let first = try await stage.begin()
            try await sender.sendWhenBound(.presence(SlotCommandsTests.largePresence), to: Self.slot, id: "1")
            #expect(try await sender.problem("1") == "bad_request")
            first.send(#"{"op":9,"d":false}"#)
            let second = try await stage.discord.connection(1)
            second.hello()
            let presence = try await second.body(op: 2)["presence"] as? [String: Any]
            #expect(presence?["status"] as? String == "dnd" && first.texts(op: 3).isEmpty)
            second.ready(session: "next", resumeURL: stage.discord.url)
            try await stage.waitForStatus(.ready)
        }
    }

    @Test func `Members are collected, answered chunk by chunk, and published too`() async throws {
        try await Self.run("members") { stage, sender in
            stage.coordinator.grant([
                SlotGrant(
                    slot: Self.slot, numShards: 1, epoch: 1, intents: Intents([.guilds, .guildMembers]).rawValue,
                    gatewayURL: stage.discord.url, session: nil)
            ])
            let connection = try await stage.discord.connection(0)
            connection.hello()
            _ = try await connection.body(op: 2)
            connection.ready(session: "abc", resumeURL: stage.discord.url)
            try await sender.sendWhenBound(.requestMembers(.all(of: Self.guild)), to: Self.slot, id: "1")
            let body = try await connection.body(op: 8)
            let nonce = try #require(body["nonce"] as? String)
            #expect(body["guild_id"] as? String == "4194304" && body["limit"] as? Int == 0)
            func chunk(_ sequence: Int, _ index: Int, _ nonce: String) -> String {
                #"{"op":0,"t":"GUILD_MEMBERS_CHUNK","s":\#(sequence),"d":{"guild_id":"4194304","members":[{"user":"#
                    + #"{"id":"\#(index)"}}],"chunk_index":\#(index),"chunk_count":2,"nonce":"\#(nonce)"}}"#
            }
            connection.send(chunk(2, 0, "another's"))
            connection.send(chunk(3, 1, nonce))
            connection.send(chunk(4, 0, nonce))
            #expect(try await sender.outcome("1") == .ok)
            let chunks = sender.answers("1").compactMap { answer -> MembersChunk? in
                if case .chunk(let chunk) = answer { chunk } else { nil }
            }
            #expect(chunks.map(\.position.index) == [1, 0] && chunks.allSatisfy { $0.position.count == 2 })
            struct Chunk: Decodable {
                struct Member: Decodable {
                    struct User: Decodable { let id: Snowflake }
                    let user: User
                }
                let members: [Member]
            }
            #expect(try chunks.map { try $0.decode(Chunk.self).members[0].user.id } == [1, 0])
            try await stage.topology.waitFor(sequences: 1...4)
        }
    }

    @Test func `Voice states, soundboards and channel info leave; RATE_LIMITED ends what can't wait`() async throws {
        try await Self.run("others") { stage, sender in
            let connection = try await stage.begin()
            let voice = VoiceStateUpdate(guildID: Self.guild, channelID: 5, selfMute: true)
            try await sender.sendWhenBound(.voiceState(voice), to: Self.slot, id: "voice")
            try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "sounds")
            try await sender.send(.channelInfo(guild: Self.guild, fields: [.status]), to: Self.slot, id: "info")
            for id in ["voice", "sounds", "info"] { #expect(try await sender.outcome(id) == .ok) }
            #expect(try await connection.body(op: 4)["channel_id"] as? String == "5")
            #expect(try await connection.body(op: 31)["guild_ids"] as? [String] == ["4194304"])
            #expect(try await connection.body(op: 43)["fields"] as? [String] == ["status"])

            try await sender.send(.requestMembers(.users([1], in: Self.guild)), to: Self.slot, id: "members")
            let nonce = try #require(try await connection.body(op: 8)["nonce"] as? String)
            connection.send(
                #"{"op":0,"t":"RATE_LIMITED","s":2,"d":{"opcode":8,"retry_after":28.5,"#
                    + #""meta":{"guild_id":"4194304","nonce":"\#(nonce)"}}}"#)
            #expect(
                try await sender.outcome("members")
                    == .error(
                        ControlProblem(
                            .rateLimited, "Discord wants a pause that is longer than the request's time",
                            retryAfterMilliseconds: 28_500)))
        }
    }

    @Test func `Bad requests are answered by name, and one that wants no answer gets none`() async throws {
        try await Self.run("bad") { stage, sender in
            let connection = try await stage.begin()
            try await sender.sendWhenBound(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "first")
            let bodies = [
                ("not JSON", "bad_request"),
                (#"{"v":9,"command":"presence","timeout":1,"d":{}}"#, "unsupported_version"),
                (#"{"v":1,"command":"fly","timeout":1,"d":{}}"#, "unknown_command"),
                (#"{"v":1,"command":"presence","timeout":1000,"d":{"status":"asleep"}}"#, "bad_request"),
                (
                    #"{"v":1,"command":"request_members","timeout":1000,"d":{"guild_id":"4194304","query":""}}"#,
                    "bad_request"
                ),
            ]
            for (body, code) in bodies {
                try await sender.send(body, to: Self.slot, id: body)
                #expect(try await sender.problem(body) == code, "\(body)")
            }
            #expect(connection.texts(op: 3).isEmpty && connection.texts(op: 8).isEmpty)
            #expect(!connection.isClosed)
        }
    }

    @Test func `A slot that nobody runs is returned, before its start and after its hand-over`() async throws {
        try await Self.run("bindings") { stage, sender in
            let other = Slot(application: 10, generation: 1, shard: 1)
            try await stage.coordinator.waitForRegistration()
            await #expect(throws: AMQPError.self) {
                try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "0")
            }
            _ = try await stage.begin()
            try await sender.sendWhenBound(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "1")
            #expect(try await sender.outcome("1") == .ok)
            await #expect(throws: AMQPError.self) {
                try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: other, id: "2")
            }
            stage.coordinator.grant([])
            try await eventually("a released slot") { stage.coordinator.told(Self.slot) == nil }
            await #expect(throws: AMQPError.self) {
                try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "3")
            }
        }
    }

    @Test func `Commands go on after the broker's connection was cut, and after a fence`() async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        try await Self.run("control-away", amqpURL: through) { stage, sender in
            let first = try await stage.begin()
            try await sender.sendWhenBound(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "1")
            #expect(try await sender.outcome("1") == .ok)
            proxy.cut()
            proxy.reopen()
            // One that the broker hands to the connection that is gone is lost with it: ask anew until one is answered.
            var asked = 1
            try await eventually(within: .seconds(20), "an answer after the cut") {
                asked += 1
                try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "again-\(asked)")
                return (try? await sender.outcome("again-\(asked)", within: .seconds(1))) == .ok
            }
            #expect(!first.isClosed)

            stage.coordinator.change { $0.grantsEndWithIncarnation = true }
            try await stage.topology.fence(incarnation: 1)
            first.message(2)
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            stage.grant(epoch: 2, session: SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 1))
            let second = try await stage.discord.connection(1)
            second.hello()
            _ = try await second.body(op: 6)
            second.message(2)
            second.resumed(3)
            try await sender.sendWhenBound(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "3")
            #expect(try await sender.outcome("3") == .ok)
            #expect(second.texts(op: 31).count == 1)
        }
        await proxy.stop()
    }

    @Test func `A command waits for the session, and time or the slot's end end the wait`() async throws {
        try await Self.run("waits") { stage, sender in
            stage.coordinator.change { $0.refusesPermits = true }
            stage.grant()
            let connection = try await stage.discord.connection(0)
            connection.hello()
            try await stage.waitForStatus(.waitingForPermit)
            let command = ControlCommand.soundboardSounds(guilds: [Self.guild])
            try await eventually("a bound slot") {
                do {
                    try await sender.send(command, to: Self.slot, id: "1", timeout: .milliseconds(50))
                    return true
                } catch let error as AMQPError where error.code == .returned {
                    return false
                }
            }
            #expect(try await sender.problem("1") == "timeout")
            try await sender.send(command, to: Self.slot, id: "2")
            // A second one shows that the first has arrived: they come in order.
            try await sender.send("{", to: Self.slot, id: "3")
            #expect(try await sender.problem("3") == "bad_request")
            stage.coordinator.grant([])
            #expect(try await sender.problem("2") == "not_running")
        }
    }

    @Test func `What Discord closed for is answered as refused, and not sent again`() async throws {
        try await Self.run("refused") { stage, sender in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            try await sender.sendWhenBound(.requestMembers(.users([1], in: Self.guild)), to: Self.slot, id: "1")
            _ = try await first.body(op: 8)
            first.connection.close(code: 4002, reason: "Error while decoding payload.")
            #expect(try await sender.problem("1") == "refused")
            let second = try await stage.discord.connection(1)
            second.hello()
            _ = try await second.body(op: 6)
            second.resumed(2)
            try await sender.send(.soundboardSounds(guilds: [Self.guild]), to: Self.slot, id: "2")
            #expect(try await sender.outcome("2") == .ok)
            _ = try await second.body(op: 31)
            #expect(second.texts(op: 8).isEmpty)
        }
    }
}
