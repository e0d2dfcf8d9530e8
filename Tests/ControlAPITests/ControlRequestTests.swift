import ClusterAPI
import Discord
import Foundation
import NIOCore
import Testing

@testable import ControlAPI

@Suite("Commands to slots, on the wire")
struct ControlRequestTests {
    static let guild: Snowflake = 81_384_788_765_712_384

    static let commands: [ControlCommand] = [
        .presence(
            PresenceUpdate(
                status: .dnd,
                activities: [.init(name: "chess", type: 0), .init(name: "live", type: 1, url: "https://a.test/b")],
                since: 17, afk: true)),
        .presence(PresenceUpdate(status: .online)),
        .voiceState(VoiceStateUpdate(guildID: guild, channelID: 7, selfMute: true)),
        .voiceState(VoiceStateUpdate(guildID: guild, channelID: nil)),
        .requestMembers(.all(of: guild, presences: true)),
        .requestMembers(.named("al", in: guild, limit: 20)),
        .requestMembers(.users([1, 2, 3], in: guild)),
        .soundboardSounds(guilds: [guild, 9]),
        .channelInfo(guild: guild, fields: [.status, .voiceStartTime]),
    ]

    /// One whose JSON has this many bytes, in a name of few characters.
    static func presence(bytes: Int) -> PresenceUpdate {
        func named(_ name: String) -> PresenceUpdate {
            PresenceUpdate(status: .online, activities: [.init(name: name, type: 0)])
        }
        let missing = bytes - ((try? JSONEncoder().encode(named("")).count) ?? 0)
        let accents = String(repeating: "\u{301}", count: (missing - 1) / 2)
        return named((missing.isMultiple(of: 2) ? "aa" : "a") + accents)
    }

    @Test(arguments: commands) func `A command is read as it was written`(command: ControlCommand) throws {
        let request = ControlRequest(command, timeout: .milliseconds(2_500))
        let read = try ControlRequest(decoding: request.encoded())
        #expect(read == request)
    }

    @Test(
        arguments: [
            (#"{"#, ControlProblem.Code.badRequest, "can't be read"),
            (#"[]"#, .badRequest, "expected"),
            (#"{"command":"presence","timeout":5,"d":{}}"#, .badRequest, "v is missing"),
            (#"{"v":2,"command":"presence","timeout":5,"d":{}}"#, .unsupportedVersion, "expected 1, was given 2"),
            (#"{"v":1,"command":"explode","timeout":5,"d":{}}"#, .unknownCommand, "voice_state"),
            (#"{"v":1,"command":"presence","timeout":0,"d":{"status":"online"}}"#, .badRequest, "timeout"),
            (#"{"v":1,"command":"presence","timeout":300001,"d":{"status":"online"}}"#, .badRequest, "timeout"),
            (#"{"v":1,"command":"presence","timeout":-9223372036854775808,"d":{}}"#, .badRequest, "timeout"),
            (#"{"v":1,"command":"presence","timeout":5,"d":{}}"#, .badRequest, "d.status is missing"),
            (#"{"v":1,"command":"presence","timeout":5,"d":{"status":"away"}}"#, .badRequest, "d.status"),
            (
                #"{"v":1,"command":"presence","timeout":5,"d":{"status":"idle","activities":[{"name":"a"}]}}"#,
                .badRequest,
                "d.activities.0.type is missing"
            ),
            (
                #"{"v":1,"command":"voice_state","timeout":5,"d":{"guild_id":"1"}}"#, .badRequest,
                "d.channel_id is missing"
            ),
            (
                #"{"v":1,"command":"voice_state","timeout":5,"d":{"guild_id":"x","channel_id":null}}"#, .badRequest,
                "guild_id"
            ),
            (#"{"v":1,"command":"request_members","timeout":5,"d":{"guild_id":["1"]}}"#, .badRequest, "guild_id"),
            (
                #"{"v":1,"command":"channel_info","timeout":5,"d":{"guild_id":"1","fields":["x"]}}"#, .badRequest,
                "fields"
            ),
        ] as [(String, ControlProblem.Code, String)])
    func `What is wrong is named`(text: String, code: ControlProblem.Code, part: String) throws {
        let problem = try #require(throws: ControlProblem.self) {
            try ControlRequest(decoding: ByteBuffer(string: text))
        }
        #expect(problem.code == code)
        #expect(problem.message.contains(part), "\(problem.message)")
    }

    @Test func `A body that is too large is not even read`() throws {
        let problem = try #require(throws: ControlProblem.self) {
            try ControlRequest(decoding: ByteBuffer(repeating: 0x20, count: ControlRequest.mostBytes + 1))
        }
        #expect(problem.code == .badRequest)
    }

    @Test(
        arguments: [
            (.presence(PresenceUpdate(status: .online, since: -1)), "since"),
            (.presence(PresenceUpdate(status: .online, activities: [.init(name: "", type: 0)])), "activities.0.name"),
            (
                .presence(
                    PresenceUpdate(
                        status: .online, activities: [.init(name: "a", type: 0), .init(name: "b", type: 6)])),
                "activities.1.type"
            ),
            (
                .presence(
                    PresenceUpdate(
                        status: .online,
                        activities: [.init(name: "a", type: 4, state: String(repeating: "x", count: 129))])),
                "activities.0.state"
            ),
            (
                .presence(
                    PresenceUpdate(status: .online, activities: [.init(name: "a", type: 1, url: "javascript:1")])),
                "activities.0.url"
            ),
            (
                .presence(
                    PresenceUpdate(
                        status: .online,
                        activities: [PresenceUpdate.Activity](repeating: .init(name: "a", type: 0), count: 11))),
                "activities: expected at most 10"
            ),
            (.presence(presence(bytes: PresenceUpdate.mostBytes + 1)), "3073 bytes"),
            (
                .presence(
                    PresenceUpdate(
                        status: .online,
                        activities: [PresenceUpdate.Activity](
                            repeating: .init(name: String(repeating: "語", count: 128), type: 0, state: "\u{1}"),
                            count: 10))),
                "bytes as JSON"
            ),
            (.requestMembers(.users([], in: guild)), "user_ids"),
            (.requestMembers(.users([Snowflake](repeating: 1, count: 10_001), in: guild)), "user_ids"),
            (.requestMembers(.named("a", in: guild, limit: 0)), "limit"),
            (.requestMembers(.named("a", in: guild, limit: 101)), "limit"),
            (.requestMembers(.named(String(repeating: "a", count: 101), in: guild, limit: 1)), "query"),
            (.requestMembers(.all(of: guild)), "GUILD_MEMBERS"),
            (.requestMembers(.users([1], in: guild, presences: true)), "GUILD_PRESENCES"),
            (.requestMembers(.users([1], in: Snowflake(rawValue: guild.rawValue + (1 << 22)))), "is on shard"),
            (.soundboardSounds(guilds: []), "guild_ids"),
            (.soundboardSounds(guilds: [Snowflake](repeating: guild, count: 101)), "guild_ids"),
            (.channelInfo(guild: guild, fields: []), "fields"),
        ] as [(ControlCommand, String)])
    func `A shard refuses what Discord would not take`(command: ControlCommand, part: String) throws {
        let count = 16
        let shard = try #require(ShardID(id: ShardID.shard(for: Self.guild, count: count), count: count))
        let problem = try #require(throws: ControlProblem.self) {
            try command.validate(shard: shard, intents: [.guilds])
        }
        #expect(problem.code == .badRequest && problem.message.contains(part), "\(problem)")
    }

    @Test func `A presence may be as large as its bound`() throws {
        let presence = Self.presence(bytes: PresenceUpdate.mostBytes)
        #expect(try JSONEncoder().encode(presence).count == PresenceUpdate.mostBytes)
        try presence.validate()
        try PresenceUpdate(
            status: .online,
            activities: [PresenceUpdate.Activity](repeating: .init(name: "a", type: 0), count: 10)
        ).validate()
    }

    @Test func `With the intents they need all of these pass`() throws {
        for command in Self.commands {
            try command.validate(
                shard: try #require(ShardID(id: 0, count: 1)), intents: [.guilds, .guildMembers, .guildPresences])
        }
    }

    @Test func `Neither and both of query and user_ids are refused`() throws {
        for body in [#"{"guild_id":"1"}"#, #"{"guild_id":"1","query":"a","limit":1,"user_ids":["2"]}"#] {
            let text = #"{"v":1,"command":"request_members","timeout":5,"d":\#(body)}"#
            let request = try ControlRequest(decoding: ByteBuffer(string: text))
            #expect(throws: ControlProblem.self) {
                try request.command.validate(
                    shard: try #require(ShardID(id: 0, count: 1)), intents: .documented)
            }
        }
    }

    @Test func `User ids go in parts of 100, each once`() {
        let ids = (1...250).map { Snowflake(rawValue: UInt64($0)) }
        let parts = MembersRequest.users(ids + ids, in: Self.guild).parts
        #expect(parts.map(\.count) == [100, 100, 50])
        #expect(parts.flatMap { $0 } == ids)
        #expect(MembersRequest.all(of: Self.guild).parts == [[]])
    }

    @Test func `A slot's routing key names it, and nothing else does`() {
        let slot = Slot(application: 10, generation: 2, shard: 31)
        #expect(ControlNames.slot(routingKey: ControlNames.routingKey(of: slot)) == slot)
        for key in ["", "10.2", "10.2.31.", "10.2.-1", "10.-2.31", "x.2.31", "10..31", "10.2.99999999999999999999"] {
            #expect(ControlNames.slot(routingKey: key) == nil, "\(key)")
        }
    }
}
