import Discord
import Foundation
import NIOCore
import NIOPosix
import Runtime
import TestSupport
import Testing

@testable import Sandbox

@Suite("Control routes and HTTP edges", .timeLimit(.minutes(1)))
struct ControlTests {
    @Test func `Without a token in the settings there are no control routes`() async throws {
        try await withSandbox({ $0.controlToken = nil }) { api async throws in
            for path in ["/sessions", "/faults", "/nothing"] {
                #expect(try await api.control("GET", path).status == 404)
            }
        }
    }

    @Test func `The control token is needed, and no other will do`() async throws {
        try await withSandbox { api async throws in
            for token in [
                nil, "Bearer wrong", SandboxClient.controlToken, SandboxClient.botToken,
                "Bearer " + SandboxSettings.developmentBotToken,
            ] {
                #expect(try await api.call("GET", "/sessions", as: token, prefix: "/sandbox/v1").status == 401)
            }
            #expect(try await api.control("GET", "/sessions").status == 200)
            #expect(try await api.control("GET", "/nothing").status == 404)
            #expect(try await api.control("PUT", "/sessions").status == 405)
        }
    }

    @Test func `Faults that are no faults are refused, and say why`() async throws {
        try await withSandbox { api in
            let wrong = try await api.control("POST", "/faults", [["kind": "op7"], ["kind": "stall"]])
            #expect(wrong.status == 400 && wrong.json["message"]?.string?.hasPrefix("[1].for_ms: expected") == true)
            let schedule = try await api.control("POST", "/faults", ["schedule": "seed=1,kinds=op8"])
            #expect(schedule.status == 400 && schedule.json["message"]?.string?.contains("kinds=op8") == true)
            #expect(try await api.control("POST", "/faults", ["schedule": 5]).status == 400)
            let far = JSONValue.array(Array(repeating: ["kind": "drop", "at_ms": 60_000], count: 6_000))
            #expect(try await api.control("POST", "/faults", far).status == 202)
            #expect(try await api.control("POST", "/faults", far).status == 400, "so many can't wait")
        }
    }

    @Test func `A HEAD is answered as a GET, without the body`() async throws {
        try await withSandbox { api in
            let port = api.sandbox.httpPort
            for path in ["/livez", "/metrics", "/", "/nothing", "/api/v10/gateway"] {
                let answer = try await RawExchange.send(
                    "HEAD \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port: port)
                let parts = answer.components(separatedBy: "\r\n\r\n")
                #expect(parts.count == 2 && parts[1].isEmpty, "\(path): \(answer.prefix(200))")
                let length = parts[0].lowercased().components(separatedBy: "content-length: ").last?.prefix {
                    $0.isNumber
                }
                #expect(length.flatMap { Int($0) } ?? 0 > 0, "\(path) tells the length of what GET would give")
            }
        }
    }

    @Test func `After 413 the connection ends, though the client goes on sending`() async throws {
        try await withSandbox { api in
            let head = "POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            let answer = try await RawExchange.send(
                "\(head)Content-Length: \(26 << 20)\r\n\r\n{", port: api.sandbox.httpPort)
            #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("\"code\":40005"))
            #expect(answer.lowercased().contains("connection: close"))
        }
    }

    @Test func `Uploads of a refused message are not kept`() async throws {
        // In a standing moment ids are consecutive, so that those of refused files are known.
        let time = ManualTime()
        try await withSandbox({ $0.clock = time.clock }) { api in
            let guild = SandboxSettings.demoGuildIDs[0]
            let alice = try await api.token("alice")
            let hidden =
                try await api.call(
                    "POST", "/guilds/\(guild)/channels", as: alice,
                    [
                        "name": "quiet",
                        "permission_overwrites": [["id": .id(guild), "type": 0, "allow": "0", "deny": "2048"]],
                    ]
                ).json["id"]?.string ?? ""
            let open = try await api.channel()
            let bob = try await api.token("bob")
            let body = [
                "--b", #"Content-Disposition: form-data; name="files[0]"; filename="a.txt""#, "", "secret", "--b--", "",
            ].joined(separator: "\r\n")
            func upload(_ channel: String) async throws -> SandboxClient.Answer {
                try await api.call(
                    "POST", "/channels/\(channel)/messages", as: bob, bytes: body,
                    contentType: "multipart/form-data; boundary=b")
            }
            #expect(try await upload(hidden).json["code"] == 50013)
            #expect(try await upload("5").json["code"] == 10003)
            let sent = try await upload(open)
            let attachment = try #require(sent.json["attachments"]?.array?.first)
            let path = try #require(URL(string: attachment["url"]?.string ?? "")?.path)
            #expect(try await api.call("GET", path, prefix: "").text == "secret")
            let number = try #require(attachment["id"]?.snowflake?.rawValue)
            for before in 1...20 {
                for channel in [hidden, "5"] {
                    let guess = "/attachments/\(channel)/\(number - UInt64(before))/a.txt"
                    #expect(try await api.call("GET", guess, prefix: "").status == 404)
                }
            }
        }
    }

    @Test func `The data file is its owner's alone, an older one too`() async throws {
        let directory = try TemporaryDirectory("modes")
        let file = directory.path("sandbox.sqlite")
        func modes() throws -> [Int?] {
            try ["", "-wal", "-shm"].filter { FileManager.default.fileExists(atPath: file + $0) }.map {
                try FileManager.default.attributesOfItem(atPath: file + $0)[.posixPermissions] as? Int
            }
        }
        try await withSandbox({ $0.dataFile = file }) { _ async throws in
            #expect(try modes() == [0o600, 0o600, 0o600])
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        try await withSandbox({ $0.dataFile = file }) { _ async throws in
            #expect(try modes().allSatisfy { $0 == 0o600 })
        }
    }

    @Test func `Settings of faults are judged at the start`() {
        let reader = SettingsReader(
            SettingsSource(environment: [
                "FLOTILLA_SANDBOX_FAULTS": "seed=1,kinds=op8", "FLOTILLA_SANDBOX_TAKEOVER": "never",
                "FLOTILLA_SANDBOX_GUILDS_LATE": "60", "FLOTILLA_SANDBOX_GUILDS_UNAVAILABLE": "60",
            ]))
        _ = SandboxSettings(reader)
        #expect { try reader.finish() } throws: { error in
            Set((error as? ConfigurationError)?.problems.map(\.variable) ?? []) == [
                "FLOTILLA_SANDBOX_FAULTS", "FLOTILLA_SANDBOX_TAKEOVER", "FLOTILLA_SANDBOX_GUILDS_UNAVAILABLE",
            ]
        }
    }
}

/// One request as bytes, and all that comes until the server ends the connection.
private enum RawExchange {
    static func send(_ request: String, port: Int) async throws -> String {
        let answer = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: answer.futureResult.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(answer))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let deadline = channel.eventLoop.scheduleTask(in: .seconds(20)) {
            answer.fail(HarnessError(what: "the server did not end the connection"))
        }
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        return try await answer.futureResult.get()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let answer: EventLoopPromise<String>
        private var bytes = ByteBuffer()

        init(_ answer: EventLoopPromise<String>) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var part = self.unwrapInboundIn(data)
            self.bytes.writeBuffer(&part)
        }

        func channelInactive(context: ChannelHandlerContext) { self.answer.succeed(String(buffer: self.bytes)) }
    }
}
