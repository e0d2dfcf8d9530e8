import AMQP
import ClusterAPI
import Discord
import Foundation
import Gateway
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@testable import Shard

/// A whole shard process, on loopback: a gateway and a coordinator played by the test, and the real broker.
@Suite("Shard process", .timeLimit(.minutes(2)), .serialized)
struct ShardProcessTests {
    static let slot = Slot(application: 10, generation: 1, shard: 0)

    struct Stage: Sendable {
        let discord: ScriptedDiscord
        let coordinator: ScriptedCoordinator
        let topology: TestTopology
        let shard: ServiceGroup
        let metrics: MetricRegistry

        func grant(epoch: Int64 = 1, session: SessionState? = nil) {
            self.coordinator.grant([
                SlotGrant(
                    slot: slot, numShards: 1, epoch: epoch, intents: 33_281, gatewayURL: self.discord.url,
                    session: session)
            ])
        }

        /// Identifies as the first connection's client does, and sends READY as sequence 1.
        func begin(session: String = "abc") async throws -> ScriptedConnection {
            self.grant()
            let connection = try await self.discord.connection(0)
            connection.hello()
            _ = try await connection.body(op: 2)
            connection.ready(session: session, resumeURL: self.discord.url, guilds: [1 << 22, 2 << 22])
            try await self.topology.waitFor(sequences: [1])
            return connection
        }

        func waitForWatermark(_ sequence: Int64) async throws {
            try await eventually("watermark \(sequence)") { self.coordinator.told(slot)?.session?.sequence == sequence }
        }

        var bufferedBytes: Double {
            let line = self.metrics.prometheusText().split(separator: "\n").first {
                $0.hasPrefix("flotilla_shard_buffered_bytes ")
            }
            return line.flatMap { Double($0.drop { $0 != " " }.dropFirst()) } ?? 0
        }

        func waitForStatus(_ status: SlotStatus) async throws {
            try await eventually("status \(status)") { self.coordinator.told(slot)?.status == status }
        }

        /// Waits until the member has heard that what it told so far is known.
        func waitForRenewals() async throws {
            let before = self.coordinator.now.numbers.count
            try await eventually("two renewals") { self.coordinator.now.numbers.count >= before + 2 }
        }
    }

    static func run(
        _ test: String,
        amqpURL: String? = nil,
        settings extra: [String: String] = [:],
        configure: (inout ShardSettings) -> Void = { _ in },
        log: LogLines = LogLines(),
        _ body: (Stage) async throws -> Void
    ) async throws {
        let topology = try await TestTopology(test)
        let discord = ScriptedDiscord()
        try await discord.start()
        let coordinator = ScriptedCoordinator(topology)
        var environment = [
            "FLOTILLA_COORDINATOR_URL": "http://127.0.0.1:1", "FLOTILLA_MEMBER_TOKEN": "m",
            "FLOTILLA_MEMBER_ID": "shard-test",
            "FLOTILLA_DISCORD_TOKEN": "token", "FLOTILLA_SHARD_EVENT_LOOPS": "1",
            "FLOTILLA_AMQP_URL": try amqpURL ?? TestEnvironment.amqpURL,
        ]
        environment.merge(extra) { $1 }
        let reader = SettingsReader(SettingsSource(environment: environment))
        var settings = ShardSettings(reader, processID: 1, version: "test")
        try reader.finish()
        settings.planInterval = .milliseconds(50)
        settings.control = topology.control
        settings.slot.policy.reconnectSpread = .zero
        // No test lasts for long enough to use up what may be sent.
        settings.slot.policy.heartbeatIntervals = .milliseconds(100)...(.seconds(3_600))
        settings.slot.policy.firstBackoff = .milliseconds(50)
        settings.slot.policy.invalidSessionWait = .milliseconds(10)...(.milliseconds(50))
        configure(&settings)
        let metrics = MetricRegistry()
        let shard = makeShard(
            settings, coordinator: coordinator, health: HealthState(required: []), metrics: metrics,
            logger: log.logger)
        let stage = Stage(
            discord: discord, coordinator: coordinator, topology: topology, shard: shard, metrics: metrics)
        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await shard.run() }
                do {
                    try await body(stage)
                } catch {
                    Issue.record("\(error); the process logged:\n\(log.last(40))")
                    await shard.triggerGracefulShutdown()
                    throw error
                }
                await shard.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await discord.close()
        await topology.close(incarnations: coordinator.now.incarnation)
        try outcome.get()
    }

    @Test func `Events go from identify to the lanes`() async throws {
        try await Self.run("lanes") { stage in
            stage.coordinator.change { $0.refusesPermits = true }
            stage.grant()
            let connection = try await stage.discord.connection(0)
            #expect(connection.request.version == 10)
            #expect(connection.request.compression == .zstdStream)
            connection.hello()
            #expect(try await connection.beat() == #"{"op":1,"d":null}"#, "there is no sequence yet")
            try await stage.waitForStatus(.waitingForPermit)
            #expect(connection.texts(op: 2).isEmpty)
            stage.coordinator.change { $0.refusesPermits = false }
            let identify = try await connection.body(op: 2)
            #expect(identify["token"] as? String == "token")
            #expect(identify["shard"] as? [Int] == [0, 1])
            #expect(identify["intents"] as? Int == 33_281)
            connection.ready(session: "abc", resumeURL: stage.discord.url, guilds: [1 << 22, 2 << 22])
            connection.send(#"{"t":"GUILD_CREATE","s":2,"op":0,"d":{"id":"\#(1 << 22)","name":"one"}}"#)
            connection.message(3, guild: 2 << 22)
            connection.message(4, guild: 2 << 22, name: "INTERACTION_CREATE")
            connection.send(#"{"t":"MESSAGE_CREATE","s":5,"op":0,"d":{"channel_id":"\#(9 << 22)","content":"direct"}}"#)
            try await stage.topology.waitFor(sequences: 1...5)

            let bySequence = Dictionary(
                stage.topology.messages.flatMap { message in message.events.map { ($0.sequence, (message, $0)) } }
            ) { first, _ in first }
            #expect(bySequence[1]?.1.name == "READY")
            #expect(
                [1, 2, 3, 4, 5].map { bySequence[$0]?.0.routingKey } == [
                    "lane.0", "lane.1", "lane.2", "commands", "lane.9",
                ])
            #expect(stage.topology.sequences.count == 5)
            #expect(bySequence[3]?.1.guild == "\(2 << 22)")
            let headers = try #require(bySequence[3]?.0.properties.headers)
            #expect(headers["session"]?.stringValue == "abc")
            #expect(headers["epoch"]?.integerValue == 1)
            #expect(headers["application"]?.stringValue == "10")
            #expect(headers["first_s"]?.integerValue == 3)
            #expect(bySequence[3]?.0.properties.contentType == "application/x-ndjson")
            #expect(bySequence[3]?.0.properties.deliveryMode == .persistent)

            try await stage.waitForWatermark(5)
            try await stage.waitForRenewals()
            #expect(try await connection.beat() == #"{"op":1,"d":5}"#, "the watermark")
            let told = try #require(stage.coordinator.told(Self.slot))
            #expect(told.status == .ready)
            #expect(told.guilds == 2)
            #expect(told.session == SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 5))
        }
    }

    @Test func `After TCP is cut the session is resumed from the watermark`() async throws {
        try await Self.run("cut") { stage in
            let first = try await stage.begin()
            for sequence in 2...10 { first.message(sequence) }
            try await stage.topology.waitFor(sequences: 1...10)
            try await stage.waitForWatermark(10)
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            let resume = try await second.body(op: 6)
            #expect(resume["session_id"] as? String == "abc")
            #expect(resume["seq"] as? Int == 10)
            #expect(resume["token"] as? String == "token")
            #expect(second.request.compression == .zstdStream)
            // Replayed events that came before are dropped.
            for sequence in 9...14 { second.message(sequence) }
            second.resumed(15)
            second.message(16)
            try await stage.topology.waitFor(sequences: 1...16)
            #expect(stage.topology.sequences.sorted() == Array(1...16))
            let lane = stage.topology.messages.filter { $0.routingKey == "lane.1" }.flatMap {
                $0.events.map(\.sequence)
            }
            #expect(lane == lane.sorted())
            #expect(second.texts(op: 2).isEmpty && stage.coordinator.now.permits == 1)
        }
    }

    @Test func `Op 7, a malformed frame and a reserved close code are resumed`() async throws {
        try await Self.run("resumes", settings: ["FLOTILLA_GATEWAY_COMPRESSION": "zlib-stream"]) { stage in
            let first = try await stage.begin()
            #expect(first.request.compression == .zlibStream)
            let faults: [(ScriptedConnection) -> Void] = [
                { $0.send(#"{"op":7,"d":null}"#) },
                { $0.send(#"{"op":0,"t":"MESSAGE_CREATE","s":99,"d":{"guild_id":"1"}"#) },
                { $0.send("this is not JSON") },
                { $0.connection.close(code: 4000) },
                { $0.send(#"{"op":9,"d":true}"#) },
            ]
            var connection = first
            var sequence = 1
            for (index, fault) in faults.enumerated() {
                sequence += 1
                connection.message(sequence)
                try await stage.topology.waitFor(sequences: [sequence])
                try await stage.waitForWatermark(Int64(sequence))
                fault(connection)
                connection = try await stage.discord.connection(index + 1)
                connection.hello()
                let resume = try await connection.body(op: 6)
                #expect(resume["seq"] as? Int == sequence, "fault \(index)")
                sequence += 1
                connection.resumed(sequence)
                try await stage.waitForStatus(.ready)
            }
            try await stage.topology.waitFor(sequences: 1...sequence)
            #expect(stage.topology.sequences == Array(1...sequence))
            #expect(stage.coordinator.now.permits == 1)
        }
    }

    @Test func `Op 9 false identifies anew`() async throws {
        try await Self.run("invalid") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.topology.waitFor(sequences: [2])
            first.send(#"{"op":9,"d":false}"#)
            let second = try await stage.discord.connection(1)
            try await first.closed(with: 4000)
            second.hello()
            _ = try await second.body(op: 2)
            #expect(second.texts(op: 6).isEmpty)
            second.ready(session: "def", resumeURL: stage.discord.url)
            second.message(2)
            try await stage.waitForWatermark(2)
            #expect(stage.coordinator.told(Self.slot)?.session?.sessionID == "def")
            #expect(stage.coordinator.now.permits == 2)
        }
    }

    @Test func `Close code 4004 stops the slot with its reason`() async throws {
        try await Self.run("fatal") { stage in
            let first = try await stage.begin()
            first.connection.close(code: 4004, reason: "Authentication failed.")
            try await stage.waitForStatus(.failed)
            #expect(stage.coordinator.told(Self.slot)?.reason?.contains("4004") == true)
            #expect(stage.discord.connectionCount == 1)
            // Only a later epoch starts it again.
            stage.grant(epoch: 2)
            let second = try await stage.discord.connection(1)
            second.hello()
            _ = try await second.body(op: 2)
        }
    }

    @Test func `A stop hands over with everything confirmed`() async throws {
        try await Self.run("stop") { stage in
            let first = try await stage.begin()
            for sequence in 2...500 { first.message(sequence, guild: (sequence % 40) << 22) }
            try await stage.topology.waitFor(sequences: [2])
            await stage.shard.triggerGracefulShutdown()
            try await eventually("the end of the lease") { stage.coordinator.now.final != nil }
            let final = try #require(stage.coordinator.now.final?.slots.first)
            #expect(final.status == .released)
            let sequence = try #require(final.session?.sequence)
            try await first.closed(with: 4000)
            try await stage.topology.waitFor(sequences: 1...Int(sequence))
            #expect(stage.topology.sequences.sorted() == Array(1...Int(sequence)))
        }
    }

    @Test func `A slot that is not granted any more is handed over`() async throws {
        try await Self.run("handover") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.waitForWatermark(2)
            stage.coordinator.grant([])
            try await eventually("the close") { first.closeCode == 4000 }
            try await eventually("a released slot") { stage.coordinator.told(Self.slot) == nil }
            // Granted again, it goes on where it was.
            stage.grant(epoch: 2, session: SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 2))
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 2)
            second.resumed(3)
            try await stage.topology.waitFor(sequences: [3])
            let last = try #require(stage.topology.messages.last)
            #expect(last.properties.headers["epoch"]?.integerValue == 2)
            #expect(last.properties.headers["session"]?.stringValue == "abc")
        }
    }

    @Test func `A fenced process starts over and resumes what it is granted`() async throws {
        try await Self.run("fence") { stage in
            let first = try await stage.begin()
            first.message(2)
            try await stage.waitForWatermark(2)
            stage.coordinator.change { $0.grantsEndWithIncarnation = true }
            try await stage.topology.fence(incarnation: 1)
            first.message(3)
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            try await eventually("the old socket cut") { first.isClosed }
            #expect(first.closeCode == nil)
            #expect(!stage.topology.sequences.contains(3))
            stage.grant(epoch: 2, session: SessionState(sessionID: "abc", resumeURL: stage.discord.url, sequence: 2))
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 2)
            second.message(3)
            second.resumed(4)
            try await stage.topology.waitFor(sequences: 1...4)
            #expect(stage.topology.sequences == [1, 2, 3, 4])
        }
    }

    @Test func `A lost lease starts over, an absent coordinator changes nothing`() async throws {
        try await Self.run("lease") { stage in
            let first = try await stage.begin()
            stage.coordinator.change { $0.isAway = true }
            for sequence in 2...50 { first.message(sequence) }
            try await stage.topology.waitFor(sequences: 1...50)
            #expect(!first.isClosed)
            stage.coordinator.change {
                $0.isAway = false
                $0.isLeaseLost = true
                $0.grants = []
            }
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            try await eventually("the old socket cut") { first.isClosed }
        }
    }

    @Test func `While the broker is away nothing is lost, and order holds`() async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        try await Self.run("away", amqpURL: through) { stage in
            let first = try await stage.begin()
            for sequence in 2...300 { first.message(sequence, guild: (sequence % 3) << 22) }
            proxy.cut()
            for sequence in 301...600 { first.message(sequence, guild: (sequence % 3) << 22) }
            try await eventually("events held back") { stage.bufferedBytes > 0 }
            #expect(!stage.topology.sequences.contains(600))
            proxy.reopen()
            try await stage.topology.waitFor(sequences: 1...600)
            try await stage.waitForWatermark(600)
            #expect(!first.isClosed)
            for lane in 0..<3 {
                let sequences = stage.topology.messages.filter { $0.routingKey == "lane.\(lane)" }.flatMap {
                    $0.events.map(\.sequence)
                }
                // A message whose confirm was lost comes twice; apart from that nothing is out of order.
                let firsts = sequences.reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
                #expect(firsts == firsts.sorted())
            }
        }
        await proxy.stop()
    }

    @Test func `Unroutable messages are not confirmed and go again`() async throws {
        try await Self.run("unroutable") { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            try await stage.topology.unbindLanes()
            for sequence in 2...20 { first.message(sequence) }
            first.message(21, name: "INTERACTION_CREATE")
            try await stage.topology.waitFor(sequences: [21])
            #expect(stage.coordinator.told(Self.slot)?.session?.sequence == 1)
            // What is not confirmed is behind the watermark, so a RESUME asks for it again; it is in memory, and
            // dropped.
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            #expect(try await second.body(op: 6)["seq"] as? Int == 1)
            for sequence in 2...20 { second.message(sequence) }
            second.message(21, name: "INTERACTION_CREATE")
            second.resumed(22)
            try await stage.topology.bindLanes()
            try await stage.topology.waitFor(sequences: 1...22)
            try await stage.waitForWatermark(22)
            #expect(stage.topology.sequences.count { $0 == 21 } == 1)
            let lane = stage.topology.messages.filter { $0.routingKey == "lane.1" }.flatMap {
                $0.events.map(\.sequence)
            }
            #expect(lane == Array(2...20))
        }
    }

    @Test func `With no room left the socket is unread until the broker takes events again`() async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        try await Self.run("room", amqpURL: through, settings: ["FLOTILLA_SHARD_BUFFER": "1"]) { stage in
            let first = try await stage.begin()
            proxy.cut()
            let content = String(repeating: "x", count: 20_000)
            let last = 151
            for sequence in 2...last {
                first.send(
                    #"{"t":"MESSAGE_CREATE","s":\#(sequence),"op":0,"#
                        + #""d":{"guild_id":"4194304","content":"\#(content)"}}"#
                )
            }
            // Its heart beats on though nothing is read.
            first.send(#"{"op":1,"d":null}"#)
            try await eventually("the pause") {
                stage.metrics.prometheusText().contains("flotilla_shard_pauses_total 1")
            }
            #expect(first.texts(op: 1).isEmpty)
            proxy.reopen()
            try await stage.topology.waitFor(sequences: 1...last)
            try await eventually("the answer to op 1") { !first.texts(op: 1).isEmpty }
            try await stage.waitForWatermark(Int64(last))
            #expect(stage.discord.connectionCount == 1)
        }
        await proxy.stop()
    }
}
