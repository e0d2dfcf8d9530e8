import AMQP
import ClusterAPI
import ControlAPI
import CoordinatorCore
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
        let names = ControlNames()
        for exchange in [BrokerTopology.events, BrokerTopology.deadLetters, names.requests, names.replies] {
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
            let first = ClusterState.Owner(member: "topology-test", incarnation: 1)
            let second = ClusterState.Owner(member: "topology-test", incarnation: 2)
            let (old, new) = (first.exchange, second.exchange)
            try await topology.admit(first)
            try await topology.admit(second)
            let publisher = try await connection.openChannel()
            try await publisher.selectConfirms()
            for key in ["lane.0", "lane.1", "commands"] {
                try await publisher.publishConfirmed(self.message(old, key, "before"))
            }

            try await topology.fence(first)
            // Deleting what is gone succeeds: a fence may be repeated.
            try await topology.fence(first)
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
            try await topology.fence(second)
        }
    }

    @Test func `A member's queue of commands is bound by itself, refuses what is too much, and goes with the fence`()
        async throws
    {
        try await self.withTopology { topology, connection in
            let owner = ClusterState.Owner(member: "control-test", incarnation: 7)
            try await topology.admit(owner)
            try await topology.admit(owner)
            let requests = ControlNames().requests
            let channel = try await connection.openChannel()
            let command = self.message(requests, "10.1.0", "a command")
            await #expect(throws: AMQPError.self) { try await channel.publishConfirmed(command) }
            try await channel.bindQueue(owner.controlQueue, to: requests, routingKey: "10.1.0")
            for _ in 0..<Int(BrokerTopology.mostWaitingCommands) / 100 {
                try await channel.publishConfirmed([AMQPMessage](repeating: command, count: 100))
            }
            do {
                // Which of those beyond the bound is refused first is the broker's to say.
                try await channel.publishConfirmed([AMQPMessage](repeating: command, count: 100))
                Issue.record("a queue took more commands than its bound")
            } catch let error as AMQPError {
                #expect(error.code == .nacked, "\(error)")
            }
            let status = try await channel.declareQueue(owner.controlQueue, passive: true)
            #expect(status.messageCount <= UInt32(BrokerTopology.mostWaitingCommands) + 1)

            try await topology.fence(owner)
            do {
                try await channel.publishConfirmed(command)
                Issue.record("a fenced member still gets commands")
            } catch let error as AMQPError {
                #expect(error.code == .returned && error.replyCode == 312, "\(error)")
            }
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
        let owner = ClusterState.Owner(member: "a", incarnation: 1)
        await #expect(throws: BrokerTopology.NotConnected.self) { try await topology.fence(owner) }
        await #expect(throws: BrokerTopology.NotConnected.self) { try await topology.admit(owner) }
    }
}
