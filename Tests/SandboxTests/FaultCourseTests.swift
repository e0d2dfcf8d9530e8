import Discord
import Foundation
import Gateway
import NIOCore
import TestSupport
import Testing

@testable import Sandbox

@Suite("Faults for all: doors, outages, schedules", .timeLimit(.minutes(1)))
struct FaultCourseTests {
    private let bot = SandboxClient.botToken

    // MARK: The door

    @Test func `Upgrades are refused for a time, at the resume host alone if so told`() async throws {
        try await withSandbox({ $0.resumePort = 0 }) { api in
            let (client, ready) = try await api.bot()
            let url = try #require(ready["resume_gateway_url"]?.string)
            let port = try #require(api.sandbox.resumePort)
            #expect(url == "ws://127.0.0.1:\(port)" && url != api.sandbox.gatewayURL)
            client.connection.drop()
            let id = ready["session_id"] ?? .null
            try await api.inflict(["kind": "refuse_upgrade", "entrance": "resume", "for_ms": 60_000])
            await #expect {
                _ = try await api.resume(id, 1, url: url)
            } throws: { error in
                (error as? GatewayError)?.code == .upgradeRefused && (error as? GatewayError)?.status == 503
            }
            _ = try await api.connect().next(op: 10)
            try await api.control("DELETE", "/faults")
            _ = try await api.resume(id, 1, url: url).next(event: "RESUMED")
        }
    }

    @Test func `A refusal ends by itself`() async throws {
        let time = ManualTime()
        try await withSandbox({ $0.clock = time.clock }) { api in
            try await api.inflict(["kind": "refuse_upgrade", "for_ms": 1000, "status": 500])
            await #expect {
                _ = try await api.connect()
            } throws: { ($0 as? GatewayError)?.status == 500 }
            time.advance(by: .seconds(1))
            _ = try await api.connect().next(op: 10)
        }
    }

    @Test func `Hello is withheld, or op 7 comes in its place`() async throws {
        try await withSandbox { api in
            try await api.inflict(["kind": "no_hello", "for_ms": 60_000])
            let silent = try await api.connect()
            silent.send(op: 1, .null)
            guard case .message(let first) = try await silent.next() else {
                Issue.record("closed")
                return
            }
            #expect(first["op"] == 11, "no Hello came before the ACK")
            try await api.inflict(["kind": "op7_hello", "for_ms": 60_000])
            let sent = try await api.connect()
            guard case .message(let second) = try await sent.next() else {
                Issue.record("closed")
                return
            }
            #expect(second["op"] == 7)
        }
    }

    // MARK: Outages

    @Test func `An outage is told, silences its guild, and ends with GUILD_CREATE`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            let (person, _, token) = try await api.person("alice")
            let guild = SandboxSettings.demoGuildIDs[0]
            let (inside, outside) = (try await api.channel(guild: 0), try await api.channel(guild: 1))
            try await api.inflict(["kind": "outage", "for_ms": 60_000, "guilds": [.id(guild)]])
            #expect(try await client.next(event: "GUILD_DELETE") == ["id": .id(guild), "unavailable": true])
            #expect(try await person.next(event: "GUILD_DELETE")["unavailable"] == true)
            #expect(try await api.call("GET", "/guilds/\(guild)", as: token).json["code"] == 10004)
            _ = try await api.call("POST", "/channels/\(inside)/messages", as: token, ["content": "lost"])
            _ = try await api.call("POST", "/channels/\(outside)/messages", as: token, ["content": "heard"])
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "heard")
            let (late, ready) = try await api.bot()
            #expect(ready["guilds"]?.array?.count == 2)
            #expect(try await late.next(event: "GUILD_DELETE")["unavailable"] == true)
            try await api.inflict(["kind": "outage_over"])
            for hearer in [client, person, late] {
                let back = try await hearer.next(event: "GUILD_CREATE")
                #expect(back["id"] == .id(guild) || hearer === late)
            }
            _ = try await api.call("POST", "/channels/\(inside)/messages", as: token, ["content": "again"])
            #expect(try await client.next(event: "MESSAGE_CREATE")["content"] == "again")
        }
    }

    @Test func `An outage ends when faults are given up`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict(["kind": "outage", "for_ms": 60_000, "percent": 100])
            for _ in 0..<2 { _ = try await client.next(event: "GUILD_DELETE") }
            try await api.control("DELETE", "/faults")
            for _ in 0..<2 { _ = try await client.next(event: "GUILD_CREATE") }
        }
    }

    @Test func `An outage of a share ends by itself`() async throws {
        try await withSandbox { api in
            let (client, _) = try await api.settledBot()
            try await api.inflict(["kind": "outage", "for_ms": 100])
            for _ in 0..<2 { #expect(try await client.next(event: "GUILD_DELETE")["unavailable"] == true) }
            for _ in 0..<2 { _ = try await client.next(event: "GUILD_CREATE") }
        }
    }

    // MARK: Targets, times and schedules

    @Test func `A fault meets its target alone, at its time`() async throws {
        try await withSandbox { api in
            let (first, _) = try await api.bot(shard: (0, 2))
            let (second, _) = try await api.bot(shard: (1, 2))
            try await api.inflict([
                ["kind": "close", "code": 4001, "at_ms": 60_000, "target": ["shard": [1, 2]]],
                ["kind": "op9", "target": ["shard": [0, 2]]],
            ])
            let waiting = try await api.control("GET", "/faults").json["faults"]?.array ?? []
            #expect(waiting.map { $0["fault"] } == ["close"])
            #expect((1...60_000).contains(waiting.first?["in_ms"]?.integer ?? 0))
            #expect(try await first.next(op: 9)["d"] == false)
            #expect(try await second.isQuiet(allowing: ["GUILD_CREATE"]))
            try await api.control("DELETE", "/faults")
            try await api.inflict(["kind": "close", "code": 4001, "at_ms": 150, "target": ["shard": [1, 2]]])
            #expect(try await second.closeCode() == 4001)
            #expect(try await first.isQuiet())
            #expect(try await api.control("GET", "/faults").json["faults"] == [])
        }
    }

    @Test func `What waits can be given up`() async throws {
        for _ in 0..<20 {
            let isInTime = try await withSandbox { api in
                let (client, _) = try await api.settledBot()
                let start = ContinuousClock.now
                try await api.inflict(["kind": "drop", "at_ms": 150])
                try await api.control("POST", "/faults", ["schedule": "seed=1,every=150ms,kinds=drop"])
                #expect(try await api.control("DELETE", "/faults").status == 204)
                // Else they have happened before they could be given up.
                guard start.duration(to: .now) < .milliseconds(150) else { return false }
                #expect(try await api.control("GET", "/faults").json["faults"] == [])
                // Longer than both would have taken.
                try await api.inflict(["kind": "heartbeats", "count": 1, "at_ms": 300])
                _ = try await client.next(op: 1)
                return true
            }
            if isInTime { return }
        }
        Issue.record("no try gave them up within 150 ms")
    }

    @Test func `A schedule from a seed goes on by itself, and the ledger tells of it`() async throws {
        let directory = try TemporaryDirectory("faults")
        let file = directory.path("ledger.jsonl")
        try await withSandbox({
            $0.ledgerFile = file
            $0.faults = try? FaultSchedule("seed=4,every=60ms,kinds=close:4009+op9,all=0")
        }) { api in
            for _ in 0..<3 {
                let (client, _) = try await api.bot()
                #expect(try await Self.losesItsSession(client))
            }
        }
        let faults = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            .map { try JSONValue(parsing: String($0)) }.filter { $0["kind"] == "fault" }
        #expect(faults.count { $0["sessions"] != [] } >= 3)
        #expect(faults.allSatisfy { ["close", "op9"].contains($0["fault"]?.string) && $0["id"]?.integer != nil })
    }

    private static func losesItsSession(_ client: GatewayTestClient) async throws -> Bool {
        while true {
            switch try await client.next() {
            case .message(let json): if json["op"] == 9 { return true }
            case .closed(let end): return end.code == 4009
            }
        }
    }
}
