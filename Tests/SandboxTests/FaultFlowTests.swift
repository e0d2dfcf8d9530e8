import Discord
import Foundation
import Gateway
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Sandbox

@Suite("Faults at the gateway", .timeLimit(.minutes(1)))
struct FaultFlowTests {
    private let bot = SandboxClient.botToken

    private func say(_ text: String, _ api: SandboxClient) async throws {
        let channel = try await api.channel()
        let answer = try await api.call(
            "POST", "/channels/\(channel)/messages", as: self.bot, ["content": .string(text)])
        #expect(answer.status == 200)
    }

    // MARK: The end of connections and sessions

    @Test func `Op 7 is followed by a close, and the session is resumed`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "op7", "grace_ms": 50])
            #expect(try await client.next(op: 7)["d"] == .null)
            #expect(try await client.closeCode() == 4000)
            let again = try await api.resume(id, client.lastSequence)
            _ = try await again.next(event: "RESUMED")
            #expect(again.lastSequence == client.lastSequence + 1, "RESUMED takes a number")
        }
    }

    @Test func `Op 9 false takes the session away; the connection may identify anew`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "op9"])
            #expect(try await client.next(op: 9)["d"] == false)
            #expect(try await api.resume(id, client.lastSequence).next(op: 9)["d"] == false)
            client.identify(token: SandboxSettings.developmentBotToken, intents: 0, shard: (0, 1))
            #expect(try await client.next(event: "READY")["session_id"] != id)
        }
    }

    @Test func `Op 9 true leaves the session to be resumed, also on the same connection`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "op9", "resumable": true])
            #expect(try await client.next(op: 9)["d"] == true)
            try await self.say("meanwhile", api)
            client.send(
                op: 6,
                [
                    "token": .string(SandboxSettings.developmentBotToken), "session_id": id,
                    "seq": .integer(client.lastSequence),
                ])
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "meanwhile")
            _ = try await client.next(event: "RESUMED")
        }
    }

    @Test(arguments: [
        (UInt16(1000), false), (1001, false), (4000, false), (4001, false), (4002, false), (4003, true), (4005, false),
        (4006, true), (4007, true), (4008, false), (4009, true), (4014, true), (4321, false),
    ])
    func `Any close code can come, and ends the session if Discord's does`(code: UInt16, ends: Bool) async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "close", "code": .integer(Int64(code))])
            #expect(try await client.closeCode() == code)
            let again = try await api.resume(id, client.lastSequence)
            if ends {
                #expect(try await again.next(op: 9)["d"] == false)
            } else {
                _ = try await again.next(event: "RESUMED")
            }
        }
    }

    @Test func `A close frame may hold no code, and TCP may be cut without one`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "close", "code": .null])
            let end = try await client.end()
            #expect(end.hadCloseFrame && end.code == nil)
            let again = try await api.resume(id, client.lastSequence)
            _ = try await again.next(event: "RESUMED")
            try await api.inflict(["kind": "drop"])
            #expect(try await again.end() == .init())
            let last = try await api.resume(id, again.lastSequence)
            _ = try await last.next(event: "RESUMED")
        }
    }

    @Test func `An evicted session is gone, connected or not`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            let (other, ready) = try await api.bot(shard: (0, 2))
            other.connection.drop()
            try await eventually("the drop is seen") {
                try await api.control("GET", "/sessions").json["sessions"]?.array?.contains {
                    $0["connected"] == false
                } == true
            }
            try await api.inflict(["kind": "evict"])
            #expect(try await client.end() == .init())
            for session in [id, ready["session_id"] ?? .null] {
                #expect(try await api.resume(session, 1).next(op: 9)["d"] == false)
            }
            #expect(try await api.control("GET", "/sessions").json["sessions"] == [])
        }
    }

    @Test func `A shrunk buffer forgets what a Resume would want`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            for text in ["a", "b", "c"] { try await self.say(text, api) }
            try await api.inflict(["kind": "shrink_buffer", "events": 2])
            client.connection.drop()
            #expect(try await api.resume(id, 3).next(op: 9)["d"] == false)
        }
    }

    @Test func `A token reset ends all sessions with 4004, and the old token is dead`() async throws {
        try await withSandbox { api in
            let (first, id) = try await api.settledBot()
            let (second, _) = try await api.bot(shard: (1, 2))
            try await api.inflict([
                "kind": "token_reset", "token": "the.new.token",
                "target": ["application": .string(SandboxClient.botID)],
            ])
            #expect(try await first.closeCode() == 4004)
            #expect(try await second.closeCode() == 4004)
            #expect(try await api.resume(id, 1).closeCode() == 4004)
            #expect(try await api.call("GET", "/users/@me", as: self.bot).status == 401)
            #expect(try await api.call("GET", "/users/@me", as: "Bot the.new.token").status == 200)
            let client = try await api.connect()
            client.identify(token: "the.new.token", intents: 0, shard: (0, 1))
            _ = try await client.next(event: "READY")
        }
    }

    // MARK: What is held back

    @Test func `A stalled connection gets all it missed once the stall is over`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            let before = client.lastSequence
            try await api.inflict(["kind": "stall", "for_ms": 300])
            for text in ["a", "b"] { try await self.say(text, api) }
            client.send(op: 1, .integer(before))
            // All of it comes after the stall, in the order in which it happened.
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "a")
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "b")
            _ = try await client.next(op: 11)
            #expect(client.lastSequence == before + 2)
        }
    }

    @Test func `Heartbeats of a stall of ACKs are never answered, events go on`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict(["kind": "stall", "what": "acks", "for_ms": 60_000])
            client.send(op: 1, .integer(client.lastSequence))
            try await self.say("still here", api)
            let next = try await client.next()
            guard case .message(let message) = next else {
                Issue.record("closed")
                return
            }
            #expect(message["t"] == "MESSAGE_CREATE", "no ACK came before")
            try await api.control("DELETE", "/faults")
            client.send(op: 1, .integer(client.lastSequence))
            _ = try await client.next(op: 11)
            #expect(try await client.isQuiet())
        }
    }

    @Test func `A deaf socket answers heartbeats and gets no events until it is over`() async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot()
            try await api.inflict(["kind": "deaf", "for_ms": 60_000])
            try await self.say("unheard", api)
            #expect(try await client.isQuiet())
            let listed = try await api.control("GET", "/connections").json["connections"]?.array ?? []
            #expect(listed.map { $0["held"] } == [true] && listed.first?["session"] == id)
            // Whoever resumes elsewhere gets it at once; the deaf socket is cut and never will.
            let again = try await api.resume(id, client.lastSequence)
            #expect(try await again.next(event: "MESSAGE_CREATE")["content"] == "unheard")
            #expect(try await client.end() == .init())
        }
    }

    @Test func `A sandbox that does not read does not blame the client for it`() async throws {
        let time = ManualTime()
        try await withSandbox({
            $0.gateway.heartbeatInterval = .milliseconds(20)
            $0.clock = time.clock
        }) { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict([
                ["kind": "slow_reads", "for_ms": 60_000],
                // After the sandbox has looked for heartbeats many times.
                ["kind": "heartbeats", "count": 1, "at_ms": 400],
            ])
            client.send(op: 1, .null)
            time.advance(by: .seconds(10))
            _ = try await client.next(op: 1)
            try await api.control("DELETE", "/faults")
            _ = try await client.next(op: 11)
            time.advance(by: .seconds(10))
            #expect(try await client.closeCode() == 4000, "but when it reads again heartbeats have to come")
        }
    }

    // MARK: What is sent wrongly

    @Test func `A duplicate has the number that it had before`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await self.say("once", api)
            let first = try await client.next(op: 0)
            try await api.inflict(["kind": "duplicate", "count": 2])
            #expect(try await client.next(op: 0)["t"] == "GUILD_CREATE")
            #expect(try await client.next(op: 0) == first)
            try await self.say("twice", api)
            #expect(try await client.next(op: 0)["s"]?.integer == (first["s"]?.integer ?? 0) + 1)
        }
    }

    @Test func `Op 1 comes in a storm`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict(["kind": "heartbeats", "count": 50])
            for _ in 0..<50 { #expect(try await client.next(op: 1)["d"] == .null) }
        }
    }

    @Test(arguments: [
        (GatewayCompression.zlibStream, Fault.Corruption.stream, GatewayError.Code.corruptStream),
        (.zstdStream, .stream, .corruptStream), (.none, .utf8, .invalidUTF8), (.zstdStream, .utf8, .invalidUTF8),
        (.none, .frame, .protocolViolation), (.zlibStream, .frame, .protocolViolation),
    ])
    func `Corrupt bytes are found by the client`(
        compression: GatewayCompression, corruption: Fault.Corruption, failure: GatewayError.Code
    ) async throws {
        try await withSandbox { api in
            let (client, id) = try await api.settledBot(compression: compression)
            try await api.inflict(["kind": "corrupt", "what": .string(corruption.rawValue)])
            #expect(try await client.end().failure == failure)
            let again = try await api.resume(id, client.lastSequence, compression: compression)
            _ = try await again.next(event: "RESUMED")
        }
    }

    @Test(arguments: GatewayCompression.allCases)
    func `A message that is no JSON reaches the client whole`(compression: GatewayCompression) async throws {
        try await withSandbox { api in
            let texts = TextCollector()
            let connection = try await GatewayClient.connect(
                to: GatewayURL(api.sandbox.gatewayURL, compression: compression),
                group: MultiThreadedEventLoopGroup.singleton, deadline: .now + .seconds(20), delegate: { _ in texts })
            try await eventually("Hello") { texts.all.count == 1 }
            try await api.inflict(["kind": "corrupt", "what": "json"])
            try await eventually("the broken message") { texts.all.last?.hasSuffix(#""d":{"id":"#) == true }
            connection.drop()
        }
    }

    @Test func `A message can be larger than a client takes`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict(["kind": "oversized", "bytes": 1_000_000])
            let large = try await client.next(op: 11)
            #expect(large.encoded.readableBytes > 999_900)
            try await api.inflict(["kind": "oversized", "bytes": .integer(17 << 20)])
            #expect(try await client.end().failure == .messageTooBig)
        }
    }
}

/// Keeps messages as they came.
private final class TextCollector: GatewayConnectionDelegate {
    private let texts = Mutex<[String]>([])
    var all: [String] { self.texts.withLock { $0 } }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        self.texts.withLock { $0.append(String(buffer: message)) }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {}
}
