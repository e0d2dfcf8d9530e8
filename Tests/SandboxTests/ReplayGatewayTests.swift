import Discord
import Gateway
import NIOCore
import NIOPosix
import Runtime
import TestSupport
import Testing

@testable import Sandbox

@Suite("Replay gateway", .timeLimit(.minutes(1)))
struct ReplayGatewayTests {
    @Test(arguments: GatewayCompression.allCases)
    func `Every event comes once, whole and numbered, in cycles that are compressed once`(
        compression: GatewayCompression
    ) async throws {
        let events = 2 * ReplayScript.cycleLength + 100
        try await withReplay(.init(events: events)) { replay in
            let client = try await connect(to: replay, compression)
            let ready = try await identify(client)
            #expect(ready["s"] == 1 && ready["d"]?["resume_gateway_url"]?.string == replay.url)
            let script = ReplayScript(eventBytes: 1024, guilds: replay.options.guilds, seed: replay.options.seed)
            var ids: Set<String> = []
            for sequence in 2..<Int64(events + 2) {
                let event = try await client.next(op: 0)
                try #require(event["s"]?.integer == sequence)
                let data = try #require(event["d"])
                let expected = try JSONValue(
                    parsing: script.message(sequence, session: 1, nonce: UInt64(data["nonce"]?.string ?? "") ?? 0))
                try #require(event == expected)
                ids.insert(data["id"]?.string ?? "")
            }
            #expect(ids.count == events && ids.allSatisfy { $0.count == 19 })
            // Between cycles a heartbeat is answered in the same stream.
            for _ in 0..<2 {
                client.send(op: 1, .integer(client.lastSequence))
                #expect(try await client.next(op: 11)["d"] == .null)
            }
            #expect(replay.counters.eventsSent == events && replay.counters.heartbeats == 2)
        }
    }

    @Test(arguments: GatewayCompression.allCases)
    func `A resume repeats what came after its number, then goes on`(compression: GatewayCompression) async throws {
        let events = 3 * ReplayScript.cycleLength
        try await withReplay(.init(events: events)) { replay in
            let first = try await connect(to: replay, compression)
            let session = try await identify(first)["d"]?["session_id"] ?? .null
            var seen: [Int64: JSONValue] = [:]
            while seen.count < 700 {
                let event = try await first.next(op: 0)
                seen[try #require(event["s"]?.integer)] = event["d"]?["id"]
            }
            first.connection.drop()
            try await eventually("all events handed over or the connection gone") {
                replay.counters.openConnections == 0
            }
            let second = try await connect(to: replay, compression)
            _ = try await second.next(op: 10)
            second.send(op: 6, ["token": "T", "session_id": session, "seq": 300])
            var resumed: Int64?
            for sequence in 301...Int64(events + 1) {
                let event = try await second.next(op: 0)
                try #require(event["s"]?.integer == sequence)
                if event["t"] == "RESUMED" { resumed = sequence }
                if let known = seen[sequence] { try #require(event["d"]?["id"] == known) }
            }
            // Everything had been sent before: RESUMED is the last one then.
            if resumed == nil {
                let last = try await second.next(op: 0)
                #expect(last["t"] == "RESUMED" && last["s"]?.integer == Int64(events + 2))
            }
            second.send(op: 1, .null)
            _ = try await second.next(op: 11)
            #expect(replay.counters.resumes == 1 && replay.counters.identifies == 1)
        }
    }

    @Test func `What can't be resumed is refused, and so is a wrong token`() async throws {
        var options = ReplayGateway.Options(events: 5)
        options.token = Secret("right")
        try await withReplay(options) { replay in
            let client = try await connect(to: replay, .zstdStream)
            _ = try await client.next(op: 10)
            client.send(op: 6, ["token": "right", "session_id": "unknown", "seq": 3])
            #expect(try await client.next(op: 9)["d"] == false)
            let ready = try await identify(client, token: "Bot right", hello: false)
            client.identify(token: "right", intents: 0, shard: (0, 1))
            #expect(try await client.closeCode() == 4005)
            let ahead = try await connect(to: replay, .none)
            ahead.send(
                op: 6, ["token": "right", "session_id": ready["d"]?["session_id"] ?? .null, "seq": 1000])
            #expect(try await ahead.closeCode() == 4007)
            let stranger = try await connect(to: replay, .none)
            stranger.identify(token: "wrong", intents: 0, shard: (0, 1))
            #expect(try await stranger.closeCode() == 4004)
        }
    }

    @Test func `A client that does not read holds the replay back`() async throws {
        try await withReplay(.init()) { replay in
            let client = try await GatewayClient.connect(
                to: GatewayURL(replay.url, version: 10, compression: .zstdStream),
                group: MultiThreadedEventLoopGroup.singleton, deadline: .now + .seconds(20),
                delegate: { _ in Discarding() })
            client.setReading(false)
            client.send(ByteBuffer(string: #"{"op":2,"d":{"token":"T","properties":{},"intents":0}}"#))
            var last = -1
            try await eventually("the replay stands still") {
                defer { last = replay.counters.eventsSent }
                // Asked again after 10 ms: a free socket would have taken thousands.
                return last > 0 && last == replay.counters.eventsSent
            }
            client.setReading(true)
            try await eventually("the replay goes on") { replay.counters.eventsSent > last }
            client.drop()
        }
    }

    @Test func `A paced replay sends one by one, each with its moment`() async throws {
        try await withReplay(.init(events: 30, eventsPerSecond: 1000)) { replay in
            let client = try await connect(to: replay, .zlibStream)
            _ = try await identify(client)
            var moments: [UInt64] = []
            for _ in 0..<30 {
                let nonce = try await client.next(event: "MESSAGE_CREATE")["nonce"]?.string
                moments.append(try #require(nonce.flatMap { UInt64($0) }))
            }
            #expect(moments == moments.sorted() && Set(moments).count > 1)
            #expect(moments.allSatisfy { $0 <= NIODeadline.now().uptimeNanoseconds })
        }
    }

    @Test func `Cycles begin at their boundary, after RESUMED, and never when paced`() {
        var whole = ReplayProgress(events: 600, isPaced: false)
        #expect(whole.step() == .cycle(sequence: 2, count: 512))
        #expect(whole.step() == .cycle(sequence: 514, count: 88))
        #expect(whole.step() == .nothing && whole.isFlooding)

        var resumed = ReplayProgress(events: nil, isPaced: false, resumingAfter: 512, sent: 514)
        #expect(resumed.step() == .event(sequence: 513) && resumed.step() == .event(sequence: 514))
        #expect(resumed.step() == .resumed(sequence: 515) && !resumed.isFlooding)
        for sequence in Int64(516)..<1026 { #expect(resumed.step() == .event(sequence: sequence)) }
        #expect(resumed.step() == .cycle(sequence: 1026, count: 512))

        var late = ReplayProgress(events: 10, isPaced: false, resumingAfter: 11, sent: 12)
        #expect(late.step() == .resumed(sequence: 13) && late.step() == .nothing)

        var paced = ReplayProgress(events: nil, isPaced: true)
        #expect(paced.step() == .event(sequence: 2) && !paced.isFlooding)
    }

    @Test func `A sandbox replays in place of its gateway`() async throws {
        try await withSandbox({ $0.replay = ReplayGateway.Options(events: 3) }) { api in
            let (client, ready) = try await api.bot(compression: .zstdStream)
            #expect(ready["resume_gateway_url"]?.string == api.sandbox.gatewayURL)
            for _ in 0..<3 { _ = try await client.next(event: "MESSAGE_CREATE") }
            #expect(client.lastSequence == 4)
        }
    }

    @Test func `A head has room for every number`() throws {
        let script = ReplayScript(eventBytes: 1024, guilds: [Snowflake(rawValue: 5 << 22)], seed: 9)
        for sequence in [2, 1_000_000, ReplayHead.lastSequence] {
            let message = script.message(sequence, session: 70_000, nonce: .max >> 1)
            #expect(message.readableBytes == 1024)
            let json = try JSONValue(parsing: message)
            #expect(json["s"]?.integer == sequence && json["d"]?["nonce"]?.string == String(UInt64.max >> 1))
            #expect(json["d"]?["id"]?.string == String(ReplayScript.messageID(session: 70_000, sequence: sequence)))
            let slice = try message.withUnsafeReadableBytes { try FrameSlice.slice($0) }
            #expect(slice.sequence == sequence && slice.guildID == 5 << 22)
        }
    }

    // MARK: Fixture

    private final class Discarding: GatewayConnectionDelegate {
        func received(_ message: ByteBuffer, on connection: GatewayConnection) {}
        func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {}
    }

    private struct Replay {
        let gateway: ReplayGateway
        let options: ReplayGateway.Options
        var url: String { self.gateway.url }
        var counters: ReplayGateway.Counters { self.gateway.counters }
    }

    private func withReplay(_ options: ReplayGateway.Options, _ body: (Replay) async throws -> Void) async throws {
        let gateway = try await ReplayGateway.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
        do {
            try await body(Replay(gateway: gateway, options: options))
            await gateway.close()
        } catch {
            await gateway.close()
            throw error
        }
    }

    private func connect(to replay: Replay, _ compression: GatewayCompression) async throws -> GatewayTestClient {
        let incoming = GatewayTestClient.Incoming()
        let connection = try await GatewayClient.connect(
            to: GatewayURL(replay.url, version: 10, compression: compression),
            group: MultiThreadedEventLoopGroup.singleton, deadline: .now + .seconds(20), delegate: { _ in incoming })
        return GatewayTestClient(connection: connection, incoming: incoming)
    }

    private func identify(
        _ client: GatewayTestClient, token: String = "T", hello: Bool = true
    ) async throws -> JSONValue {
        if hello { _ = try await client.next(op: 10) }
        client.identify(token: token, intents: 0, shard: (0, 1))
        let ready = try await client.next(op: 0)
        #expect(ready["t"] == "READY")
        return ready
    }
}
