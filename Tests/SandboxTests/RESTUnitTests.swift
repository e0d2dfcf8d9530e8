import Discord
import NIOCore
import Testing

@testable import Sandbox

@Suite struct RESTUnitTests {
    @Test func `A window lets its number through and says when it opens again`() {
        var limiter = RateLimiter(limits: SandboxRateLimits())
        let start = ContinuousClock.now
        let key = RateLimiter.Key(caller: "c", bucket: "b", major: "1")
        let limit = Limit(requests: 2, window: .seconds(5))
        #expect(
            limiter.admit(key, limit, countsGlobally: true, now: start)
                == .allowed(.init(limit: 2, remaining: 1, resetAfter: .seconds(5))))
        _ = limiter.admit(key, limit, countsGlobally: true, now: start + .seconds(1))
        #expect(
            limiter.admit(key, limit, countsGlobally: true, now: start + .seconds(2))
                == .limited(
                    .init(limit: 2, remaining: 0, resetAfter: .seconds(3)), retryAfter: .seconds(3), isShared: false))
        let other = RateLimiter.Key(caller: "c", bucket: "b", major: "2")
        #expect(
            limiter.admit(other, limit, countsGlobally: true, now: start + .seconds(2))
                == .allowed(.init(limit: 2, remaining: 1, resetAfter: .seconds(5))),
            "another channel has its own window")
        #expect(
            limiter.admit(key, limit, countsGlobally: true, now: start + .seconds(5))
                == .allowed(.init(limit: 2, remaining: 1, resetAfter: .seconds(5))))
    }

    @Test func `The global limit spans routes, interaction routes do not count`() {
        var limits = SandboxRateLimits()
        limits.global = 2
        var limiter = RateLimiter(limits: limits)
        let now = ContinuousClock.now
        let limit = Limit(requests: 10, window: .seconds(1))
        for bucket in ["a", "b"] {
            _ = limiter.admit(.init(caller: "c", bucket: bucket, major: ""), limit, countsGlobally: true, now: now)
        }
        let key = RateLimiter.Key(caller: "c", bucket: "d", major: "")
        #expect(limiter.admit(key, limit, countsGlobally: true, now: now) == .globallyLimited(retryAfter: .seconds(1)))
        guard case .allowed = limiter.admit(key, limit, countsGlobally: false, now: now) else {
            Issue.record("interaction routes are outside the global limit")
            return
        }
    }

    @Test func `Each path finds its own route`() {
        let table = RouteTable(
            Routes.users + Routes.messages + Routes.interactions + Routes.webhooks + Routes.guilds + Routes.reactions)
        func route(_ method: String, _ path: Substring) -> String? {
            if case .found(let route, _) = table.match(method: method, path: path) { route.template } else { nil }
        }
        #expect(route("GET", "/users/@me") == "/users/@me")
        #expect(route("GET", "/users/5") == "/users/{user}")
        #expect(route("GET", "/guilds/5/members/search") == "/guilds/{guild}/members/search")
        #expect(route("POST", "/channels/1/messages/bulk-delete") == "/channels/{channel}/messages/bulk-delete")
        #expect(route("PATCH", "/webhooks/1/t/messages/@original") == "/webhooks/{webhook}/{token}/messages/{message}")
        #expect(route("DELETE", "/channels/1/messages/2/reactions/%F0%9F%91%8D/@me")?.hasSuffix("{emoji}/@me") == true)
        guard
            case .found(_, let parameters) = table.match(
                method: "PUT", path: "/channels/1/messages/2/reactions/%F0%9F%91%8D/@me")
        else {
            Issue.record("no route")
            return
        }
        #expect(parameters["emoji"] == "👍")
        guard case .wrongMethod = table.match(method: "PUT", path: "/users/@me"),
            case .unknownPath = table.match(method: "GET", path: "/nothing/here")
        else {
            Issue.record("unknown paths and wrong methods are told apart")
            return
        }
    }

    @Test func `Bodies come in three types`() throws {
        #expect(
            try RESTBody(ByteBuffer(string: #"{"a":1}"#), contentType: "application/json; charset=utf-8").json["a"] == 1
        )
        let form = try RESTBody(
            ByteBuffer(string: "payload_json=%7B%22a%22%3A2%7D"), contentType: "application/x-www-form-urlencoded")
        #expect(form.json["a"] == 2)
        let multipart =
            "--B\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{\"a\":3}\r\n"
            + "--B\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhe\r\nllo\r\n--B--\r\n"
        let parts = try RESTBody(ByteBuffer(string: multipart), contentType: "multipart/form-data; boundary=B")
        #expect(parts.json["a"] == 3)
        #expect(parts.files.map { String(buffer: $0.bytes) } == ["he\r\nllo"])
        #expect(parts.files.first?.filename == "a.txt")
    }

    @Test(arguments: [
        ("{", "application/json", 50109), ("{}", "text/plain", 50035), ("x", "multipart/form-data", 50035),
        ("--B\r\nno end", "multipart/form-data; boundary=B", 50035), ("--B", "multipart/form-data; boundary=B", 50035),
        ("--B\r\n\r\n\r\nx\r\n--B--", "multipart/form-data; boundary=B", 50035),
    ])
    func `Bodies that are none are refused`(text: String, type: String, code: Int) {
        #expect { try RESTBody(ByteBuffer(string: text), contentType: type) } throws: {
            ($0 as? APIError)?.code == code
        }
    }

    @Test func `Nothing outside the page's folder is served`() throws {
        let files = StaticFiles(folder: "/etc")
        for path in ["/../etc/passwd", "/%2e%2e/passwd", "/passwd", "/.hidden.js", "/a%00.js", "/ssl/../passwd.txt"] {
            #expect(files.respond(to: path, ifNoneMatch: nil)?.status == nil, "\(path)")
        }
    }

    @Test(arguments: ["embeds", "components", "attachments"])
    func `What every reader of a channel would get is bounded`(field: String) throws {
        let item: JSONValue = ["type": 1, "x": .string(String(repeating: "x", count: 70_000))]
        let body: JSONValue = .object(["content": "x", field: .array([item])])
        let error = #expect(throws: APIError.self) { try MessageDraft(body) }
        #expect(error?.code == 50_035)
    }

    @Test func `A body full of mistakes gets a bounded answer, at once`() throws {
        let parse = JSONValue.array(Array(repeating: .integer(1), count: 100_000))
        let body: JSONValue = .object(["content": "x", "allowed_mentions": .object(["parse": parse])])
        let error = #expect(throws: APIError.self) { try MessageDraft(body) }
        #expect((error?.errors?["allowed_mentions"]?["parse"]?.object?.members.count ?? 0) == 50)
    }
}
