import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import TestSupport
import Testing

@testable import Sandbox

@Suite("Ledger", .timeLimit(.minutes(1)))
struct LedgerTests {
    private static func lines(_ file: String) throws -> [JSONValue] {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
    }

    private static func ledger(_ file: String) throws -> Ledger {
        try Ledger(path: file, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private static func written(_ entry: LedgerEntry) throws -> JSONValue {
        var buffer = ByteBuffer()
        buffer.writeLedgerLine(entry, at: Timestamp(milliseconds: 17), number: 3)
        let line = String(buffer: buffer)
        #expect(line.hasSuffix("}\n") && line.dropLast().contains("\n") == false)
        return try JSONValue(parsing: line)
    }

    @Test func `Each kind of line has its facts, and leaves out what is not known`() throws {
        let dispatch = LedgerEntry.dispatch(
            session: "ab", sequence: 7, name: .messageCreate, guild: 81, hash: 0x00AF_63DC_4C86_01EC)
        #expect(
            try Self.written(dispatch) == [
                "at": 17, "n": 3, "kind": "dispatch", "session": "ab", "s": 7, "t": "MESSAGE_CREATE", "g": "81",
                "h": "00af63dc4c8601ec",
            ])
        let direct = LedgerEntry.dispatch(session: "ab", sequence: 8, name: .messageCreate, guild: nil, hash: .max)
        #expect(try Self.written(direct)["g"] == nil)
        #expect(try Self.written(direct)["h"] == "ffffffffffffffff")
        #expect(
            try Self.written(.heartbeat(4, session: nil, sequence: nil)) == [
                "at": 17, "n": 3, "kind": "heartbeat", "conn": 4,
            ])
        let resume = LedgerEntry.resume(4, session: "a\"b", sequence: 9, outcome: "closed:4007", replayed: nil)
        #expect(try Self.written(resume)["session"] == "a\"b", "what a client sent is escaped")
        let identify = LedgerEntry.Identify(
            connection: 5, application: 10, shard: ShardID(id: 1, count: 4), outcome: "ready", session: "cd",
            remaining: 999)
        #expect(
            try Self.written(.identify(identify)) == [
                "at": 17, "n": 3, "kind": "identify", "conn": 5, "app": "10", "shard": 1, "num_shards": 4,
                "outcome": "ready", "session": "cd", "remaining": 999,
            ])
        #expect(try Self.written(.sessionEnded("cd", reason: .clientClosed(1000)))["reason"] == "client_closed:1000")
        #expect(try Self.written(.dropped(lines: 12))["lines"] == 12)
    }

    @Test func `The hash is FNV-1a of 64 bits`() {
        #expect(FNV1a.hash(ByteBuffer()) == 0xCBF2_9CE4_8422_2325)
        #expect(FNV1a.hash(ByteBuffer(string: "a")) == 0xAF63_DC4C_8601_EC8C)
    }

    @Test func `The file is its owner's alone, and is gone on with`() throws {
        let directory = try TemporaryDirectory("ledger")
        let file = directory.path("ledger.jsonl")
        let first = try Self.ledger(file)
        for number in 1...3 { first.record(.connected(Int64(number), peer: nil)) }
        first.flush()
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // What a crash leaves.
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(#"{"at":1,"n":4,"kind":"conn"#.utf8))
        try handle.close()
        let second = try Self.ledger(file)
        #expect(second.lastNumberBefore == 3)
        second.record(.connected(4, peer: "p"))
        second.flush()
        let lines = try Self.lines(file)
        #expect(lines.map { $0["n"]?.integer } == [1, 2, 3, 4] && lines.last?["peer"] == "p")
    }

    @Test func `What can't be opened is named`() {
        #expect {
            try Self.ledger("/nowhere/ledger.jsonl")
        } throws: { error in
            (error as? SandboxError)?.code == .ledgerUnusable && "\(error)".contains("/nowhere/ledger.jsonl")
        }
    }

    @Test func `A session's life is told in order, and without secrets`() async throws {
        let directory = try TemporaryDirectory("ledger")
        let file = directory.path("ledger.jsonl")
        try await withSandbox({ $0.ledgerFile = file }) { api in
            let (client, ready) = try await api.bot(shard: (1, 2))
            _ = try await client.next(event: "GUILD_CREATE")
            client.send(op: 1, 2)
            _ = try await client.next(op: 11)
            client.connection.close(code: 4000)
            _ = try await client.closeCode()
            _ = try await api.call("POST", "/webhooks/1/secret-token", ["content": "x"])
            _ = try await api.call("GET", "/nothing/secret-token")
            let again = try await api.resume(ready["session_id"] ?? .null, 1)
            _ = try await again.next(event: "RESUMED")
            again.connection.close(code: 1000)
            _ = try await again.closeCode()
            _ = try await api.resume(ready["session_id"] ?? .null, 1).next(op: 9)
            _ = try await api.call("GET", "/users/@me", as: SandboxClient.botToken)
        }
        let lines = try Self.lines(file)
        #expect(lines.map { $0["n"]?.integer } == (1...Int64(lines.count)).map { $0 })
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(!text.contains(SandboxSettings.developmentBotToken) && !text.contains("secret-token"))
        func all(_ kind: String) -> [JSONValue] { lines.filter { $0["kind"]?.string == kind } }
        let identify = try #require(all("identify").first)
        #expect(identify["outcome"] == "ready" && identify["shard"] == 1 && identify["num_shards"] == 2)
        #expect(identify["app"]?.string == SandboxClient.botID && identify["remaining"] == 999)
        let session = try #require(identify["session"])
        let dispatches = all("dispatch")
        #expect(dispatches.allSatisfy { $0["session"] == session })
        #expect(dispatches.map { $0["s"] } == [1, 2, 3])
        #expect(dispatches.map { $0["t"] } == ["READY", "GUILD_CREATE", "RESUMED"])
        #expect(
            dispatches[1]["g"]?.snowflake
                == SandboxSettings.demoGuildIDs.first { ShardID.shard(for: $0, count: 2) == 1 })
        #expect(all("heartbeat").map { [$0["session"], $0["seq"], $0["conn"]] } == [[session, 2, identify["conn"]]])
        #expect(all("disconnected").map { $0["reason"] }.prefix(2) == ["client:4000", "client:1000"])
        #expect(all("disconnected").first?["session"] == session)
        #expect(all("resume").map { $0["outcome"] } == ["resumed", "invalid_session"])
        #expect(all("resume").first?["replayed"] == 1 && all("resume").first?["seq"] == 1)
        #expect(all("session_ended").map { [$0["session"], $0["reason"]] } == [[session, "client_closed:1000"]])
        let calls = all("rest")
        #expect(calls.contains { $0["path"] == "/api/v10/webhooks/1/{token}" && $0["status"] == 404 })
        #expect(calls.contains { $0["path"] == "/api/v10/…" && $0["status"] == 404 })
        #expect(
            calls.contains {
                $0["path"] == "/api/v10/users/@me" && $0["bot"]?.string == SandboxClient.botID && $0["status"] == 200
            })
        #expect(Set(all("connected").compactMap { $0["conn"]?.integer }).count == 3)
    }

    @Test func `A dispatch's hash is that of the bytes of d that the client got`() async throws {
        let directory = try TemporaryDirectory("ledger")
        let file = directory.path("ledger.jsonl")
        let channel = try await withSandbox({ $0.ledgerFile = file }) { api in
            // One session reads content, the other does not: each has its own bytes.
            let (whole, _) = try await api.bot(intents: 1 << 9 | 1 << 15)
            let (blind, _) = try await api.bot(intents: 1 << 9)
            let channel = try await api.channel()
            let alice = try await api.token("alice")
            _ = try await api.call("POST", "/channels/\(channel)/messages", as: alice, ["content": "é\n"])
            return (try await whole.next(event: "MESSAGE_CREATE"), try await blind.next(event: "MESSAGE_CREATE"))
        }
        let messages = try Self.lines(file).filter { $0["t"] == "MESSAGE_CREATE" }
        let expected = [channel.0, channel.1].map { String(FNV1a.hash($0.encoded), radix: 16) }
        // The sandbox's own encoding is what both sides see, so that parsing and writing it again changes nothing.
        #expect(Set(messages.compactMap { $0["h"]?.string.map { String($0.drop { $0 == "0" }) } }) == Set(expected))
        #expect(messages.count == 2 && expected[0] != expected[1])
    }

    @Test func `A client that answers the sandbox' close has heard it`() async throws {
        let directory = try TemporaryDirectory("ledger")
        let file = directory.path("ledger.jsonl")
        try await withSandbox({ $0.ledgerFile = file }) { api in
            let (client, _) = try await api.bot(shard: (0, 2))
            let (other, _) = try await api.bot(shard: (1, 2))
            try await api.inflict(["kind": "close", "code": 4014, "target": ["shard": [0, 2]]])
            _ = try await client.closeCode()
            try await api.inflict(["kind": "drop", "target": ["shard": [1, 2]]])
            _ = try await other.closeCode()
            try await eventually("both ends in the ledger") {
                try Self.lines(file).count { $0["kind"] == "disconnected" } == 2
            }
        }
        let ends = try Self.lines(file).filter { $0["kind"] == "disconnected" }
        #expect(ends.first { $0["reason"] == "server:4014" }?["answered"] == true)
        #expect(ends.contains { $0["reason"] == "cut" && $0["answered"] == nil })
    }

    @Test func `Sessions that end with the sandbox are told`() async throws {
        let directory = try TemporaryDirectory("ledger")
        let file = directory.path("ledger.jsonl")
        let session = try await withSandbox({ $0.ledgerFile = file }) { api in
            try await api.bot().ready["session_id"]
        }
        let end = try #require(try Self.lines(file).last { $0["kind"] == "session_ended" })
        #expect(end["session"] == session && end["reason"] == "sandbox_stopped")
    }
}
