import AsyncHTTPClient
import Discord
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import Sandbox

@Suite("REST contract", .timeLimit(.minutes(1)))
struct RESTContractTests {
    private let bot = SandboxClient.botToken

    @Test func `A bot finds itself, its application and the gateway`() async throws {
        try await withSandbox { api in
            let me = try await api.call("GET", "/users/@me", as: self.bot)
            #expect(me.status == 200 && me.json["bot"] == true && me.json["id"]?.string == SandboxClient.botID)
            #expect(me.headers["content-type"] == "application/json", "exactly this: discord.py crashes on a charset")
            let gateway = try await api.call("GET", "/gateway/bot", as: self.bot)
            #expect(gateway.json["url"]?.string == api.sandbox.gatewayURL && gateway.json["shards"] == 1)
            #expect(gateway.json["session_start_limit"]?["max_concurrency"] == 1)
            #expect(try await api.call("GET", "/gateway").json["url"]?.string == api.sandbox.gatewayURL)
            for path in ["/applications/@me", "/oauth2/applications/@me"] {
                #expect(
                    try await api.call("GET", path, as: self.bot, prefix: "/api/v9").json["id"]?.string
                        == SandboxClient.botID)
            }
            #expect(try await api.call("GET", "/users/@me/guilds", as: self.bot).json.array?.count == 2)
            #expect(try await api.call("GET", "/soundboard-default-sounds", as: self.bot).json == [])
        }
    }

    @Test func `Wrong tokens, paths and methods get Discord's answers`() async throws {
        try await withSandbox { api in
            for token in [nil, "Bot wrong", "wrong", SandboxSettings.developmentBotToken, "Bot "] as [String?] {
                let answer = try await api.call("GET", "/users/@me", as: token)
                #expect(answer.status == 401 && answer.json == ["message": "401: Unauthorized", "code": 0])
            }
            #expect(try await api.call("GET", "/nothing", as: self.bot).json["code"] == 0)
            #expect(try await api.call("PUT", "/users/@me", as: self.bot).status == 405)
            #expect(try await api.call("GET", "/users/@me", as: self.bot, prefix: "/api/v3").status == 404)
            #expect(try await api.call("GET", "/channels/abc", as: self.bot).json["code"] == 50035)
            #expect(try await api.call("GET", "/channels/1", as: self.bot).json["code"] == 10003)
            #expect(try await api.call("GET", "/guilds/1", as: self.bot).json["code"] == 10004)
            #expect(try await api.call("POST", "/guilds", as: self.bot, ["name": "x y"]).json["code"] == 20001)
        }
    }

    @Test func `A person registers, logs in, makes a server and leaves`() async throws {
        try await withSandbox { api in
            let registered = try await api.call(
                "POST", "/auth/register", ["login": "Carol", "password": "correct horse"])
            let token = try #require(registered.json["token"]?.string)
            #expect(registered.status == 201)
            #expect(try await api.call("GET", "/users/@me/guilds", as: token).json.array?.count == 2)
            let again = try await api.call("POST", "/auth/register", ["login": "carol", "password": "correct horse"])
            #expect(again.status == 400 && again.json["errors"]?["login"]?["_errors"] != nil)
            #expect(
                try await api.call("POST", "/auth/register", ["login": "dan", "password": "short"]).json["errors"]?[
                    "password"] != nil)
            #expect(
                try await api.call("POST", "/auth/login", ["login": "carol", "password": "wrong one"]).status == 400)
            #expect(
                try await api.call("POST", "/auth/login", ["login": "CAROL", "password": "correct horse"]).status == 200
            )
            let guild = try await api.call("POST", "/guilds", as: token, ["name": "Pier"])
            let id = try #require(guild.json["id"]?.string)
            #expect(guild.status == 201)
            let channel = try await api.call("POST", "/guilds/\(id)/channels", as: token, ["name": "Off Topic"])
            #expect(channel.status == 201 && channel.json["name"] == "off-topic")
            let alice = try await api.token("alice")
            #expect(try await api.call("GET", "/guilds/\(id)", as: alice).json["code"] == 50001)
            #expect(try await api.call("PUT", "/guilds/\(id)/members/@me", as: alice, [:]).status == 201)
            #expect(try await api.call("GET", "/guilds/\(id)/members?limit=10", as: alice).json.array?.count == 3)
            #expect(
                try await api.call("POST", "/guilds/\(id)/channels", as: alice, ["name": "x"]).json["code"] == 50013)
            #expect(try await api.call("POST", "/auth/logout", as: token).status == 204)
            #expect(try await api.call("GET", "/users/@me", as: token).status == 401)
        }
    }

    @Test func `Messages are posted, listed, edited, reacted to and deleted`() async throws {
        try await withSandbox { api in
            let channel = try await api.channel()
            let path = "/channels/\(channel)/messages"
            let posted = try await api.call("POST", path, as: self.bot, ["content": "héllo", "nonce": "5"])
            let id = try #require(posted.json["id"]?.string)
            #expect(posted.status == 200 && posted.json["nonce"] == "5")
            for key in [
                "id", "channel_id", "type", "author", "content", "timestamp", "edited_timestamp", "tts", "pinned",
                "mention_everyone", "mentions", "mention_roles", "attachments", "embeds", "components", "flags",
            ] {
                #expect(posted.json[key] != nil, "\(key) is always there")
            }
            let reply = try await api.call(
                "POST", path, as: self.bot, ["content": "re", "message_reference": ["message_id": .string(id)]])
            #expect(reply.json["type"] == 19 && reply.json["referenced_message"]?["id"]?.string == id)
            #expect(
                try await api.call("GET", path + "?limit=1", as: self.bot).json.array?.first?["id"] == reply.json["id"])
            #expect(try await api.call("GET", path + "?limit=0", as: self.bot).json["code"] == 50035)
            #expect(
                try await api.call("PATCH", "\(path)/\(id)", as: self.bot, ["content": "b"]).json["edited_timestamp"]?
                    .string != nil)
            let emoji = "\(path)/\(id)/reactions/%F0%9F%91%8D"
            #expect(try await api.call("PUT", emoji + "/@me", as: self.bot).status == 204)
            let reacted = try await api.call("GET", "\(path)/\(id)", as: self.bot)
            #expect(reacted.json["reactions"]?.array?.first?["me"] == true)
            #expect(try await api.call("GET", emoji, as: self.bot).json.array?.count == 1)
            #expect(try await api.call("DELETE", emoji + "/@me", as: self.bot).status == 204)
            #expect(try await api.call("PUT", "\(path)/\(id)/reactions/plain/@me", as: self.bot).json["code"] == 10014)
            #expect(try await api.call("POST", "/channels/\(channel)/typing", as: self.bot).status == 204)
            #expect(try await api.call("DELETE", "\(path)/\(id)", as: self.bot).status == 204)
            #expect(try await api.call("GET", "\(path)/\(id)", as: self.bot).json["code"] == 10008)
        }
    }

    @Test(arguments: [
        (#"{"content":""}"#, 50006), (#"{}"#, 50006), ("", 50006), ("[]", 50035), (#"{"content":{}}"#, 50035),
        ("{", 50109),
        (#"{"content":"x","embeds":5}"#, 50035), (#"{"content":"x","nonce":"12345678901234567890123456"}"#, 50035),
        (#"{"content":"x","message_reference":{"message_id":"1"}}"#, 50035), (#"{"content":"\uD800"#, 50109),
    ])
    func `A message that is none is refused with its code`(body: String, code: Int64) async throws {
        try await withSandbox { api in
            let channel = try await api.channel()
            let answer = try await api.call("POST", "/channels/\(channel)/messages", as: self.bot, bytes: body)
            #expect(answer.status == 400 && answer.json["code"]?.integer == code, "\(answer.text)")
        }
    }

    @Test func `Bad input of any kind gets an answer, and the sandbox goes on`() async throws {
        try await withSandbox { api in
            let channel = try await api.channel()
            let path = "/channels/\(channel)/messages"
            let long = try await api.call(
                "POST", path, as: self.bot, ["content": .string(String(repeating: "x", count: 2001))])
            #expect(long.json["errors"]?["content"]?["_errors"]?.array?.first?["code"] == "BASE_TYPE_MAX_LENGTH")
            let deep = String(repeating: "[", count: 500_000)
            #expect(try await api.call("POST", path, as: self.bot, bytes: deep).json["code"] == 50109)
            #expect(
                try await api.call("POST", path, as: self.bot, bytes: "{}", contentType: "text/plain").json["code"]
                    == 50035)
            let multipart =
                "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"m\"}\r\n--b--\r\n"
            let uploaded = try await api.call(
                "POST", path, as: self.bot, bytes: multipart, contentType: "multipart/form-data; boundary=b")
            #expect(uploaded.json["content"] == "m")
            let cut = try await api.call(
                "POST", path, as: self.bot, bytes: String(multipart.dropLast(30)),
                contentType: "multipart/form-data; boundary=b")
            #expect(cut.json["code"] == 50035)
            #expect(try await api.call("GET", "/users/@me", as: self.bot).status == 200)
        }
    }

    @Test func `More than 25 MiB are too much`() async throws {
        try await withSandbox { api in
            let channel = try await api.channel()
            var request = HTTPClientRequest(url: api.sandbox.baseURL + "/api/v10/channels/\(channel)/messages")
            request.method = .POST
            request.headers.add(name: "Authorization", value: self.bot)
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "Expect", value: "100-continue")
            let piece = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 20)
            request.body = .stream(
                AsyncStream<ByteBuffer> { continuation in
                    for _ in 0..<26 { continuation.yield(piece) }
                    continuation.finish()
                }, length: .unknown)
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            #expect(response.status.code == 413)
            let body = try JSONValue(parsing: try await response.body.collect(upTo: 1 << 20))
            #expect(body["code"] == 40005)
            #expect(try await api.call("GET", "/users/@me", as: self.bot).status == 200)
        }
    }

    @Test func `A channel's sixth message within five seconds is limited, another channel's is not`() async throws {
        let time = ManualTime()
        try await withSandbox({
            $0.rateLimits.scale = 1
            $0.clock = time.clock
        }) { api in
            let (general, global) = (try await api.channel(), try await api.channel("global"))
            var last: SandboxClient.Answer?
            for number in 0..<6 {
                last = try await api.call(
                    "POST", "/channels/\(general)/messages", as: self.bot, ["content": .integer(number)])
                if number == 0 {
                    #expect(last?.headers["x-ratelimit-limit"] == "5" && last?.headers["x-ratelimit-remaining"] == "4")
                    #expect(last?.headers["x-ratelimit-bucket"]?.count == 32)
                }
            }
            #expect(
                last?.status == 429 && last?.json["global"] == false && last?.headers["x-ratelimit-scope"] == "user")
            #expect(last?.headers["retry-after"] != nil && last?.json["retry_after"] != nil)
            #expect(
                try await api.call("POST", "/channels/\(global)/messages", as: self.bot, ["content": "x"]).status == 200
            )
        }
    }

    @Test func `The global limit answers with its own headers`() async throws {
        let time = ManualTime()
        try await withSandbox({
            $0.rateLimits.global = 3
            $0.clock = time.clock
        }) { api in
            for _ in 0..<3 { _ = try await api.call("GET", "/users/@me", as: self.bot) }
            let limited = try await api.call("GET", "/users/@me/guilds", as: self.bot)
            #expect(limited.status == 429 && limited.json["global"] == true)
            #expect(limited.headers["x-ratelimit-global"] == "true" && limited.headers["x-ratelimit-scope"] == "global")
            time.advance(by: .seconds(1))
            #expect(try await api.call("GET", "/users/@me/guilds", as: self.bot).status == 200)
        }
    }

    @Test func `A webhook is made, executed with and without wait, edited and deleted`() async throws {
        try await withSandbox { api in
            let channel = try await api.channel()
            let made = try await api.call("POST", "/channels/\(channel)/webhooks", as: self.bot, ["name": "Relay"])
            let (id, token) = (try #require(made.json["id"]?.string), try #require(made.json["token"]?.string))
            #expect(made.status == 200)
            #expect(try await api.call("POST", "/webhooks/\(id)/\(token)", ["content": "quiet"]).status == 204)
            let waited = try await api.call(
                "POST", "/webhooks/\(id)/\(token)?wait=true", ["content": "a", "username": "Ann"])
            let message = try #require(waited.json["id"]?.string)
            #expect(waited.status == 200 && waited.json["author"]?["username"] == "Ann")
            let place = "/webhooks/\(id)/\(token)/messages/\(message)"
            #expect(try await api.call("PATCH", place, ["content": "b"]).json["content"] == "b")
            #expect(try await api.call("GET", place).status == 200)
            #expect(try await api.call("DELETE", place).status == 204)
            #expect(try await api.call("POST", "/webhooks/\(id)/wrong", ["content": "a"]).json["code"] == 50027)
            #expect(try await api.call("POST", "/webhooks/1/wrong", ["content": "a"]).json["code"] == 10015)
            #expect(
                try await api.call("POST", "/webhooks/\(id)/\(token)", ["username": "clyde", "content": "x"]).status
                    == 400)
            #expect(try await api.call("GET", "/channels/\(channel)/webhooks", as: self.bot).json.array?.count == 1)
            #expect(try await api.call("DELETE", "/webhooks/\(id)/\(token)").status == 204)
        }
    }

    @Test func `Commands: 201 for a new one, 200 for the same again, a list replaces all`() async throws {
        try await withSandbox { api in
            let path = "/applications/\(SandboxClient.botID)/commands"
            let command: JSONValue = ["name": "ping", "description": "Answers.", "type": 1]
            let made = try await api.call("POST", path, as: self.bot, command)
            #expect(made.status == 201 && made.json["version"] != nil)
            #expect(try await api.call("POST", path, as: self.bot, command).status == 200)
            #expect(try await api.call("GET", path + "?with_localizations=true", as: self.bot).json.array?.count == 1)
            let id = try #require(made.json["id"]?.string)
            #expect(
                try await api.call("PATCH", "\(path)/\(id)", as: self.bot, ["description": "New."]).json["description"]
                    == "New.")
            #expect(try await api.call("PUT", path, as: self.bot, []).json == [])
            #expect(try await api.call("GET", "\(path)/\(id)", as: self.bot).json["code"] == 10063)
            #expect(try await api.call("GET", "/applications/1/commands", as: self.bot).json["code"] == 10002)
            let guild = "/applications/\(SandboxClient.botID)/guilds/\(SandboxSettings.demoGuildIDs[0])/commands"
            #expect(try await api.call("PUT", guild, as: self.bot, [command]).json.array?.first?["guild_id"] != nil)
            let index = "/guilds/\(SandboxSettings.demoGuildIDs[0])/application-command-index"
            let alice = try await api.token("alice")
            #expect(try await api.call("GET", index, as: alice).json["application_commands"]?.array?.count == 1)
        }
    }

    @Test func `The page is served, with a policy that keeps scripts out`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("js"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("<p>".utf8).write(to: folder.appendingPathComponent("index.html"))
        try Data("1".utf8).write(to: folder.appendingPathComponent("js/a.js"))
        try await withSandbox({ $0.pageFolder = folder.path }) { api in
            let page = try await api.call("GET", "/", prefix: "")
            #expect(
                page.status == 200 && page.text == "<p>"
                    && page.headers["content-security-policy"]?.contains("default-src 'self'") == true)
            #expect(
                try await api.call("GET", "/assets/js/a.js", prefix: "").headers["content-type"]
                    == "text/javascript; charset=utf-8")
            #expect(try await api.call("GET", "/assets/none.js", prefix: "").status == 404)
            #expect(try await api.call("GET", "/readyz", prefix: "").text == "ok\n")
        }
    }
}
