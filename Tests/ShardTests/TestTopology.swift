import AMQP
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A broker's exchanges and queues for one test, named after it, and what came into them.
final class TestTopology: Sendable {
    struct Message: Sendable {
        let routingKey: String
        let properties: AMQPProperties
        let events: [Event]
    }

    struct Event: Sendable, Equatable {
        let sequence: Int
        let name: String
        let guild: String?
    }

    let name: String
    private let connection: AMQPConnection
    private let channel: AMQPChannel
    private let received = Mutex<[Message]>([])

    var queue: String { "\(self.name).all" }
    private var events: String { "\(self.name).events" }

    init(_ test: String) async throws {
        self.name = "shard-test.\(test).\(UUID().uuidString.prefix(8))"
        let logger = Logger(label: "topology")
        self.connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: logger)
        self.channel = try await self.connection.openChannel()
        try await self.channel.declareExchange(self.events, kind: .direct, durable: false)
        _ = try await self.channel.declareQueue(self.queue)
        for lane in 0..<32 { try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "lane.\(lane)") }
        try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "commands")
        try await self.channel.consume(self.queue, noAck: true) { delivery in
            let message = Message(
                routingKey: delivery.routingKey, properties: delivery.properties, events: Self.events(of: delivery.body)
            )
            self.received.withLock { $0.append(message) }
        }
    }

    func exchange(incarnation: Int) -> String { "\(self.name).m.\(incarnation)" }

    func admit(incarnation: Int) async throws {
        try await self.channel.declareExchange(self.exchange(incarnation: incarnation), kind: .fanout, durable: false)
        try await self.channel.bindExchange(self.events, to: self.exchange(incarnation: incarnation))
    }

    func fence(incarnation: Int) async throws {
        try await self.channel.deleteExchange(self.exchange(incarnation: incarnation))
    }

    func unbindLanes() async throws {
        for lane in 0..<32 {
            try await self.channel.unbindQueue(self.queue, from: self.events, routingKey: "lane.\(lane)")
        }
    }

    func bindLanes() async throws {
        for lane in 0..<32 { try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "lane.\(lane)") }
    }

    var messages: [Message] { self.received.withLock { $0 } }
    /// In the order of arrival.
    var sequences: [Int] { self.messages.flatMap { $0.events.map(\.sequence) } }

    func waitFor(sequences: some Sequence<Int>) async throws {
        let expected = Set(sequences)
        try await eventually(within: .seconds(50), "events \(expected.sorted().suffix(3)) at the broker") {
            expected.isSubset(of: Set(self.sequences))
        }
    }

    func close(incarnations: Int) async {
        // What is gone already need not be deleted; the rest must not stay behind a failed test.
        _ = try? await self.channel.deleteQueue(self.queue)
        try? await self.channel.deleteExchange(self.events)
        for incarnation in 1...max(1, incarnations) {
            try? await self.channel.deleteExchange(self.exchange(incarnation: incarnation))
        }
        await self.connection.close()
    }

    private static func events(of body: ByteBuffer) -> [Event] {
        String(buffer: body).split(separator: "\n").compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                return nil
            }
            return Event(
                sequence: object["s"] as? Int ?? -1, name: object["t"] as? String ?? "", guild: object["g"] as? String)
        }
    }
}
