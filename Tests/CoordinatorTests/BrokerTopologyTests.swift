import AMQP
import ClusterAPI
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Coordinator

@Suite("Topology and fence, on RabbitMQ", .serialized, .timeLimit(.minutes(1)))
struct BrokerTopologyTests {
    private static let lanes = 2
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// The names are the data path's own: only one such test may run at a time, and everything goes afterwards.
    private func withTopology(_ body: (BrokerTopology, AMQPConnection) async throws -> Void) async throws {
        let connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: try TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: self.logger)
        let topology = BrokerTopology(lanes: Self.lanes, logger: self.logger)
        let outcome: Result<Void, any Error>
        do {
            try await topology.connected(connection)
            outcome = .success(try await body(topology, connection))
        } catch {
            outcome = .failure(error)
        }
        let channel = try await connection.openChannel()
        for queue in (0..<Self.lanes).map({ "lane.\($0)" }) + [
            "commands", "commands.expired", "parking", BrokerTopology.tap,
        ] {
            try await channel.deleteQueue(queue)
        }
        for exchange in [BrokerTopology.events, BrokerTopology.deadLetters] {
            try await channel.deleteExchange(exchange)
        }
        await connection.close()
        try outcome.get()
    }

    private func message(_ exchange: String, _ key: String, _ text: String) -> AMQPMessage {
        AMQPMessage(
            exchange: exchange, routingKey: key, properties: AMQPProperties(deliveryMode: .persistent),
            body: ByteBuffer(string: text),
            mandatory: true)
    }

    @Test func `A shard's exchange reaches lanes and commands; after the fence nothing of it enters a queue`()
        async throws
    {
        try await self.withTopology { topology, connection in
            let old = MemberRegistered.exchange(member: "topology-test", incarnation: 1)
            let new = MemberRegistered.exchange(member: "topology-test", incarnation: 2)
            try await topology.admit(exchange: old)
            try await topology.admit(exchange: new)
            let publisher = try await connection.openChannel()
            try await publisher.selectConfirms()
            for key in ["lane.0", "lane.1", "commands"] {
                try await publisher.publishConfirmed(self.message(old, key, "before"))
            }

            try await topology.fence(exchange: old)
            // Deleting what is gone succeeds: a fence may be repeated.
            try await topology.fence(exchange: old)
            do {
                try await publisher.publishConfirmed(self.message(old, "lane.0", "after"))
                Issue.record("a fenced life has published")
            } catch let error as AMQPError {
                #expect(error.code == .channelClosed && error.replyCode == 404, "\(error)")
            }

            // The next life of the same member goes on.
            let next = try await connection.openChannel()
            try await next.selectConfirms()
            try await next.publishConfirmed(self.message(new, "lane.0", "next"))
            var bodies: [String] = []
            for try await delivery in try await next.deliveries(of: "lane.0", prefetch: 10) {
                bodies.append(String(buffer: delivery.body))
                next.ack(delivery.deliveryTag)
                // A queue keeps its order: what the fenced life had got in would come before.
                if bodies.last == "next" { break }
            }
            #expect(bodies == ["before", "next"])
            try await topology.fence(exchange: new)
        }
    }

    @Test func `Declaring it again changes nothing`() async throws {
        try await self.withTopology { topology, connection in
            try await topology.connected(connection)
            #expect(topology.isReady)
            let other = BrokerTopology(lanes: Self.lanes, logger: self.logger)
            try await other.connected(connection)
        }
    }

    @Test func `Without a broker it refuses at once`() async throws {
        let topology = BrokerTopology(lanes: 1, logger: self.logger)
        #expect(!topology.isReady)
        await #expect(throws: BrokerTopology.NotConnected.self) { try await topology.fence(exchange: "gw.m.a.1") }
        await #expect(throws: BrokerTopology.NotConnected.self) { try await topology.admit(exchange: "gw.m.a.1") }
    }
}
