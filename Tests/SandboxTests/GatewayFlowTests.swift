import Discord
import Gateway
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Sandbox

@Suite("Gateway flows", .timeLimit(.minutes(1)))
struct GatewayFlowTests {
    private let all = Intents.documented.rawValue
    private let bot = SandboxClient.botToken

    @Test(arguments: GatewayCompression.allCases)
    func `A bot identifies, hears of its guilds and of a message`(compression: GatewayCompression) async throws {
        try await withSandbox { api in
            let (client, ready) = try await api.bot(compression: compression)
            #expect(ready["v"] == 10 && ready["shard"] == [0, 1] && ready["session_id"]?.string?.isEmpty == false)
            #expect(ready["resume_gateway_url"]?.string == api.sandbox.gatewayURL)
            #expect(ready["application"]?["id"]?.string == SandboxClient.botID)
            #expect(ready["guilds"]?.array?.allSatisfy { $0["unavailable"] == true } == true)
            let guilds = [try await client.next(event: "GUILD_CREATE"), try await client.next(event: "GUILD_CREATE")]
            #expect(Set(guilds.compactMap { $0["name"]?.string }) == ["Harbor", "Lighthouse"])
            #expect(guilds[0]["channels"]?.array?.count == 2 && guilds[0]["member_count"] == 3)
            let channel = try await api.channel()
            let alice = try await api.token("alice")
            _ = try await api.call("POST", "/channels/\(channel)/messages", as: alice, ["content": "!ping"])
            let message = try await client.next(event: "MESSAGE_CREATE")
            #expect(
                message["content"] == "!ping" && message["author"]?["username"] == "alice" && message["guild_id"] != nil
            )
            #expect(client.lastSequence == 4)
            client.send(op: 1, .integer(client.lastSequence))
            _ = try await client.next(op: 11)
        }
    }

    @Test func `Each shard hears its own guilds, each session by its own shard count`() async throws {
        try await withSandbox { api in
            for (id, guild) in SandboxSettings.demoGuildIDs.enumerated() {
                let shard = ShardID.shard(for: guild, count: 2)
                let (client, ready) = try await api.bot(shard: (shard, 2))
                #expect(ready["guilds"]?.array?.compactMap { $0["id"]?.snowflake } == [guild])
                let (whole, _) = try await api.bot(shard: (0, 1))
                let channel = try await api.channel(guild: id)
                let other = try await api.channel(guild: 1 - id)
                _ = try await api.call("POST", "/channels/\(other)/messages", as: self.bot, ["content": "other"])
                _ = try await api.call("POST", "/channels/\(channel)/messages", as: self.bot, ["content": "own"])
                #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "own")
                #expect(try await whole.next(event: "MESSAGE_CREATE")["content"] == "other")
            }
        }
    }

    @Test func `Intents decide what is heard, and whether content is seen`() async throws {
        try await withSandbox { api in
            let blind = Intents([.guildMessages]).rawValue
            let (client, _) = try await api.bot(intents: blind)
            let channel = try await api.channel()
            let alice = try await api.token("alice")
            _ = try await api.call("POST", "/channels/\(channel)/typing", as: alice)
            _ = try await api.call("POST", "/channels/\(channel)/messages", as: alice, ["content": "hidden"])
            _ = try await api.call(
                "POST", "/channels/\(channel)/messages", as: alice,
                ["content": .string("<@\(SandboxClient.botID)> seen")])
            let first = try await client.next(op: 0)
            #expect(
                first["t"] == "MESSAGE_CREATE" && first["d"]?["content"] == "",
                "no GUILD_CREATE, no TYPING_START before")
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"]?.string?.hasSuffix("seen") == true)
        }
    }

    @Test(arguments: [
        (#"{"op":2,"d":{"token":"wrong","properties":{},"intents":0}}"#, 4004), ("not json", 4002),
        (#"{"op":20,"d":{}}"#, 4001),
        (#"{"op":8,"d":{"guild_id":"1","query":"","limit":0}}"#, 4003),
        (#"{"op":2,"d":{"token":"TOKEN","properties":{},"intents":0,"shard":[2,2]}}"#, 4010),
        (#"{"op":2,"d":{"token":"TOKEN","properties":{},"intents":131072}}"#, 4013),
        (#"{"op":2,"d":{"token":"TOKEN","properties":{}}}"#, 4013),
        (#"{"op":2,"d":{"token":"TOKEN","properties":{},"intents":-1}}"#, 4013),
        (#"{"op":6,"d":{"token":"wrong","session_id":"x","seq":1}}"#, 4004),
    ])
    func `What a client may not do closes with its code`(payload: String, code: UInt16) async throws {
        try await withSandbox { api in
            let client = try await api.connect()
            client.connection.send(
                ByteBuffer(string: payload.replacing("TOKEN", with: SandboxSettings.developmentBotToken)))
            #expect(try await client.closeCode() == code)
        }
    }

    @Test func `Versions that are not spoken close with 4012, a payload too long with 4002, too many guilds with 4011`()
        async throws
    {
        try await withSandbox({ $0.gateway.maxGuildsPerSession = 1 }) { api in
            #expect(try await api.connect(version: 5).closeCode() == 4012)
            let client = try await api.connect()
            client.connection.send(
                ByteBuffer(string: #"{"op":1,"d":null,"x":""# + String(repeating: "x", count: 5000) + #""}"#))
            #expect(try await client.closeCode() == 4002)
            let crowded = try await api.connect()
            crowded.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 1))
            #expect(try await crowded.closeCode() == 4011)
            let (ready, _) = try await api.bot(shard: (0, 2))
            ready.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 2))
            #expect(try await ready.closeCode() == 4005)
        }
    }

    @Test func `The 121st payload of a minute closes with 4008`() async throws {
        try await withSandbox { api in
            let client = try await api.connect()
            for _ in 0..<121 { client.send(op: 1, .null) }
            #expect(try await client.closeCode() == 4008)
        }
    }

    @Test func `A client that does not beat is closed`() async throws {
        try await withSandbox({ $0.gateway.heartbeatInterval = .milliseconds(150) }) { api in
            let client = try await api.connect()
            #expect(try await client.next(op: 10)["d"]?["heartbeat_interval"] == 150)
            #expect(try await client.closeCode() == 4000)
        }
    }

    @Test func `A second Identify of one key too soon gets op 9, and may try again on the same connection`()
        async throws
    {
        let time = ManualTime()
        try await withSandbox({
            $0.gateway.identifyInterval = .seconds(5)
            $0.gateway.maxConcurrency = 2
            $0.clock = time.clock
        }) { api in
            let (_, _) = try await api.bot(shard: (0, 4))
            let (_, _) = try await api.bot(shard: (1, 4))
            let client = try await api.connect()
            client.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (2, 4))
            #expect(try await client.next(op: 9)["d"] == false)
            time.advance(by: .seconds(5))
            client.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (2, 4))
            #expect(try await client.next(event: "READY")["shard"] == [2, 4])
            let limit = try await api.call("GET", "/gateway/bot", as: self.bot).json["session_start_limit"]
            #expect(limit?["remaining"] == 996)
        }
    }

    @Test func `A dropped session is resumed with what it missed`() async throws {
        try await withSandbox { api in
            let (client, ready) = try await api.bot()
            let session = try #require(ready["session_id"])
            _ = try await client.next(event: "GUILD_CREATE")
            _ = try await client.next(event: "GUILD_CREATE")
            let seen = client.lastSequence
            client.connection.drop()
            let channel = try await api.channel()
            for number in 0..<3 {
                _ = try await api.call(
                    "POST", "/channels/\(channel)/messages", as: self.bot, ["content": .string("\(number)")])
            }
            for _ in 0..<2 {
                let again = try await api.connect(compression: .zlibStream)
                again.send(
                    op: 6,
                    [
                        "token": .string(SandboxSettings.developmentBotToken), "session_id": session,
                        "seq": .integer(seen),
                    ])
                for number in 0..<3 {
                    let message = try await again.next(op: 0)
                    #expect(
                        message["d"]?["content"]?.string == "\(number)"
                            && message["s"]?.integer == seen + Int64(number) + 1)
                }
                #expect(try await again.next(op: 0)["t"] == "RESUMED")
                again.connection.close(code: 4000)
            }
        }
    }

    @Test func `A session that was closed with 1000, forgotten or never there is not resumed`() async throws {
        let time = ManualTime()
        try await withSandbox({
            $0.gateway.sessionTTL = .seconds(90)
            $0.clock = time.clock
        }) { api in
            func resume(_ session: JSONValue, _ sequence: Int64) async throws -> GatewayTestClient {
                let client = try await api.connect()
                client.send(
                    op: 6,
                    [
                        "token": .string(SandboxSettings.developmentBotToken), "session_id": session,
                        "seq": .integer(sequence),
                    ])
                return client
            }
            let (closed, ready) = try await api.bot()
            closed.connection.close(code: 1000)
            _ = try await closed.closeCode()
            let session = try #require(ready["session_id"])
            try await eventually("the session is gone") { try await resume(session, 1).next(op: 9)["d"] == false }
            #expect(try await resume("nothing", 1).next(op: 9)["d"] == false)
            let (dropped, other) = try await api.bot()
            dropped.connection.drop()
            let lost = try #require(other["session_id"])
            try await eventually("the sandbox sees the drop") {
                api.sandbox.hub.withState { state in lost.string.flatMap { state.sessions[$0]?.detachedAt } != nil }
            }
            time.advance(by: .seconds(91))
            #expect(try await resume(lost, 1).next(op: 9)["d"] == false)
            let (_, live) = try await api.bot()
            #expect(try await resume(try #require(live["session_id"]), 5_000).closeCode() == 4007)
        }
    }

    @Test func `In strict mode a heartbeat trims what can be replayed`() async throws {
        try await withSandbox({ $0.gateway.trimsAtHeartbeat = true }) { api in
            let (client, ready) = try await api.bot()
            _ = try await client.next(event: "GUILD_CREATE")
            client.send(op: 1, 2)
            _ = try await client.next(op: 11)
            client.connection.drop()
            let again = try await api.connect()
            again.send(
                op: 6,
                [
                    "token": .string(SandboxSettings.developmentBotToken), "session_id": ready["session_id"] ?? .null,
                    "seq": 1,
                ])
            #expect(try await again.next(op: 9)["d"] == false)
        }
    }

    @Test func `Members come in chunks with the nonce, all of them once in 30 seconds`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.bot()
            let guild = JSONValue.id(SandboxSettings.demoGuildIDs[0])
            client.send(op: 8, ["guild_id": guild, "query": "", "limit": 0, "nonce": "n"])
            let chunk = try await client.next(event: "GUILD_MEMBERS_CHUNK")
            #expect(chunk["members"]?.array?.count == 3 && chunk["nonce"] == "n" && chunk["chunk_count"] == 1)
            client.send(op: 8, ["guild_id": guild, "query": "", "limit": 0])
            #expect(try await client.next(event: "RATE_LIMITED")["opcode"] == 8)
            client.send(op: 8, ["guild_id": guild, "user_ids": [.string(SandboxClient.botID), "1"]])
            let some = try await client.next(event: "GUILD_MEMBERS_CHUNK")
            #expect(some["members"]?.array?.count == 1 && some["not_found"] == ["1"])
            client.send(op: 8, ["guild_id": guild, "query": "ALI", "limit": 5])
            #expect(try await client.next(event: "GUILD_MEMBERS_CHUNK")["members"]?.array?.count == 1)
        }
    }

    @Test func `A person sees servers in READY, uses a command and gets the bot's answer`() async throws {
        try await withSandbox { api in
            let (client, ready, token) = try await api.person("alice")
            #expect(ready["guilds"]?.array?.first?["channels"]?.array?.count == 2)
            #expect(ready["guilds"]?.array?.first?["members"]?.array?.count == 3)
            let (bot, _) = try await api.bot()
            let channel = try await api.channel()
            let commands = "/applications/\(SandboxClient.botID)/commands"
            _ = try await api.call("PUT", commands, as: self.bot, [["name": "ping", "description": "d"]])
            let use: JSONValue = [
                "type": 2, "application_id": .string(SandboxClient.botID), "channel_id": .string(channel),
                "guild_id": .id(SandboxSettings.demoGuildIDs[0]), "nonce": "77", "data": ["name": "ping"],
            ]
            #expect(try await api.call("POST", "/interactions", as: token, use).status == 204)
            let interaction = try await bot.next(event: "INTERACTION_CREATE")
            let (id, secret) = (try #require(interaction["id"]?.string), try #require(interaction["token"]?.string))
            let callback = "/interactions/\(id)/\(secret)/callback"
            let answer = try await api.call(
                "POST", callback + "?with_response=true", ["type": 4, "data": ["content": "Pong"]])
            #expect(answer.status == 200 && answer.json["resource"]?["message"]?["content"] == "Pong")
            #expect(answer.headers["x-ratelimit-bucket"] == nil)
            #expect(try await client.next(event: "MESSAGE_CREATE")["interaction_metadata"]?["name"] == "ping")
            #expect(try await client.next(event: "INTERACTION_SUCCESS")["nonce"] == "77")
            #expect(try await api.call("POST", callback, ["type": 4, "data": ["content": "x"]]).json["code"] == 40060)
            let original = "/webhooks/\(SandboxClient.botID)/\(secret)/messages/@original"
            #expect(try await api.call("PATCH", original, ["content": "Pong 2"]).status == 200)
            #expect(try await client.next(event: "MESSAGE_UPDATE")["content"] == "Pong 2")
            #expect(
                try await api.call("POST", "/webhooks/\(SandboxClient.botID)/\(secret)", ["content": "more"]).status
                    == 200)
            #expect(
                try await api.call("POST", "/interactions", as: token, ["type": 2, "application_id": "1"]).json["code"]
                    == 10002)
        }
    }

    @Test func `Logging out closes the person's connections with 4004`() async throws {
        try await withSandbox { api in
            let (client, _, token) = try await api.person("bob")
            #expect(try await api.call("POST", "/auth/logout", as: token).status == 204)
            #expect(try await client.closeCode() == 4004)
        }
    }

    @Test func `Both listeners speak TLS beside plain`() async throws {
        let certificates = try await TestCertificates()
        try await withSandbox({
            $0.certificateFile = certificates.certificate
            $0.privateKeyFile = certificates.key
        }) { api in
            let port = try #require(api.sandbox.gatewayTLSPort)
            let incoming = GatewayTestClient.Incoming()
            let connection = try await GatewayClient.connect(
                to: GatewayURL("wss://localhost:\(port)"), tls: GatewayClientTLS(caFile: certificates.authority),
                group: MultiThreadedEventLoopGroup.singleton, deadline: .now + .seconds(20), delegate: { _ in incoming }
            )
            let client = GatewayTestClient(connection: connection, incoming: incoming)
            _ = try await client.next(op: 10)
            #expect(api.sandbox.httpsPort != nil && api.sandbox.httpsPort != api.sandbox.httpPort)
            client.identify(token: SandboxSettings.developmentBotToken, intents: 1, shard: (0, 1))
            let ready = try await client.next(event: "READY")
            #expect(
                ready["resume_gateway_url"]?.string == "wss://127.0.0.1:\(port)", "who came over TLS resumes over TLS")
        }
    }
}
