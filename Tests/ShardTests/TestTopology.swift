import AMQP
import ControlAPI
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
        let text: String
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
        try await self.channel.declareExchange(self.control.requests, kind: .direct, durable: false)
        try await self.channel.declareExchange(self.control.replies, kind: .direct, durable: false)
        _ = try await self.channel.declareQueue(self.queue)
        for lane in 0..<32 { try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "lane.\(lane)") }
        try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "commands")
        try await self.channel.consume(self.queue, noAck: true) { delivery in
            let message = Message(
                routingKey: delivery.routingKey, properties: delivery.properties,
                events: Self.events(of: delivery.body),
                text: String(buffer: delivery.body)
            )
            self.received.withLock { $0.append(message) }
        }
    }

    func exchange(incarnation: Int) -> String { "\(self.name).m.\(incarnation)" }
    func controlQueue(incarnation: Int) -> String { "\(self.name).c.\(incarnation)" }

    var control: ControlNames {
        var names = ControlNames()
        names.requests = "\(self.name).control"
        names.replies = "\(self.name).replies"
        names.replyQueuePrefix = "\(self.name).r."
        return names
    }

    func admit(incarnation: Int) async throws {
        try await self.channel.declareExchange(self.exchange(incarnation: incarnation), kind: .fanout, durable: false)
        try await self.channel.bindExchange(self.events, to: self.exchange(incarnation: incarnation))
        try await self.channel.declareQueue(self.controlQueue(incarnation: incarnation))
    }

    func fence(incarnation: Int) async throws {
        try await self.channel.deleteExchange(self.exchange(incarnation: incarnation))
        try await self.channel.deleteQueue(self.controlQueue(incarnation: incarnation))
    }

    func unbindLanes() async throws {
        for lane in 0..<32 {
            try await self.channel.unbindQueue(self.queue, from: self.events, routingKey: "lane.\(lane)")
        }
    }

    func bindLanes() async throws {
        for lane in 0..<32 { try await self.channel.bindQueue(self.queue, to: self.events, routingKey: "lane.\(lane)") }
    }

    /// A queue that takes nothing more, beside the one that takes everything: the broker refuses what goes to both.
    func addFullQueue(lane: Int) async throws {
        let full = "\(self.name).full"
        try await self.channel.declareQueue(
            full, arguments: ["x-max-length-bytes": 1, "x-overflow": "reject-publish", "x-queue-type": "quorum"])
        try await self.channel.publishConfirmed(
            AMQPMessage(exchange: "", routingKey: full, body: ByteBuffer(string: "full")))
        try await self.channel.bindQueue(full, to: self.events, routingKey: "lane.\(lane)")
    }

    func removeFullQueue() async throws { try await self.channel.deleteQueue("\(self.name).full") }

    var messages: [Message] { self.received.withLock { $0 } }
    /// Events as they came, in the order of arrival.
    var lines: [String] { self.messages.flatMap { $0.text.split(separator: "\n").map(String.init) } }
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
        try? await self.removeFullQueue()
        for exchange in [self.events, self.control.requests, self.control.replies] {
            try? await self.channel.deleteExchange(exchange)
        }
        for incarnation in 1...max(1, incarnations) {
            try? await self.channel.deleteExchange(self.exchange(incarnation: incarnation))
            _ = try? await self.channel.deleteQueue(self.controlQueue(incarnation: incarnation))
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
