import Discord
import Foundation
import Logging
import Runtime
import TestSupport
import Testing

@testable import Sandbox

@Suite("Sandbox lifecycle", .timeLimit(.minutes(1)))
struct LifecycleTests {
    @Test func `What was written is there after a restart`() async throws {
        let directory = try TemporaryDirectory("sandbox")
        let file = directory.path("sandbox.sqlite")
        let bot = SandboxClient.botToken
        let (channel, ids, webhook) = try await withSandbox({ $0.dataFile = file }) { api in
            let channel = try await api.channel()
            _ = try await api.call("POST", "/auth/register", ["login": "carol", "password": "correct horse"])
            var ids: [JSONValue] = []
            for number in 0..<3 {
                let body: JSONValue = ["content": .string("\(number)"), "embeds": [["title": "t"]]]
                ids.append(
                    try await api.call("POST", "/channels/\(channel)/messages", as: bot, body).json["id"] ?? .null)
            }
            _ = try await api.call("DELETE", "/channels/\(channel)/messages/\(ids[0].string ?? "")", as: bot)
            _ = try await api.call(
                "PUT", "/channels/\(channel)/messages/\(ids[1].string ?? "")/reactions/%F0%9F%91%8D/@me", as: bot)
            _ = try await api.call(
                "PUT", "/applications/\(SandboxClient.botID)/commands", as: bot, [["name": "a", "description": "b"]])
            let webhook = try await api.call("POST", "/channels/\(channel)/webhooks", as: bot, ["name": "w"])
            return (channel, ids, webhook.json)
        }
        try await withSandbox({ $0.dataFile = file }) { api in
            let messages = try await api.call("GET", "/channels/\(channel)/messages", as: bot).json.array ?? []
            #expect(messages.map { $0["id"] } == [ids[2], ids[1]])
            #expect(
                messages.last?["reactions"]?.array?.count == 1
                    && messages.last?["embeds"]?.array?.first?["title"] == "t")
            #expect(
                try await api.call("POST", "/auth/login", ["login": "carol", "password": "correct horse"]).status == 200
            )
            #expect(
                try await api.call("POST", "/auth/register", ["login": "carol", "password": "correct horse"]).status
                    == 400)
            #expect(try await api.call("GET", "/users/@me/guilds", as: bot).json.array?.count == 2)
            #expect(
                try await api.call("GET", "/applications/\(SandboxClient.botID)/commands", as: bot).json.array?.count
                    == 1)
            let place = "/webhooks/\(webhook["id"]?.string ?? "")/\(webhook["token"]?.string ?? "")"
            let later = try await api.call("POST", place + "?wait=1", ["content": "x"])
            #expect((later.json["id"]?.snowflake ?? 0) > (ids[2].snowflake ?? .init(rawValue: .max)))
        }
    }

    @Test func `Another bot token takes the old one's place`() async throws {
        let directory = try TemporaryDirectory("sandbox")
        let file = directory.path("sandbox.sqlite")
        try await withSandbox({ $0.dataFile = file }) { _ in }
        try await withSandbox({
            $0.dataFile = file
            $0.botToken = Secret("other.token.text")
        }) { api async throws in
            #expect(try await api.call("GET", "/users/@me", as: "Bot other.token.text").status == 200)
            #expect(try await api.call("GET", "/users/@me", as: SandboxClient.botToken).status == 401)
        }
    }

    @Test func `A taken port is named`() async throws {
        try await withSandbox { api in
            for port in [api.sandbox.httpPort, api.sandbox.gatewayPort] {
                await #expect {
                    try await withSandbox({ settings in
                        settings.httpPort = port == api.sandbox.httpPort ? port : 0
                        settings.gatewayPort = port == api.sandbox.gatewayPort ? port : 0
                    }) { _ in }
                } throws: { error in
                    error is ListenerError && "\(error)".contains("\(port)")
                }
            }
        }
    }

    @Test func `A data file that is none is refused with its name`() async throws {
        let directory = try TemporaryDirectory("sandbox")
        let file = try directory.write(String(repeating: "not a database ", count: 100), to: "data.sqlite")
        await #expect {
            try await withSandbox({ $0.dataFile = file }) { _ in }
        } throws: { error in
            (error as? SandboxError)?.code == .storeUnusable && "\(error)".contains(file)
        }
    }

    @Test func `All wrong settings are told at once`() {
        let reader = SettingsReader(
            SettingsSource(environment: [
                "FLOTILLA_SANDBOX_HTTP_PORT": "eighty", "FLOTILLA_SANDBOX_TLS_KEY": "/k.pem",
                "FLOTILLA_SANDBOX_GATEWAY_URL": "http://x",
            ]))
        _ = SandboxSettings(reader)
        #expect { try reader.finish() } throws: { error in
            (error as? ConfigurationError)?.problems.map(\.variable) == [
                "FLOTILLA_SANDBOX_HTTP_PORT", "FLOTILLA_SANDBOX_TLS_CERTIFICATE", "FLOTILLA_SANDBOX_GATEWAY_URL",
            ]
        }
    }
}
