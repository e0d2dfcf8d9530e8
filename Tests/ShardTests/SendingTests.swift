import ControlAPI
import Foundation
import NIOCore
import Runtime
import Testing

@testable import Shard

@Suite("Sending")
struct SendingTests {
    @Test func `Other payloads leave room for heartbeats`() {
        var budget = SendBudget()
        let start = ContinuousClock.now
        var sent = 0
        while budget.take(.other, now: start) == nil { sent += 1 }
        #expect(sent == 114)
        #expect(budget.take(.other, now: start + .seconds(10)) == .seconds(50))
        for _ in 0..<6 { #expect(budget.take(.heartbeat, now: start) == nil) }
        #expect(budget.take(.heartbeat, now: start + .seconds(1)) == .seconds(59))
        #expect(budget.take(.other, now: start + .seconds(60)) == nil)
    }

    @Test func `Any minute holds at most 120 payloads`() {
        var budget = SendBudget()
        let start = ContinuousClock.now
        var times: [ContinuousClock.Instant] = []
        for step in 0..<2_000 {
            let now = start + .milliseconds(step * 200)
            if budget.take(step % 9 == 0 ? .heartbeat : .other, now: now) == nil { times.append(now) }
        }
        for (index, time) in times.enumerated() where index >= 120 {
            #expect(time - times[index - 120] >= .seconds(60))
        }
    }

    @Test func `Payloads are Discord's JSON`() throws {
        #expect(String(buffer: ClientPayload.heartbeat(watermark: nil)) == #"{"op":1,"d":null}"#)
        #expect(String(buffer: ClientPayload.heartbeat(watermark: 251)) == #"{"op":1,"d":251}"#)
        let token = Secret("a\"b")
        let identify = try ClientPayload.identify(token: token, intents: 33_281, shard: 1, numShards: 2).bytes
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(identify.readableBytesView)) as? [String: Any])
        let body = try #require(object["d"] as? [String: Any])
        #expect(object["op"] as? Int == 2)
        #expect(body["token"] as? String == "a\"b")
        #expect(body["shard"] as? [Int] == [1, 2])
        #expect(body["intents"] as? Int == 33_281)
        #expect((body["properties"] as? [String: String])?.keys.sorted() == ["browser", "device", "os"])
        let resume = try ClientPayload.resume(token: token, sessionID: "s", sequence: 7)
        let resumed = try #require(
            try JSONSerialization.jsonObject(with: Data(resume.readableBytesView)) as? [String: Any])
        #expect(resumed["op"] as? Int == 6)
        #expect((resumed["d"] as? [String: Any])?["seq"] as? Int == 7)
    }

    @Test func `IDENTIFY has room for the largest presence, and leaves without one that it has no room for`() throws {
        var accents = PresenceUpdate.mostBytes / 2
        func presence() -> PresenceUpdate {
            let name = "a" + String(repeating: "\u{301}", count: accents)
            return PresenceUpdate(status: .invisible, activities: [.init(name: name, type: 0)], since: .max, afk: true)
        }
        while (try? presence().validate()) == nil { accents -= 1 }
        #expect(accents > 1_400)
        func identify(_ token: String, _ presence: PresenceUpdate?) throws -> (bytes: ByteBuffer, tellsPresence: Bool) {
            try ClientPayload.identify(
                token: Secret(token), intents: .max, shard: .max, numShards: .max, presence: presence)
        }
        // Discord's tokens have about 70 characters.
        let usual = try identify(String(repeating: "x", count: 512), presence())
        #expect(usual.tellsPresence && usual.bytes.readableBytes <= ClientPayload.maximumBytes)
        #expect(String(buffer: usual.bytes).contains("invisible"))

        let long = String(repeating: "x", count: 2_000)
        let without = try identify(long, presence())
        #expect(!without.tellsPresence && without.bytes.readableBytes <= ClientPayload.maximumBytes)
        #expect(!String(buffer: without.bytes).contains("presence"))
        let none = try identify(long, nil)
        #expect(none.tellsPresence, "there is nothing to leave out")
        #expect(none.bytes.readableBytes == without.bytes.readableBytes)
    }

    @Test(
        arguments: [
            ("wss://gateway-us-east1-c.discord.gg", true), ("wss://discord.gg", true),
            ("wss://gateway.discord.gg/", true),
            ("wss://evil.test", false), ("wss://evildiscord.gg", false), ("ws://gateway.discord.gg", false),
            ("nonsense", false),
            ("wss://discord.gg@evil.test", false), ("wss://discord.gg.evil.test", false),
            ("WSS://GATEWAY.DISCORD.GG", true), ("wss://gateway.discord.gg:8443", true),
            ("wss://a.b.discord.gg/?v=9&encoding=etf", true), ("wss://discord.gg:443@evil.test", false),
            ("wss://evil.test/discord.gg", false), ("wss://evil.test?discord.gg", false),
            ("wss://evil.test#.discord.gg", false), (#"wss://evil.test\.discord.gg"#, false),
            ("wss://evil.test%2f.discord.gg", false), ("wss://evil.test;.discord.gg", false),
            ("wss://[::1]", false), ("wss://[discord.gg]", false), ("wss://discord.gg:0", false),
            ("wss://discord.gg:99999", false), ("wss://.discord.gg", false), ("wss://discord.gg.", false),
            ("wss://dіscord.gg", false), ("wss://discord.gg\r\nHost: evil.test", false), ("wss:///discord.gg", false),
            ("https://gateway.discord.gg", false), ("", false), (" wss://gateway.discord.gg", false),
        ] as [(String, Bool)])
    func `A token is only shown to allowed hosts`(url: String, isAllowed: Bool) {
        let chosen = ResumeHosts("discord.gg").resumeURL(named: url, gateway: "wss://gateway.discord.gg")
        #expect(chosen.isAllowed == isAllowed)
        #expect(chosen.url == (isAllowed ? url : "wss://gateway.discord.gg"))
    }

    @Test func `The gateway's own host is allowed to resume at`() {
        let hosts = ResumeHosts("")
        #expect(hosts.resumeURL(named: "ws://127.0.0.1:81", gateway: "ws://127.0.0.1:80").isAllowed)
        #expect(hosts.resumeURL(named: nil, gateway: "ws://127.0.0.1:80").url == "ws://127.0.0.1:80")
    }
}
