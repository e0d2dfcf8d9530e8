import Discord
import Runtime
import TestSupport
import Testing

@testable import Sandbox

@Suite("World control", .timeLimit(.minutes(1)))
struct WorldControlTests {
    private static let control = "Bearer control"

    private func withWorld(
        _ spec: String, traffic: Int = 0, _ body: (SandboxClient) async throws -> Void
    ) async throws {
        let spec = try WorldSpec(parsing: spec)
        try await withSandbox(
            { settings in
                settings.world = spec
                settings.traffic = traffic
                settings.controlToken = Secret("control")
            }, body)
    }

    private func control(
        _ api: SandboxClient, _ method: String, _ path: String, _ body: JSONValue? = nil
    ) async throws -> SandboxClient.Answer {
        try await api.call(method, path, as: Self.control, body, prefix: "/sandbox/v1")
    }

    @Test func `Model and traffic are for who has the control token`() async throws {
        let routes = [
            ("GET", "/model/guilds"), ("GET", "/model/guilds/1"), ("GET", "/model/guilds/1/members"),
            ("GET", "/traffic"), ("POST", "/traffic"),
        ]
        try await self.withWorld("guilds=1") { api in
            for (method, path) in routes {
                #expect(try await api.call(method, path, prefix: "/sandbox/v1").status == 401)
                let bot = try await api.call(method, path, as: SandboxClient.botToken, prefix: "/sandbox/v1")
                #expect(bot.status == 401)
            }
        }
        try await withSandbox({ $0.controlToken = nil }) { api in
            for (method, path) in routes {
                let answer = try await self.control(api, method, path)
                #expect(answer.status == 404)
            }
        }
    }

    @Test func `The model shows guilds in pages, and each in full`() async throws {
        try await self.withWorld("seed=4,guilds=30,members=60,applications=2") { api in
            let first = try await self.control(api, "GET", "/model/guilds?limit=20").json
            // The demo guilds are the bot's too.
            #expect(first["total"] == 32 && first["guilds"]?.array?.count == 20)
            let last = first["guilds"]?.array?.last?["id"]?.string ?? ""
            let second = try await self.control(api, "GET", "/model/guilds?after=\(last)").json
            #expect(second["guilds"]?.array?.count == 12)
            let other = SandboxSettings.application(1).id
            let others = try await self.control(api, "GET", "/model/guilds?application=\(other)").json
            #expect(others["total"] == 30)

            let id = last
            let guild = try await self.control(api, "GET", "/model/guilds/\(id)").json
            let create = try #require(guild["create"])
            #expect(guild["id"]?.string == id && guild["unavailable"] == false && create["member_count"] == 62)
            #expect(guild["members_changed"] == [] && guild["members_gone"] == [])
            let channels = try await api.call("GET", "/guilds/\(id)/channels", as: SandboxClient.botToken).json
            #expect(create["channels"] == channels)
            let page = try await self.control(api, "GET", "/model/guilds/\(id)/members?limit=40").json
            #expect(page["member_count"] == 62 && page["members"]?.array?.count == 40)
            let known = page["members"]?.array?.first?["user"]?["id"]?.string ?? ""
            let asked = try await self.control(api, "GET", "/model/guilds/\(id)/members?ids=\(known),5").json
            #expect(asked["members"]?.array == page["members"]?.array.map { [$0[0]] })

            #expect(try await self.control(api, "GET", "/model/guilds/5").status == 404)
            #expect(try await self.control(api, "GET", "/model/guilds?application=5").status == 404)
            #expect(try await self.control(api, "GET", "/model/guilds?limit=0").status == 400)
            #expect(try await self.control(api, "GET", "/model/guilds/\(id)/members?ids=x").status == 400)
        }
    }

    @Test func `A session with many guilds hears of all of them, then of what happens`() async throws {
        try await self.withWorld("seed=4,guilds=200,members=10-300", traffic: 2000) { api in
            let (client, ready) = try await api.bot()
            var waiting = Set(ready["guilds"]?.array?.compactMap { $0["id"]?.string } ?? [])
            #expect(waiting.count == 202)
            var sequence: Int64 = 1
            var others = 0
            while !waiting.isEmpty || others < 200 {
                let event = try await client.next(op: 0)
                sequence += 1
                try #require(event["s"]?.integer == sequence)
                let data = event["d"] ?? .null
                switch event["t"]?.string {
                case "GUILD_CREATE", "GUILD_DELETE": waiting.remove(data["id"]?.string ?? "")
                default:
                    others += 1
                    if let guild = data["guild_id"]?.string { try #require(!waiting.contains(guild)) }
                }
            }
            let stopped = try await self.control(api, "POST", "/traffic", ["stop": true]).json
            #expect(stopped["eventsPerSecond"] == 0)
            let status = try await self.control(api, "GET", "/traffic").json
            #expect(status["generated"] == stopped["generated"] && (status["generated"]?.integer ?? 0) > 0)
            let again = try await self.control(api, "POST", "/traffic", ["eventsPerSecond": 500])
            #expect(again.json["eventsPerSecond"] == 500)
            try await eventually("traffic goes on") {
                let now = try await self.control(api, "GET", "/traffic").json["generated"]?.integer ?? 0
                return now > status["generated"]?.integer ?? 0
            }
        }
    }

    @Test(arguments: [
        (#"{"eventsPerSecond":-1}"#, "eventsPerSecond"), (#"{"eventsPerSecond":1000001}"#, "eventsPerSecond"),
        (#"{"eventsPerSecond":"5"}"#, "eventsPerSecond"), ("{}", "eventsPerSecond"), (#"{"stop":false}"#, "stop"),
        (#"{"stop":true,"eventsPerSecond":5}"#, "eventsPerSecond"), (#"{"rate":5}"#, "rate"),
    ])
    func `A rate that is none is refused by name`(body: String, name: String) async throws {
        try await self.withWorld("guilds=1") { api in
            let answer = try await api.call(
                "POST", "/traffic", as: Self.control, bytes: body, prefix: "/sandbox/v1")
            #expect(answer.status == 400 && answer.text.contains(name), "\(answer.text)")
        }
    }

    @Test func `Without a generated world there is no traffic`() async throws {
        try await withSandbox({ $0.controlToken = Secret("control") }) { api in
            let answer = try await self.control(api, "POST", "/traffic", ["eventsPerSecond": 5])
            #expect(answer.status == 400 && answer.text.contains("FLOTILLA_SANDBOX_WORLD"))
            #expect(try await self.control(api, "GET", "/traffic").json["eventsPerSecond"] == 0)
            #expect(try await self.control(api, "GET", "/model/guilds").json["total"] == 2)
        }
    }

    @Test func `Each application has its own bot, and its own shards`() async throws {
        try await self.withWorld("guilds=4,applications=2") { api in
            let (id, token) = SandboxSettings.application(1)
            let client = try await api.connect()
            _ = try await client.next(op: 10)
            client.identify(token: token, intents: Intents.documented.rawValue, shard: (0, 1))
            let ready = try await client.next(event: "READY")
            #expect(ready["user"]?["id"]?.string == id.description && ready["guilds"]?.array?.count == 4)
            let first = try await client.next(event: "GUILD_CREATE")
            let roles = first["roles"]?.array?.compactMap { $0["tags"]?["bot_id"]?.string }
            #expect(roles?.contains(id.description) == true && roles?.count == 2)
        }
    }

    @Test func `Settings are read, and what does not fit is told`() throws {
        func read(_ environment: [String: String]) throws -> SandboxSettings {
            let reader = SettingsReader(SettingsSource(environment: environment))
            let settings = SandboxSettings(reader)
            try reader.finish()
            return settings
        }
        let settings = try read([
            "FLOTILLA_SANDBOX_WORLD": "seed=7,guilds=20", "FLOTILLA_SANDBOX_TRAFFIC": "50",
            "FLOTILLA_SANDBOX_REPLAY_EVENTS": "9", "FLOTILLA_SANDBOX_REPLAY_RATE": "3",
        ])
        #expect(settings.world?.seed == 7 && settings.world?.guilds == 20 && settings.traffic == 50)
        #expect(settings.replay?.events == 9 && settings.replay?.eventsPerSecond == 3)
        for (wrong, variable) in [
            (["FLOTILLA_SANDBOX_WORLD": "guilds=x"], "FLOTILLA_SANDBOX_WORLD"),
            (["FLOTILLA_SANDBOX_TRAFFIC": "5"], "FLOTILLA_SANDBOX_TRAFFIC"),
            (["FLOTILLA_SANDBOX_WORLD": "guilds=1", "FLOTILLA_SANDBOX_DATA": "x.sqlite"], "FLOTILLA_SANDBOX_WORLD"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try read(wrong) }
            #expect(error?.problems.map(\.variable) == [variable])
        }
    }
}
