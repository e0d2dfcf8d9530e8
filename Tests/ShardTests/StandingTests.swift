import Foundation
import Gateway
import Runtime
import TestSupport
import Testing

@testable import Shard

extension ShardProcessTests {
    @Test func `A process that was cut off does not take its session back`() async throws {
        try await Self.run("cut-off") { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            // As after a standstill: nobody has told it, and another process has RESUMED.
            stage.coordinator.change { $0.isAway = true }
            try await stage.topology.fence(incarnation: 1)
            first.connection.drop()
            let second = try await stage.discord.connection(1)
            second.hello()
            try await eventually("a new incarnation") { stage.coordinator.now.incarnation == 2 }
            try await eventually("the socket cut") { second.isClosed }
            #expect(second.texts(op: 6).isEmpty && second.texts(op: 2).isEmpty)
        }
    }

    @Test(arguments: [true, false])
    func `A RESUME waits until the broker or the coordinator says that the slot is ours`(broker: Bool) async throws {
        let url = try #require(URL(string: TestEnvironment.amqpURL))
        let proxy = FaultProxy(to: url.host() ?? "", port: url.port ?? 5672)
        try await proxy.start()
        let through = try TestEnvironment.amqpURL.replacingOccurrences(
            of: ":\(url.port ?? 5672)", with: ":\(proxy.port)")
        let log = LogLines()
        try await Self.run("standing", amqpURL: through, lease: .milliseconds(500), logger: log.logger) { stage in
            let first = try await stage.begin()
            try await stage.waitForWatermark(1)
            stage.coordinator.change { $0.isAway = true }
            proxy.cut()
            let waits = "RESUME waits until it is known that the slot is still this process's"
            // While the lease lasts it is known; so as often as it takes.
            var connection = first
            var number = 0
            repeat {
                connection.connection.drop()
                number += 1
                connection = try await stage.discord.connection(number)
                connection.hello()
                try await eventually("a RESUME, or the wait") {
                    !connection.texts(op: 6).isEmpty || log.count(of: waits) == 1
                }
                if log.count(of: waits) == 0 { connection.resumed(number + 1) }
            } while log.count(of: waits) == 0
            _ = try await connection.beat()
            #expect(connection.texts(op: 6).isEmpty && !connection.isClosed)

            if broker { proxy.reopen() } else { stage.coordinator.change { $0.isAway = false } }
            #expect(try await connection.body(op: 6)["session_id"] as? String == "abc")
            connection.resumed(number + 1)
            proxy.reopen()
            try await stage.topology.waitFor(sequences: 1...number + 1)
            #expect(stage.coordinator.now.incarnation == 1 && log.count(of: waits) == 1)
        }
        await proxy.stop()
    }
}
