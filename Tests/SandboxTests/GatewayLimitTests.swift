import Discord
import Foundation
import Gateway
import NIOCore
import Runtime
import TestSupport
import Testing

@testable import Sandbox

@Suite("Gateway limits", .timeLimit(.minutes(1)))
struct GatewayLimitTests {
    private let bot = SandboxClient.botToken

    @Test func `Who goes over the session start limit loses all sessions and the token`() async throws {
        let directory = try TemporaryDirectory("limits")
        let file = directory.path("ledger.jsonl")
        try await withSandbox({
            $0.gateway.sessionStartLimit = 2
            $0.ledgerFile = file
        }) { api in
            let (first, _) = try await api.bot(shard: (0, 2))
            let (second, _) = try await api.bot(shard: (1, 2))
            let limit = try await api.call("GET", "/gateway/bot", as: self.bot).json["session_start_limit"]
            #expect(limit?["remaining"] == 0 && limit?["total"] == 2)
            let third = try await api.connect()
            third.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 2))
            for client in [third, first, second] { #expect(try await client.closeCode() == 4004) }
            #expect(try await api.call("GET", "/gateway/bot", as: self.bot).status == 401)
            let later = try await api.connect()
            later.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 2))
            #expect(try await later.closeCode() == 4004)
            // The owner sets a new token: all begins anew.
            let answer = try await api.control(
                "PATCH", "/applications/\(SandboxClient.botID)", ["token": "another.token"])
            #expect(answer.status == 200 && !answer.text.contains("another.token"))
            let again = try await api.connect()
            again.identify(token: "another.token", intents: 0, shard: (0, 2))
            _ = try await again.next(event: "READY")
        }
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let lines = try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.contains { $0["fault"] == "token_reset" && $0["reason"] == "session start limit" })
        #expect(lines.count { $0["reason"] == "token_reset" } == 2)
        #expect(lines.contains { $0["kind"] == "identify" && $0["outcome"] == "closed:4004" && $0["remaining"] == 0 })
        #expect(!text.contains("another.token"))
    }

    @Test func `Privileged intents that are off are refused with 4014, and those in use end with 4003`() async throws {
        try await withSandbox { api in
            let (members, ready) = try await api.bot(intents: Intents.guildMembers.rawValue)
            let (plain, _) = try await api.bot(intents: Intents.guildMessages.rawValue)
            let allowed = Intents.documented.subtracting(.guildMembers).rawValue
            let answer = try await api.control(
                "PATCH", "/applications/\(SandboxClient.botID)", ["allowed_intents": .integer(Int64(allowed))])
            #expect(answer.json["allowed_intents"]?.integer == Int64(allowed))
            #expect(try await members.closeCode() == 4003)
            let client = try await api.connect()
            client.identify(
                token: SandboxSettings.developmentBotToken, intents: Intents.guildMembers.rawValue, shard: (0, 1))
            #expect(try await client.closeCode() == 4014)
            #expect(try await api.resume(ready["session_id"] ?? .null, 1).next(op: 9)["d"] == false)
            #expect(try await plain.isQuiet())
            #expect(
                try await api.control("PATCH", "/applications/\(SandboxClient.botID)", ["allowed_intents": -1]).status
                    == 400)
            #expect(try await api.control("PATCH", "/applications/5", ["name": "x"]).json["code"] == 10002)
        }
    }

    @Test func `A large bot's shard count has to be a multiple`() async throws {
        try await withSandbox({ $0.gateway.shardCountMultiple = 4 }) { api in
            let wrong = try await api.connect()
            wrong.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 6))
            #expect(try await wrong.closeCode() == 4010)
            _ = try await api.bot(shard: (1, 8))
        }
    }

    @Test func `Several applications have budgets, keys and guilds of their own`() async throws {
        try await withSandbox({ $0.gateway.identifyInterval = .seconds(60) }) { api in
            let made = try await api.control("POST", "/applications", ["name": "Second"])
            #expect(made.status == 201)
            let token = try #require(made.json["token"]?.string)
            _ = try await api.bot()
            let client = try await api.connect()
            client.identify(token: token, intents: 1, shard: (0, 1))
            let ready = try await client.next(event: "READY")
            #expect(ready["application"]?["id"] == made.json["id"] && ready["guilds"] == [])
            let second = try await api.connect()
            second.identify(token: token, intents: 1, shard: (0, 1))
            #expect(try await second.next(op: 9)["d"] == false, "the key is in use")
            let owner = try await api.token("alice")
            _ = try await api.call("POST", "/guilds", as: owner, ["name": "New"])
            #expect(try await client.next(event: "GUILD_CREATE")["name"] == "New")
            #expect(
                try await api.control("POST", "/applications", ["id": made.json["id"] ?? .null]).status == 400)
        }
    }

    @Test func `Five presence updates in 20 seconds are told, more have no effect`() async throws {
        let time = ManualTime()
        try await withSandbox({ $0.clock = time.clock }) { api in
            let (client, _) = try await api.bot(intents: 0)
            let (watcher, _, _) = try await api.person("alice")
            func update(_ name: String) {
                client.send(
                    op: 3,
                    [
                        "since": .null, "status": "dnd", "afk": false,
                        "activities": [["name": .string(name), "type": 0, "secrets": ["join": "x"]]],
                    ])
            }
            for number in 1...6 { update("\(number)") }
            _ = try await client.isQuiet()
            time.advance(by: .seconds(20))
            update("7")
            var seen: [String] = []
            while seen.last != "7" {
                let presence = try await watcher.next(event: "PRESENCE_UPDATE")
                let activity = presence["activities"]?.array?.first
                #expect(presence["status"] == "dnd" && activity?["secrets"] == nil)
                #expect(activity?["created_at"] != nil && presence["client_status"]?["web"] == "dnd")
                seen.append(activity?["name"]?.string ?? "")
            }
            #expect(Set(seen) == ["1", "2", "3", "4", "5", "7"])
        }
    }

    @Test(arguments: [
        #"{"op":3,"d":{"status":"busy","activities":[],"since":null,"afk":false}}"#,
        #"{"op":3,"d":{"status":"online","activities":"none","since":null,"afk":false}}"#,
        #"{"op":3,"d":{"status":"online","activities":[{"name":5}],"since":null,"afk":false}}"#,
        #"{"op":3,"d":{"status":"online","activities":[{"name":"x","type":9}],"since":null,"afk":false}}"#,
        #"{"op":4,"d":{"guild_id":"5","channel_id":"abc"}}"#,
        #"{"op":4,"d":{"guild_id":"5","channel_id":null,"self_mute":"yes"}}"#,
        #"{"op":43,"d":{"guild_id":"5"}}"#, #"{"op":31,"d":{"guild_ids":"5"}}"#,
    ])
    func `Commands of the wrong form close with 4002`(payload: String) async throws {
        try await withSandbox { api in
            let (client, _) = try await api.bot(intents: 0)
            client.connection.send(ByteBuffer(string: payload))
            #expect(try await client.closeCode() == 4002)
        }
    }

    @Test func `A voice state needs a voice channel of the guild`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.bot(intents: Intents.guildVoiceStates.rawValue)
            let guild = SandboxSettings.demoGuildIDs[0]
            let text = try await api.channel()
            let voice =
                try await api.call(
                    "POST", "/guilds/\(guild)/channels", as: self.bot, ["name": "talk", "type": 2]
                ).json["id"] ?? .null
            for channel in [.string(text), "5", voice] {
                client.send(
                    op: 4, ["guild_id": .id(guild), "channel_id": channel, "self_mute": true, "self_deaf": false])
            }
            let state = try await client.next(event: "VOICE_STATE_UPDATE")
            #expect(state["channel_id"] == voice && state["self_mute"] == true, "the others changed nothing")
            client.send(op: 4, ["guild_id": .id(guild), "channel_id": .null, "self_mute": false, "self_deaf": false])
            #expect(try await client.next(event: "VOICE_STATE_UPDATE")["channel_id"] == .null)
        }
    }

    @Test func `All members need the intent, presences theirs`() async throws {
        try await withSandbox { api in
            let guild = JSONValue.id(SandboxSettings.demoGuildIDs[0])
            let (plain, _) = try await api.bot(intents: 0)
            plain.send(op: 8, ["guild_id": guild, "query": "", "limit": 0])
            #expect(try await plain.isQuiet())
            plain.send(op: 8, ["guild_id": guild, "query": "a", "limit": 1, "presences": true])
            let chunk = try await plain.next(event: "GUILD_MEMBERS_CHUNK")
            #expect(chunk["members"]?.array?.count == 1 && chunk["presences"] == nil)
            plain.send(op: 8, ["guild_id": "1", "query": "a", "limit": 1])
            #expect(try await plain.isQuiet(), "the bot is not in that guild")
            let (seeing, _) = try await api.bot(intents: Intents.guildPresences.rawValue)
            seeing.send(op: 8, ["guild_id": guild, "query": "a", "limit": 1, "presences": true])
            #expect(try await seeing.next(event: "GUILD_MEMBERS_CHUNK")["presences"]?.array != nil)
            plain.send(op: 8, ["guild_id": guild, "query": "a"])
            #expect(try await plain.closeCode() == 4001, "a query needs a limit")
        }
    }

    @Test func `Sounds and channel info are answered for own guilds`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.bot(intents: 0)
            let guild = JSONValue.id(SandboxSettings.demoGuildIDs[1])
            client.send(op: 31, ["guild_ids": ["5", guild]])
            #expect(try await client.next(event: "SOUNDBOARD_SOUNDS")["guild_id"] == guild)
            client.send(op: 43, ["guild_id": "5", "fields": ["status"]])
            client.send(op: 43, ["guild_id": guild, "fields": ["status", "voice_start_time"]])
            #expect(try await client.next(event: "CHANNEL_INFO")["guild_id"] == guild)
        }
    }

    @Test func `The replay buffer is bounded in bytes too`() async throws {
        try await withSandbox({ $0.gateway.replayBufferBytes = 2_000 }) { api in
            let (client, ready) = try await api.bot(intents: Intents.guildMessages.rawValue)
            let channel = try await api.channel()
            for _ in 0..<4 {
                let text = JSONValue.string(String(repeating: "x", count: 1_000))
                _ = try await api.call("POST", "/channels/\(channel)/messages", as: self.bot, ["content": text])
            }
            client.connection.drop()
            let id = ready["session_id"] ?? .null
            _ = try await api.resume(id, 4).next(event: "RESUMED")
            #expect(try await api.resume(id, 1).next(op: 9)["d"] == false)
        }
    }

    // MARK: Takeover

    @Test(arguments: SandboxGatewaySettings.Takeover.allCases)
    func `A session that is resumed elsewhere leaves its old connection as told`(
        takeover: SandboxGatewaySettings.Takeover
    ) async throws {
        try await withSandbox({
            $0.gateway.takeover = takeover
            $0.gateway.takeoverCode = 4009
            $0.gateway.trimsAtHeartbeat = true
        }) { api in
            let (old, ready) = try await api.bot(intents: 0)
            let id = ready["session_id"] ?? .null
            let new = try await api.resume(id, 1)
            _ = try await new.next(event: "RESUMED")
            switch takeover {
            case .drop: #expect(try await old.end() == .init())
            case .op9: #expect(try await old.next(op: 9)["d"] == false)
            case .close: #expect(try await old.closeCode() == 4009)
            case .silent:
                // Its heartbeats neither are answered nor trim what belongs to another by now.
                old.send(op: 1, .integer(2))
                try await eventually("the heartbeat is heard") {
                    try await api.control("GET", "/connections").json["connections"]?.array?.count == 2
                }
            }
            let sessions = try await api.control("GET", "/sessions").json["sessions"]?.array ?? []
            #expect(sessions.map { $0["id"] } == [id] && sessions.first?["connected"] == true)
            old.connection.drop()
            let channel = try await api.call(
                "POST", "/users/@me/channels", as: self.bot, ["recipient_id": try await self.userID("alice", api)])
            #expect(channel.status == 200)
            #expect(try await new.isQuiet(), "the old connection's end is not the session's")
            new.connection.drop()
            _ = try await api.resume(id, 1).next(event: "RESUMED")
        }
    }

    private func userID(_ login: String, _ api: SandboxClient) async throws -> JSONValue {
        try await api.call("GET", "/users/@me", as: try await api.token(login)).json["id"] ?? .null
    }

    @Test func `Sessions and connections are listed`() async throws {
        try await withSandbox { api in
            let (client, ready) = try await api.bot(shard: (1, 2), intents: Intents.guildMessages.rawValue)
            client.send(op: 1, 1)
            _ = try await client.next(op: 11)
            let bare = try await api.connect(compression: .zstdStream)
            _ = try await bare.next(op: 10)
            let session = try #require(try await api.control("GET", "/sessions").json["sessions"]?.array?.first)
            #expect(session["id"] == ready["session_id"] && session["connected"] == true)
            #expect(session["shard"] == [1, 2] && session["app"]?.string == SandboxClient.botID)
            #expect(session["last_s"] == 1 && session["acknowledged_s"] == 1 && session["buffered"] == 1)
            #expect((session["buffered_bytes"]?.integer ?? 0) > 100)
            let connections = try await api.control("GET", "/connections").json["connections"]?.array ?? []
            #expect(connections.count == 2 && connections[0]["session"] == session["id"])
            #expect(connections[0]["conn"] == session["conn"])
            #expect(connections[1]["session"] == .null && connections[1]["compression"] == "zstd-stream")
        }
    }

    // MARK: Guilds that come later

    @Test func `Guilds can come late, or be unavailable first`() async throws {
        for isUnavailable in [false, true] {
            let time = ManualTime()
            try await withSandbox({
                $0.gateway.lateGuildShare = isUnavailable ? 0 : 100
                $0.gateway.unavailableGuildShare = isUnavailable ? 100 : 0
                $0.gateway.guildDelay = .seconds(30)
                $0.clock = time.clock
            }) { api in
                let (client, ready) = try await api.bot()
                #expect(ready["guilds"]?.array?.count == 2)
                if isUnavailable {
                    for _ in 0..<2 {
                        #expect(try await client.next(event: "GUILD_DELETE")["unavailable"] == true)
                    }
                }
                let channel = try await api.channel()
                _ = try await api.call("POST", "/channels/\(channel)/messages", as: self.bot, ["content": "early"])
                #expect(try await client.isQuiet(), "nothing of a guild comes before it")
                time.advance(by: .seconds(30))
                let guilds = [
                    try await client.next(event: "GUILD_CREATE"), try await client.next(event: "GUILD_CREATE"),
                ]
                let seen = guilds.flatMap { $0["channels"]?.array ?? [] }.contains { $0["last_message_id"] != .null }
                #expect(seen, "what happened meanwhile is in it")
                _ = try await api.call("POST", "/channels/\(channel)/messages", as: self.bot, ["content": "late"])
                #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "late")
            }
        }
    }

    // MARK: Who sees what

    @Test func `Events of a channel reach its viewers only, its deletion too`() async throws {
        try await withSandbox { api in
            let guild = SandboxSettings.demoGuildIDs[0]
            let (alice, _, aliceToken) = try await api.person("alice")
            let (bob, _, _) = try await api.person("bob")
            let hidden =
                try await api.call(
                    "POST", "/guilds/\(guild)/channels", as: aliceToken,
                    [
                        "name": "hidden",
                        "permission_overwrites": [["id": .id(guild), "type": 0, "allow": "0", "deny": "1024"]],
                    ]
                ).json["id"]?.string ?? ""
            #expect(try await alice.next(event: "CHANNEL_CREATE")["id"]?.string == hidden)
            _ = try await api.call("POST", "/channels/\(hidden)/messages", as: aliceToken, ["content": "secret"])
            _ = try await alice.next(event: "MESSAGE_CREATE")
            _ = try await api.call("PATCH", "/channels/\(hidden)", as: aliceToken, ["topic": "x"])
            _ = try await alice.next(event: "CHANNEL_UPDATE")
            #expect(try await api.call("DELETE", "/channels/\(hidden)", as: aliceToken).status == 200)
            #expect(try await alice.next(event: "CHANNEL_DELETE")["id"]?.string == hidden)
            #expect(try await bob.isQuiet(), "bob never saw the channel")
        }
    }

    // MARK: Log out

    @Test func `Logging out ends the sessions of that token alone`() async throws {
        try await withSandbox { api in
            let (first, ready, token) = try await api.person("bob")
            let (second, _, _) = try await api.person("bob")
            #expect(try await api.call("POST", "/auth/logout", as: token).status == 204)
            #expect(try await first.closeCode() == 4004)
            #expect(try await api.call("GET", "/users/@me", as: token).status == 401)
            #expect(try await api.resume(ready["session_id"] ?? .null, 1, token: token).closeCode() == 4004)
            #expect(try await second.isQuiet())
        }
    }
}
