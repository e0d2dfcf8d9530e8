import ClusterAPI
import Discord
import Foundation
import Gateway
import Runtime
import TestSupport
import Testing

@testable import Shard

extension ShardProcessTests {
    @Test func `A process that was cut off does not take its sessions back`() async throws {
        try await Self.run("cut-off") { stage in
            let slots = (0..<3).map { Slot(application: 10, generation: 1, shard: $0) }
            let url = stage.discord.url
            stage.coordinator.grant(
                slots.map { slot in
                    SlotGrant(
                        slot: slot, numShards: 3, epoch: 1, intents: 33_281, gatewayURL: url,
                        session: SessionState(sessionID: "session-\(slot.shard)", resumeURL: url, sequence: 7))
                })
            for number in slots.indices {
                let connection = try await stage.discord.connection(number)
                connection.hello()
                _ = try await connection.body(op: 6)
                connection.resumed(8)
            }
            try await eventually("all slots ready, with all that was said confirmed") {
                slots.allSatisfy { slot in
                    stage.coordinator.told(slot).map { $0.status == .ready && $0.session?.sequence == 8 } ?? false
                }
            }
            // Nothing tells it, and other processes have RESUMED. What it has heard of its lease is from before that.
            try await stage.topology.fence(incarnation: 1)
            for number in slots.indices { try await stage.discord.connection(number).connection.drop() }
            // All are there before the first is heard, by which the process would begin anew.
            var connections: [ScriptedConnection] = []
            for number in slots.indices {
                connections.append(try await stage.discord.connection(slots.count + number))
            }
            for connection in connections { connection.hello() }
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            for connection in connections {
                try await eventually("the socket cut") { connection.isClosed }
                #expect(connection.texts(op: 6).isEmpty && connection.texts(op: 2).isEmpty)
            }
        }
    }

    @Test func `A hand-over while the broker is asked sends no RESUME`() async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        let configure: (inout ShardSettings) -> Void = { $0.slot.flushTimeout = .seconds(4) }
        try await Self.run("asked", amqpURL: through, configure: configure) { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            // The broker is there, and silent; after 2 s the coordinator's word would do.
            proxy.apply(.stall(milliseconds: 60_000))
            stage.coordinator.change { $0.isAway = true }
            first.message(2)
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            _ = try await second.beat()
            stage.coordinator.change { state in
                state.isAway = false
                state.grants = []
                state.version += 1
            }
            try await second.closed(with: 4000)
            #expect(second.texts(op: 6).isEmpty)
            proxy.mend()
        }
        await proxy.stop()
    }

    @Test(arguments: [true, false])
    func `A RESUME waits until the broker or the coordinator says that the slot is ours`(broker: Bool) async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        let log = LogLines()
        try await Self.run("standing", amqpURL: through, log: log) { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            stage.coordinator.change { $0.isAway = true }
            proxy.cut()
            try await eventually("the broker away") { proxy.connections.isEmpty }
            let waits = "RESUME waits until it is known that the slot is still this process's"
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            try await eventually("the wait") { log.count(of: waits) == 1 }
            _ = try await second.beat()
            #expect(second.texts(op: 6).isEmpty && !second.isClosed)

            if broker { proxy.reopen() } else { stage.coordinator.change { $0.isAway = false } }
            #expect(try await second.body(op: 6)["session_id"] as? String == "abc")
            second.resumed(2)
            proxy.reopen()
            try await stage.topology.waitFor(sequences: [1, 2])
            #expect(stage.coordinator.now.incarnation == 1 && log.count(of: waits) == 1)
        }
        await proxy.stop()
    }
}
